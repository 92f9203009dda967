"""Avatars as parameters, the artists' engine that draws them, and how c's probabilities become choices.

May import: core, config, networks. Start reading: `parameters`, `engine`, `choose`; a style is one file in `styles`.
"""

"""Errors, types, files, pictures and devices: what every other package uses.

May import: nothing else of this project. Start reading: `images`, `errors.UserError`.
"""

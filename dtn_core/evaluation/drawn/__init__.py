"""Measures of drawn avatars, beyond those of any picture: parameters say exactly what an avatar shows, and c's
probabilities how sure it was.

`measure` collects what the other modules measure: answers (`accuracy`), groups of people (`people`), light
(`lighting_robustness`), likeness (`likeness`) and avatars with the same attributes (`attribute_matching`).
"""

"""Avatars as parameters: what can be chosen (`parameters`), the artist's engine that draws it (`engine`), the same
engine as a differentiable function of soft choices (`atlas`), and how a network's beliefs become choices
(`choose`, `choose_shape`, `skin`; `calibrate` learns how from photos)."""

"""Avatars as parameters: what can be chosen (`parameters`), the artist's engine that draws it (`engine`), and how a
network's beliefs become choices (`choose`, `choose_shape`, `skin`; `calibrate` learns how from photos)."""

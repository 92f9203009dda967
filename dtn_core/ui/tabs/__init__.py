"""The tabs and modes of the app: each module has a function that fills one.

May import: as `ui`. Start reading: `emojify.fill`.
"""

"""All figures of a checkpoint: read from its files and ``results/``, plus calibration, memorization and a map of f.

May import: as `evaluation`. Start reading: `reading.read`.
"""

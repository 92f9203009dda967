"""Measures, tables, the paper's experiments and the evidence of a checkpoint: computed first, rendered last.

May import: everything but ui and cli. Start reading: `faces`, `experiments.digits`, `evidence.reading`.
"""

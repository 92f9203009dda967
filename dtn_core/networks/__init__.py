"""Networks (f, g, D, SR, c), the losses of the paper, and the format of checkpoints.

May import: core, config. Start reading: `losses`, `generator`, `checkpoint`.
"""

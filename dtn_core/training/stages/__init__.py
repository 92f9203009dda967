"""The stages: what a training learns. One module a stage, registered in `registry.STAGES`.

May import: as `training`. Start reading: `transfer.TransferStage`, which trains the DTN.
"""

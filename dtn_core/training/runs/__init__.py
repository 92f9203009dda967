"""Run directories: create, resume and write (`store`), read (`status`), start and stop processes (`launcher`).

May import: as `training`. Start reading: `store.Run`.
"""

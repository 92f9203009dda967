"""Run directories: `store` writes them, `lock` says who trains them, `status` reads them, `launcher` starts trainings.

May import: as `training`. Start reading: the table of files in `store`.
"""

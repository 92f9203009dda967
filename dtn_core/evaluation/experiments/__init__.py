"""The paper's experiments on digits: trainings and measurements that fill its tables.

May import: as `evaluation`. Start reading: `digits`.
"""

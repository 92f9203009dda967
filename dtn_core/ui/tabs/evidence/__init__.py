"""The tab *Evidence*: figures, charts and galleries of a checkpoint, and suites that compute more.

May import: as `ui`. Start reading: `tab.fill`.
"""

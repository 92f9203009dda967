"""The tab *Train*: the form, the list of runs, and one run with its curves and samples.

May import: as `ui`. Start reading: `service.TrainService`, `tab.fill`.
"""

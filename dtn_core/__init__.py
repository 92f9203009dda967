"""DTN Studio: an unsupervised translation from faces to emoji, and from any picture domain to another.

The house, floor by floor; imports point down only (tests/test_floors.py keeps it so):

floor 0  errors, config, types, files, images, augment, colours, events,
         devices, metrics, weights                words everyone uses
floor 1  networks/, losses, faces/, avatars/      parts; siblings don't know each other
floor 2  checkpoint, joining, drawer, domains/    weights that explain themselves; where pictures come from
floor 3  transfer, training/, evaluation/         the pipeline; the loop; the figures
floor 4  live/, video/, experiments/, evidence/   faces that move; trainings, figures, and all that was measured
floor 5  ui/, cli/, __main__                      the app and the command line
"""

"""What has been measured of a checkpoint, in one place: read from its files and from ``results/``, and what nobody else
computes, reliability, nearest neighbours in t and a map of f, by one command."""

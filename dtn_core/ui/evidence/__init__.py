"""The tab *Evidence*."""

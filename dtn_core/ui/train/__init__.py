"""The tab *Train*."""

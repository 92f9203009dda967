"""Loaded checkpoints as callables: photos, digits, live video and video files.

May import: core, config, networks, faces, avatars, data. Start reading: `photo.Transferrer`.
"""

"""Faces in pictures: detect, align, landmarks, quality, tracking, pasting.

May import: core, networks. Start reading: `detect.detect`, `align.align`.
"""

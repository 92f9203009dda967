"""A pack of the style cartoon-set, drawn in a moment."""

from __future__ import annotations

import csv
import zipfile

import cv2
import numpy as np

HAIR = {0: None, 1: (230, 190, 60), 2: (200, 80, 30), 3: (110, 60, 30), 4: (30, 30, 30), 5: (170, 170, 175)}
"""cartoonset.csv's numbers → RGB; 0 is bald."""


def cartoon(hair=3, glasses=False, background=(255, 255, 255), side=128):
    """A face with eyes where the set has them: (side, side, 3) uint8."""
    picture = np.full((side, side, 3), background, np.uint8)
    at = lambda x, y: (round(x * side), round(y * side))  # noqa: E731
    if HAIR[hair]:
        cv2.ellipse(picture, at(0.5, 0.45), at(0.3, 0.34), 0, 0, 360, HAIR[hair], -1)
    cv2.ellipse(picture, at(0.5, 0.55), at(0.24, 0.3), 0, 0, 360, (225, 175, 145), -1)
    for x in (0.3555, 0.6405):
        cv2.circle(picture, at(x, 0.492), round(0.03 * side), (20, 20, 20), -1)
        if glasses:
            cv2.circle(picture, at(x, 0.492), round(0.1 * side), (20, 60, 160), 3)
    return picture


def write_cartoons(folder, count=12, coloured=()):
    """cartoonset.zip and cartoonset.csv with so many cartoons: hair in turn, every other one with glasses, all
    smiling, as in the set; those of the numbers in coloured stand before blue. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "cartoonset.zip", "w") as pack, (folder / "cartoonset.csv").open("w") as table:
        rows = csv.writer(table)
        rows.writerow(["file", "hair_color", "eyeglasses", "smiling", "young"])
        for i in range(count):
            background = (90, 140, 220) if i in coloured else (255, 255, 255)
            picture = cartoon(i % 6, bool(i % 2), background)
            pack.writestr(f"{i}.jpg", cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())
            rows.writerow([f"{i}.jpg", i % 6, 1 if i % 2 else -1, 1, 1])
    return folder

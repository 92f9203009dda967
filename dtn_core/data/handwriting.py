"""Handwritten digits drawn by procedure: the embedded stand-in for MNIST. handwriting.json has the strokes, points
(x, y) in hundredths of a digit's height."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32


@cache
def written() -> list[list[dict[str, Any]]]:
    """Variants of each digit: {share: how often, strokes: of control points}."""
    return json.loads(Path(__file__).with_name("handwriting.json").read_text("utf-8"))


def _spline(points: int) -> NDArray[np.float32]:
    """The matrix (samples, points) that turns control points into a Catmull-Rom curve through them; a point given
    twice is a corner."""
    rows = []
    steps = np.linspace(0, 1, 5)[:-1]
    for k in range(points - 1):
        for t in [*steps, 1.0] if k == points - 2 else steps:
            row = np.zeros(points)
            for offset, weight in zip(
                (-1, 0, 1, 2),
                (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3),
            ):
                row[min(max(k + offset, 0), points - 1)] += weight / 2
            rows.append(row)
    return np.array(rows, np.float32)


class Template(NamedTuple):
    """A way to write a digit of unit height. points: (P, 2), the control points; same: (P,), equal where those
    coincide; matrix: (S, P), from them to the points of the curves; ends: where each stroke's part of these ends.
    Not to be written to."""

    points: NDArray[np.float32]
    same: NDArray[np.int64]
    matrix: NDArray[np.float32]
    ends: tuple[int, ...]


@cache
def template(digit: int, variant: int) -> Template:
    """A variant of how a digit is written."""
    strokes = written()[digit][variant]["strokes"]
    curves = [_spline(len(stroke)) for stroke in strokes]
    matrix = np.zeros((sum(len(c) for c in curves), sum(len(s) for s in strokes)), np.float32)
    row = column = 0
    ends = []
    for curve in curves:
        matrix[row : row + curve.shape[0], column : column + curve.shape[1]] = curve
        row, column = row + curve.shape[0], column + curve.shape[1]
        ends.append(row)
    points = np.array([point for stroke in strokes for point in stroke], np.float32) / 100
    same = np.unique(points, axis=0, return_inverse=True)[1].ravel()
    for each in (points, same, matrix):
        each.setflags(write=False)
    return Template(points, same, matrix, tuple(ends))


def handwritten(rng: np.random.Generator, digit: int) -> NDArray[np.uint8]:
    """A digit as MNIST keeps it, padded to (32, 32) uint8: white on black, 20 pixels at its longer side."""
    shares = np.cumsum([variant["share"] for variant in written()[digit]])
    way = template(digit, int(np.searchsorted(shares, rng.random() * shares[-1], "right")))
    # Points that coincide are a corner, or where strokes meet: they move together
    curve = way.matrix @ (way.points + rng.normal(0, 0.034, (len(way.points), 2))[way.same])
    curve -= curve.mean(0)
    waves = rng.normal(0, 0.022, (2, 2)) * np.sin(curve @ rng.normal(0, 5, (2, 2)) + rng.uniform(0, 6.3, 2))[:, :, None]
    curve = curve + waves.sum(1)
    slant = rng.normal(0.13, 0.24) + (rng.normal(0.08, 0.15) if digit == 1 else 0)
    width = np.exp(rng.normal(0.18, 0.21))
    turn = rng.normal(0, 0.09)
    lean = np.array([[width, 0], [-slant, 1]]) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    curve = curve @ lean

    # Drawn about four times as large, then cut to its ink and fitted to 20 pixels, as MNIST was made
    low, high = curve.min(0), curve.max(0)
    brush = np.clip(np.exp(rng.normal(np.log(0.1), 0.33)), 0.05, 0.2) * 80
    places = 16 + (curve - low) * (80 - brush) / max(high - low)
    canvas = np.zeros((112, 112), np.uint8)
    pressure = 1 + rng.normal(0, 0.12) * np.sin(np.linspace(0, rng.uniform(2, 12), len(curve)) + rng.uniform(0, 6.3))
    widths = np.maximum(np.round(brush * pressure), 3).astype(int).tolist()
    places = np.round(places * 16).astype(int).tolist()
    start = 0
    for end in way.ends:
        for k in range(start, end - 1):
            cv2.line(canvas, places[k], places[k + 1], 255, widths[k], cv2.LINE_8, 4)
        start = end
    x, y, width, height = cv2.boundingRect(canvas)
    size = np.maximum(np.round(np.array((width, height)) * 20 / max(width, height)), 1).astype(int)
    small = cv2.resize(canvas[y : y + height, x : x + width], size.tolist(), interpolation=cv2.INTER_AREA)
    moments = cv2.moments(small)
    left = SIDE // 2 - round(moments["m10"] / moments["m00"] + 0.5)
    top = SIDE // 2 - round(moments["m01"] / moments["m00"] + 0.5)
    # MNIST's own 28 pixels end two from the border here
    left, top = (min(max(at, 2), SIDE - 2 - length) for at, length in zip((left, top), size))
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture

"""Digits drawn by procedure: the embedded stand-in for SVHN (s) and MNIST (t), and extra labelled data for f.

Everything follows from the generator given; nothing is read but the fonts that matplotlib and Pillow bring along.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from ..core.types import Image
from .handwriting import SIDE, handwritten, template

FONTS = (
    "Aileron", "Aileron", "Aileron", "Brush1", "Brush1", "Brush2", "Brush2", "DejaVuSans", "DejaVuSans",
    "DejaVuSans-Bold", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "DejaVuSansMono",
    "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif", "DejaVuSerif-Bold",
    "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic", "STIXGeneral", "STIXGeneral", "STIXGeneralBol", "STIXGeneralBol",
    "STIXGeneralItalic", "STIXGeneralBolIta", "cmb10", "cmr10", "cmss10", "cmss10", "cmti10", "cmtt10",
)  # fmt: skip
"""What numbers are set in, as often as named: matplotlib's fonts with digits of even height; Aileron, Pillow's own;
and Brush1 and Brush2, lines as of `handwriting`. OpenCV's are left out, as they differ between its versions."""
FOOTLESS = ("DejaVuSans", "DejaVuSans-Bold", "cmss10")
"""Fonts whose 1 is drawn without its foot, as that of most sans serif fonts on doors."""


_GLYPH = 64  # height of a cached digit
_PAD = 16  # room around it for its distances
_WORK, _MARGIN = 96, 9  # the canvas of masks, three times the picture, and the room around it for moved ones


def _printed(font: str, digit: int) -> NDArray[np.uint8]:
    """A digit large, cut to its ink: (H, W), 255 where there is some."""
    size = 256
    if font.startswith("Brush"):
        canvas = np.zeros((2 * size, 2 * size), np.uint8)
        way = template(digit, int(font[-1]) - 1)
        strokes = np.split((way.matrix @ way.points + 0.5) * size, way.ends[:-1])
        cv2.polylines(canvas, [s.round().astype(np.int32) for s in strokes], False, 255, 36)
    else:
        # Monospaced fonts cross out or dot their zero, as no door does
        text = "O" if digit == 0 and "Mono" in font else str(digit)
        folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
        face = ImageFont.load_default(size) if font == "Aileron" else ImageFont.truetype(folder / f"{font}.ttf", size)
        page = PILImage.new("L", (2 * size, 2 * size))
        ImageDraw.Draw(page).text((size // 2, size // 3), text, fill=255, font=face)
        canvas = np.where(np.asarray(page) > 127, np.uint8(255), np.uint8(0))
    x, y, width, height = cv2.boundingRect(canvas)
    ink = canvas[y : y + height, x : x + width]
    if digit == 1 and font in FOOTLESS:
        stem = np.flatnonzero(ink[height * 2 // 3])
        ink[height * 4 // 5 :, : stem[0]] = 0
        ink = ink[:, : stem[-1] + 1]
    return ink


@cache
def glyph(font: str, digit: int) -> NDArray[np.float32]:
    """A digit as its signed distances, positive inside: (96, W) in pixels of a digit 64 high. Not to be written to."""
    ink = _printed(font, digit)
    scale = ink.shape[0] / _GLYPH
    room = round(_PAD * scale)
    ink = np.pad(ink, room)
    inside, outside = (cv2.distanceTransform(each, cv2.DIST_L2, 5) for each in (ink, 255 - ink))
    size = (round(ink.shape[1] / scale), _GLYPH + 2 * _PAD)
    distances = cv2.resize((inside - outside) / np.float32(scale), size, interpolation=cv2.INTER_AREA)
    distances.setflags(write=False)
    return distances


def _number(rng: np.random.Generator, digit: int) -> tuple[NDArray[np.float32], float]:
    """The digit in some font, with its neighbours, if any: signed distances (96, W), and the x of its middle."""
    font = FONTS[rng.integers(len(FONTS))]
    glyphs = [glyph(font, digit)]
    before, after = rng.random(2) < 0.5
    others = rng.integers(0, 10, 2).tolist()
    if before:
        glyphs.insert(0, glyph(font, others[0]))
    if after:
        glyphs.append(glyph(font, others[1]))
    gap = min(int(rng.exponential(11)), 50) - 2 - 2 * _PAD
    starts = np.cumsum([0] + [each.shape[1] + gap for each in glyphs[:-1]]).tolist()
    line = np.full((_GLYPH + 2 * _PAD, starts[-1] + glyphs[-1].shape[1]), -_PAD, np.float32)
    for start, each in zip(starts, glyphs):
        part = line[:, start : start + each.shape[1]]
        np.maximum(part, each, out=part)
    mine = int(before)
    return line, starts[mine] + glyphs[mine].shape[1] / 2


def _placed(rng: np.random.Generator, line: NDArray[np.float32], middle: float) -> tuple[NDArray[np.float32], float]:
    """The line seen at an angle: distances (114, 114) in glyph pixels, and pixels of the canvas to one of those."""
    tall = rng.uniform(0.5, 0.98) * _WORK / _GLYPH
    wide = tall * math.exp(rng.normal(-0.2, 0.2))
    angle = math.radians(min(max(rng.normal(0, 5.5), -15), 15))
    shear = rng.normal(0, 0.08) * tall
    tilt = rng.normal(0, 0.0006, 2)
    x, y = rng.normal(0, 0.035, 2) * _WORK + _WORK / 2 + _MARGIN
    cos, sin = math.cos(angle), math.sin(angle)
    centre = np.array([[1, 0, -middle], [0, 1, -line.shape[0] / 2], [0, 0, 1]])
    stretch = np.array([[wide, shear, 0], [0, tall, 0], [0, 0, 1]])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [tilt[0], tilt[1], 1]])
    place = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    side = _WORK + 2 * _MARGIN
    matrix = place @ turn @ stretch @ centre
    seen = cv2.warpPerspective(line, matrix, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=-_PAD)
    return seen, math.sqrt(tall * wide)


def _mask(shape: NDArray[np.float32], dx: float = 0, dy: float = 0) -> NDArray[np.float32]:
    """Coverage (32, 32, 1) 0..1 by the shape (114, 114), moved by (dx, dy) pixels of the canvas."""
    left, top = _MARGIN - round(dx), _MARGIN - round(dy)
    part = shape[top : top + _WORK, left : left + _WORK]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., None]


@cache
def _axes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x (1, 32, 1) and y (32, 1, 1) of a picture's pixels, -1..1. Not to be written to."""
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    axis.setflags(write=False)
    return axis[None, :, None], axis[:, None, None]


def _slope(rng: np.random.Generator, amount: float) -> NDArray[np.float32]:
    """A linear gradient (32, 32, 1) about that strong in a random direction."""
    x, y = _axes()
    return rng.normal(0, amount) * x + rng.normal(0, amount) * y


def _blotches(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """Smooth noise (32, 32, 1) of unit strength with that many cells."""
    cells = rng.standard_normal((rows, columns), np.float32)
    return cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[..., None]


def _hue(rng: np.random.Generator, bluish: float, greenish: float) -> NDArray[np.float32]:
    """A colour's difference from grey (3,), about that strong; most are weak, a few many times as strong."""
    strength = math.exp(rng.normal(0, 0.7))
    blue, green = rng.normal(0, strength * bluish), rng.normal(0, strength * greenish)
    return np.array([-blue / 2 - green / 3, 2 * green / 3, blue / 2 - green / 3], np.float32)


def _colours(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Background and digit, each (3,) about 0..1, in SVHN's proportions: greys, bluish or brownish."""
    contrast = 0.35 * math.exp(rng.normal(0, 0.38))
    dark_digit = rng.random() < 0.53
    if dark_digit:
        back = min(max(rng.normal(0.63, 0.17), 0.25), 1.05)
        front = max(back - contrast, rng.uniform(0.03, 0.13))
    else:
        back = min(max(0.2 * math.exp(rng.normal(0, 0.6)), 0.02), 0.75)
        front = min(back + contrast, rng.uniform(0.95, 1.05))
    light = _hue(rng, 0.05, 0.01) + np.array([-0.015, 0, 0.015], np.float32)
    background, digit = (grey + light + _hue(rng, 0.04, 0.013) for grey in (back, front))
    # Cameras turn what is dark beside light purplish
    (digit if dark_digit else background)[:] += np.array([0.008, -0.02, 0.024], np.float32)
    return background, digit


def _plate(rng: np.random.Generator) -> NDArray[np.float32]:
    """Distances in pixels (32, 32, 1) from the edge of a plate, positive on it."""
    x, y = _axes()
    slant = rng.normal(0, 0.08)
    x, y = x + slant * y, y - slant * x
    if rng.random() < 0.2:
        distance = 1 - np.sqrt((x / rng.uniform(0.8, 1.6)) ** 2 + (y / rng.uniform(0.8, 1.1)) ** 2)
    else:
        # Most of the four edges lie outside: one or two are seen
        left, top, right, bottom = (rng.uniform(0.7, 1.3, 4) + 0.4 * (rng.random(4) < 0.4)).tolist()
        distance = np.minimum(np.minimum(x + left, right - x), np.minimum(y + top, bottom - y))
    return distance * (SIDE / 2)


def _wall(rng: np.random.Generator, colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the digit is fixed to: (32, 32, 3) about 0..1."""
    wall = colour + _slope(rng, 0.03)
    texture = rng.random()
    cells = int(rng.integers(2, 12))
    if texture < 0.55:  # stone, dirt
        wall += rng.uniform(0, 0.06) * _blotches(rng, cells, cells)
    elif texture < 0.65:  # boards, bricks
        wall += rng.uniform(0.02, 0.08) * (_blotches(rng, cells, 1) if rng.random() < 0.6 else _blotches(rng, 1, cells))
    if rng.random() < 0.35:  # a plate ends within the picture
        inside = _plate(rng)
        wall += np.clip(0.5 - inside, 0, 1) * (rng.beta(1.3, 1.5) + _hue(rng, 0.08, 0.03) - wall)
        if rng.random() < 0.4:  # and has a rim
            rim = np.clip(rng.uniform(0.8, 1.6) - np.abs(inside - rng.uniform(0, 3)), 0, 1)
            wall += rim * (rng.random() + _hue(rng, 0.05, 0.02) - wall)
    return wall


def _photographed(rng: np.random.Generator, scene: NDArray[np.float32]) -> Image:
    """The scene (32, 32, 3) about 0..1 as a cheap camera far off keeps it."""
    scene = cv2.GaussianBlur(scene, (0, 0), 0.35 + rng.exponential(0.5), borderType=cv2.BORDER_REPLICATE)
    if rng.random() < 0.2:
        length = int(rng.integers(2, 6))
        scene = cv2.blur(scene, (length, 1) if rng.random() < 0.7 else (1, length), borderType=cv2.BORDER_REPLICATE)
    side = int(min(max(math.exp(rng.normal(3.0, 0.42)), 9), SIDE))
    if side < SIDE:
        scene = cv2.resize(scene, (side, side), interpolation=cv2.INTER_AREA)
    scene = scene + rng.exponential(0.005) * rng.standard_normal(scene.shape, np.float32)
    photo = np.clip(scene * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))]
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), quality)[1]
        photo = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    if side < SIDE:
        smooth = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
        photo = cv2.resize(photo, (SIDE, SIDE), interpolation=smooth)
    return photo


def street(rng: np.random.Generator, digit: int) -> Image:
    """A house number's digit as SVHN crops it, neighbours cut off: (32, 32, 3) RGB."""
    distances, scale = _placed(rng, *_number(rng, digit))
    weight = min(max(rng.normal(0.3, 1.6), -1.5), 5)
    shape = np.clip((distances + weight) * scale + 0.5, 0, 1)
    ink = _mask(shape)
    background, paint = _colours(rng)
    scene = _wall(rng, background)
    if rng.random() < 0.3:  # a shadow
        scene *= 1 - rng.uniform(0.15, 0.6) * _mask(shape, rng.uniform(-7, 7), rng.uniform(-2, 7))
    if rng.random() < 0.12:  # an outline of another colour
        wide = np.clip((distances + weight + rng.uniform(2, 6)) * scale + 0.5, 0, 1)
        scene += _mask(wide) * (rng.random() + _hue(rng, 0.06, 0.02) - scene)
    scene += ink * (paint + _slope(rng, 0.03) - scene)
    if rng.random() < 0.25:  # raised: lit on one side, dark on the other
        dx, dy = rng.uniform(-3, 3), rng.uniform(1, 3)
        relief = _mask(shape, -dx, -dy) - _mask(shape, dx, dy)
        scene += rng.uniform(0.08, 0.35) * (relief * ink if rng.random() < 0.7 else relief)
    scene *= 1 + _slope(rng, 0.06)
    return _photographed(rng, scene)


def draw_many(kind: Literal["street", "handwritten"], seed: int, n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """n digits and their labels: street (n, 32, 32, 3), handwritten (n, 32, 32); labels (n,) 0..9, drawn evenly.
    Item i depends on (kind, seed, i) alone."""
    draw = {"street": street, "handwritten": handwritten}[kind]
    pictures = np.empty((n, SIDE, SIDE, 3) if kind == "street" else (n, SIDE, SIDE), np.uint8)
    labels = np.empty(n, np.int64)
    for i in range(n):
        rng = np.random.default_rng((seed, i, int(kind == "street")))
        labels[i] = rng.integers(10)
        pictures[i] = draw(rng, int(labels[i]))
    return pictures, labels

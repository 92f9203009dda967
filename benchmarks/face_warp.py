"""Expressions put on a still portrait by warping it: lids, brows, mouth, and glasses drawn on.

Everything is measured in a, the distance between the centres of the eyes, in a copy of the portrait that is turned
level. Maps run backwards, as `cv2.remap` wants them: for every pixel of the result, where it is taken from.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dtn_core.core.types import Image

WIDTH, HEIGHT, EYES = 6.4, 7.6, (3.2, 3.0)
"""The level copy's size and the middle between its eyes, in a."""

SHUT = 0.01
"""How far a closed lid goes beyond the lower lid, in a."""

RISE = 0.15
"""Share of the eye's opening by which the lower lid rises when it closes."""


class Warp:
    """A portrait turned level. points: (68, 2), in the picture's pixels; a: of the level copy, in pixels.

    `expression` returns the level copy with an expression on it; `depth` is how far each of its pixels stands out
    towards the camera, in a, for turns of the head.
    """

    def __init__(self, picture: Image, points: NDArray[np.float64], a: float) -> None:
        left, right = points[36:42].mean(0), points[42:48].mean(0)
        scale = a / float(np.hypot(*(right - left)))
        cos, sin = scale * (right - left) / np.hypot(*(right - left))
        turn = np.array([[cos, sin], [-sin, cos]])
        middle = np.array(EYES) * a
        self.a, self.matrix = a, np.column_stack([turn, middle - turn @ ((left + right) / 2)])
        size = (round(WIDTH * a), round(HEIGHT * a))
        if scale < 0.7:  # so that nothing aliases
            picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
        self.level = cv2.warpAffine(picture, self.matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), self.matrix, size)
        inside = cv2.erode(inside, None, iterations=max(1, round(0.25 * a)), borderType=cv2.BORDER_CONSTANT)
        self.inside = cv2.GaussianBlur(inside, (0, 0), 0.1 * a)
        self.points = np.column_stack([points, np.ones(68)]) @ self.matrix.T
        self.y, self.x = np.mgrid[: size[1], : size[0]].astype(np.float32)

    @property
    def eyes(self) -> NDArray[np.float64]:
        """(2, 2): the centres of the left and the right eye of the picture, in the level copy."""
        return np.stack([self.points[36:42].mean(0), self.points[42:48].mean(0)])

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        x, y = self.x / self.a - EYES[0], self.y / self.a - EYES[1]
        head = 0.7 * np.exp(-(x**2) - ((y - 0.5) / 1.8) ** 2)
        nose = 0.3 * np.exp(-((x / 0.24) ** 2) - ((y - 0.5) / 0.4) ** 2)
        return (head + nose).astype(np.float32)

    @cached_property
    def _fields(self) -> dict[str, NDArray[np.float32]]:
        """Parameter → (H, W, 2): what 1 of it adds to the place a pixel is taken from."""
        a, p = self.a, self.points
        x, y = self.x, self.y
        none = np.zeros_like(x)
        mouth = (p[48] + p[54]) / 2
        half = (p[54, 0] - p[48, 0]) / 2

        def bump(at: NDArray[np.float64], width: float, height: float) -> NDArray[np.float32]:
            return np.exp(-(((x - at[0]) / (width * a)) ** 2) - ((y - at[1]) / (height * a)) ** 2)

        fields = {}
        for name, brow, eye in (("left", p[17:22], p[36:42]), ("right", p[22:27], p[42:48])):
            middle = brow.mean(0)
            lid = eye[:, 1].min() - 0.04 * a
            rises = 0.16 * a * bump(middle - (0, 0.16 * a), 0.45, 0.32)
            rises *= np.clip((lid - y) / (lid - middle[1] + 0.16 * a), 0, 1)
            fields[f"brow {name}"] = np.stack([none, rises], 2)
        # The corners of a smile go out and up, and the cheeks above them up.
        out, up = none.copy(), none.copy()
        for corner, side in ((p[48], -1), (p[54], 1)):
            near = bump(corner, 0.36, 0.3)
            out -= side * 0.17 * a * near
            up += 0.16 * a * near + 0.06 * a * bump(corner + (side * 0.1 * a, -0.4 * a), 0.35, 0.3)
        fields["smile"] = np.stack([out, up], 2)
        narrow = (mouth[0] - x) * np.exp(-(((x - mouth[0]) / (1.5 * half)) ** 4)) * bump(mouth, 9, 0.4)
        fields["wide"] = np.stack([0.22 * narrow, none], 2)
        return {name: field.astype(np.float32) for name, field in fields.items()}

    def expression(
        self,
        lids: tuple[float, float] = (1.0, 1.0),
        brows: tuple[float, float] = (0.0, 0.0),
        open: float = 0.0,
        wide: float = 0.0,
        smile: float = 0.0,
        glasses: bool = False,
    ) -> Image:
        """The level copy with an expression; the parameters as in `dtn_core.pipeline.live.motion.Motion`, of which the
        portrait's own are the usual ones."""
        amounts = {"brow left": brows[0], "brow right": brows[1], "smile": smile, "wide": wide}
        field = sum((v * self._fields[name] for name, v in amounts.items() if v), np.float32(0))
        x, y = self.x, self.y
        paint = []
        if open:
            y, gap = self._jaw(open, field)
            paint.append((gap, self._inside_of_mouth))
        if not np.isscalar(field):
            moved = field if not open else cv2.remap(field, x, y, cv2.INTER_LINEAR)
            x, y = x + moved[..., 0], y + moved[..., 1]
        for eye, brow, lid in ((slice(36, 42), slice(17, 22), lids[0]), (slice(42, 48), slice(22, 27), lids[1])):
            if lid < 1:
                y, skin, lash = self._lid(y, self.points[eye], self.points[brow], 1 - lid)
                paint += [(skin, self._skin(self.points[eye])), (lash, self._lash(self.points[eye]))]
        plain = x is self.x and y is self.y
        made = self.level.copy() if plain else cv2.remap(self.level, x, y, cv2.INTER_LINEAR)
        for alpha, colour in paint:
            made = (made + alpha[..., None] * (colour - made.astype(np.float32))).astype(np.uint8)
        return self._with_glasses(made) if glasses else made

    def _lid(
        self, y: NDArray[np.float32], eye: NDArray[np.float64], brow: NDArray[np.float64], shut: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """The rows pixels are taken from with the lids closed by a share of the eye's opening, the upper one as skin
        between brow and lid that stretches, the lower one rising a little to meet it; how much plain skin lies on the
        upper lid, and where the lashes are, 0..1."""
        a, left, right = self.a, eye[0, 0], eye[3, 0]
        margin = 0.06 * a
        columns = slice(max(0, int(left - margin)), int(right + margin) + 2)
        x = self.x[0, columns]
        t = (x - left) / (right - left)
        upper = np.polyval(np.polyfit(eye[:4, 0], eye[:4, 1], 2), x)
        lower = np.polyval(np.polyfit(eye[[0, 5, 4, 3], 0], eye[[0, 5, 4, 3], 1], 2), x)
        within = np.clip(4.5 * (0.5 - np.abs(t - 0.5) + margin / (right - left)), 0, 1)
        opening, early = np.maximum(lower - upper, 0), min(1.0, 3 * shut)
        rim = 0.045 * a * within * early  # the lashes and what shows above the points is not skin
        meets = lower - RISE * shut * within * opening
        edge = upper - 0.02 * a + within * shut * (meets - upper + (0.02 + SHUT) * a)
        brow_y = np.interp(x, brow[:, 0], brow[:, 1])
        top = np.minimum(upper - 0.5 * np.maximum(upper - brow_y, 0.2 * a), upper - 0.12 * a)
        bottom = lower + 0.2 * a
        rows = slice(int(top.min()), int(bottom.max()) + 2)
        part = self.y[rows, columns]
        stretched = top + (part - top) * (upper - 0.02 * a - rim - top) / (edge - top)
        below = lower + (part - meets) * (bottom - lower) / (bottom - meets)
        lid = (part > top) & (part < edge)
        taken = np.where(lid, stretched, np.where((part >= meets) & (part < bottom), below, part))
        made, skin, lash = y.copy(), np.zeros_like(y), np.zeros_like(y)
        made[rows, columns] += taken - part
        skin[rows, columns] = 0.7 * lid * np.clip((part - top) / (upper - top), 0, 1) * within * early
        thick = np.where(part < edge, 0.026 * a, 0.018 * a)
        lash[rows, columns] = np.exp(-(((part - edge) / thick) ** 2)) * within * (t > -0.02) * (t < 1.02)
        return made, skin, 0.75 * early * lash

    def _skin(self, eye: NDArray[np.float64]) -> NDArray[np.float32]:
        """The colour of a lid: of the cheek below the eye, a little darker."""
        (left, right), bottom = (eye[[0, 3], 0] + (0.05 * self.a, -0.05 * self.a)).astype(int), eye[4:, 1].max()
        cheek = self.level[int(bottom + 0.16 * self.a) : int(bottom + 0.32 * self.a), left:right]
        return 0.94 * np.median(cheek.reshape(-1, 3), 0).astype(np.float32)

    def _lash(self, eye: NDArray[np.float64]) -> NDArray[np.float32]:
        left, top = np.floor(eye.min(0)).astype(int)
        right, bottom = np.ceil(eye.max(0)).astype(int) + 1
        around = self.level[top:bottom, left:right].reshape(-1, 3).astype(np.float32)
        return np.percentile(around, 8, 0).astype(np.float32)

    def _jaw(
        self, open: float, field: NDArray[np.float32] | np.float32
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The rows pixels are taken from with lower lip and chin down by `open`; and where the mouth's inside shows."""
        a, p = self.a, self.points.copy()
        if not np.isscalar(field):  # the lips move with the other parameters
            at = np.rint(p[60:68]).astype(int)
            p[60:68] -= field[at[:, 1], at[:, 0]]
        seam = p[[60, 67, 66, 65, 64]]
        middle, half = (seam[0, 0] + seam[4, 0]) / 2, (seam[4, 0] - seam[0, 0]) / 2
        line = np.interp(self.x[0], seam[:, 0], seam[:, 1])
        drop = 0.5 * a * open
        chin = self.points[8, 1] + drop
        share = np.clip((self.y - line) / max(1.0, chin - float(line[round(middle)])), 0, 1)
        reach = half * (1 + 0.9 * share)
        across = np.sqrt(np.clip(1 - ((self.x - middle) / reach) ** 2, 0, 1))
        across = across * (1 - share) + share * np.exp(-(((self.x - middle) / (1.5 * half)) ** 2))
        below = np.clip((self.y - chin) / (0.9 * a), 0, 1)
        fall = drop * across * (0.5 + 0.5 * np.cos(np.pi * below))
        gap = drop * np.sqrt(np.clip(1 - ((self.x[0] - middle) / half) ** 2, 0, 1))
        under = self.y > line
        y = np.where(under, np.maximum(self.y - fall, line), self.y).astype(np.float32)
        inside = np.clip(self.y - line, 0, 1) * np.clip(line + gap - self.y, 0, 1)
        return y, cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.012 * a)

    @cached_property
    def _inside_of_mouth(self) -> NDArray[np.float32]:
        """The dark of a mouth in this light."""
        lips = self.level[tuple(np.rint(self.points[[51, 57]]).astype(int)[:, ::-1].T)]
        return lips.mean(0).astype(np.float32) * np.float32((0.3, 0.16, 0.16))

    def _with_glasses(self, picture: Image) -> Image:
        """Dark rims drawn over the eyes, with a faint shine on the glass."""
        a = self.a
        thick, shift = max(1, round(0.07 * a)), 4
        layer = np.zeros(picture.shape[:2], np.uint8)
        shine = np.zeros_like(layer)
        centres = self.eyes + (0, 0.06 * a)
        for centre in centres:
            outline = cv2.ellipse2Poly((0, 0), (1000, 1000), 0, 0, 360, 6) / 1000
            outline = np.sign(outline) * np.abs(outline) ** 0.6  # a rounded rectangle
            outline = np.rint((centre + outline * (0.4 * a, 0.33 * a)) * 2**shift).astype(np.int32)
            cv2.fillPoly(shine, [outline], 255, cv2.LINE_AA, shift)
            cv2.polylines(layer, [outline], True, 255, thick, cv2.LINE_AA, shift)
        inner = centres + [(0.4 * a, -0.08 * a), (-0.4 * a, -0.08 * a)]
        temples = [(self.points[0, 0], centres[0, 1] - 0.12 * a), (self.points[16, 0], centres[1, 1] - 0.12 * a)]
        lines = [inner, [centres[0] - (0.4 * a, 0.1 * a), temples[0]], [centres[1] + (0.4 * a, -0.1 * a), temples[1]]]
        for line in lines:
            ends = np.rint(np.array(line) * 2**shift).astype(np.int32)
            cv2.polylines(layer, [ends], False, 255, thick, cv2.LINE_AA, shift)
        made = picture + shine[..., None] / np.float32(255) * 0.06 * (235 - picture.astype(np.float32))
        return (made + layer[..., None] / np.float32(255) * (np.float32((28, 24, 24)) - made)).astype(np.uint8)

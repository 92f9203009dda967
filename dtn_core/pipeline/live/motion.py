"""Motion of a face: 68 landmarks, relative to the neutral baseline of this face, become a few numbers.

Landmarks of closed eyes and of smiles are inaccurate, and biased differently on every face. So an eye counts as closed
if it is narrow *for this face*, and a smile is relative to the neutral mouth, which is learnt while f reads no smile.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...avatars.predict import Predictions
from ...core.types import Image
from ...faces.landmarks import Points


class Motion(NamedTuple):
    """Motion of one face in one frame. Left and right are those of the picture.

    Attributes:
        x: Middle between the eyes, pixels of the frame.
        y: Middle between the eyes, pixels of the frame.
        apart: Distance of the eye centres as it would be from the front, in pixels.
        roll: Degrees clockwise.
        yaw: -1..1, towards the right; 0 faces the camera.
        pitch: -1..1, downwards; 0 faces the camera.
        lids: Left and right eye: 0 closed, 1 as open as usual, at most 1.3.
        brows: Left and right brow: -1..1, 0 as usual, 1 raised.
        open: Opening of the mouth, 0..1.
        wide: Width of the mouth: -1 pursed, 0 as usual, 1 wide.
        smile: 0..1.
    """

    x: float
    y: float
    apart: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    lids: tuple[float, float] = (1.0, 1.0)
    brows: tuple[float, float] = (0.0, 0.0)
    open: float = 0.0
    wide: float = 0.0
    smile: float = 0.0


class Measures(NamedTuple):
    """Geometry of 68 landmarks in one frame. Lengths are relative to the distance of the eyes seen from the front.

    Attributes:
        x: See `Motion`.
        y: See `Motion`.
        apart: See `Motion`.
        roll: See `Motion`.
        yaw: See `Motion`; not clipped.
        nose: Distance of its tip below the line of the eyes.
        eyes: Height over width of the left and right eye.
        brows: Height of the left and right brow above the line of the eyes.
        gap: Distance of the lips.
        width: Width of the mouth.
        smile: Linear score that best separates smiling from other CelebA portraits (AUC .95).
    """

    x: float
    y: float
    apart: float
    roll: float
    yaw: float
    nose: float
    eyes: tuple[float, float]
    brows: tuple[float, float]
    gap: float
    width: float
    smile: float


NOSE_LENGTH = 0.6
"""Distance of the tip of the nose from the plane of the eyes, relative to the distance of the eyes."""

MAX_TURN = math.radians(45)
"""Angle of a yaw or pitch of 1."""


def measure(points: Points) -> Measures:
    """Measure (68, 2) points."""
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    middle, across = (left + right) / 2, (right - left).astype(np.float64)
    apart = max(float(np.hypot(*across)), 1e-6)
    c, s = across / apart
    p = (points - middle) @ np.array([[c, -s], [s, c]]) / apart  # level, relative to the eyes' distance
    yaw = math.atan2(float(p[30, 0]), NOSE_LENGTH)
    p[:, 1] *= math.cos(yaw)  # heights are not foreshortened by yaw, but the distance of the eyes is
    eyes = tuple(_openness(p[i : i + 6]) for i in (36, 42))
    brows = tuple(-float(p[i : i + 5, 1].mean()) for i in (17, 22))
    gap = float((p[65:68, 1] - p[[63, 62, 61], 1]).mean())
    width = float(np.hypot(*(p[54] - p[48])))
    lift = float(p[[51, 62, 66, 57], 1].mean() - p[[48, 54], 1].mean())
    smile = 1.1 * width + 3.8 * lift + 0.4 * gap
    roll = math.degrees(math.atan2(s, c))
    return Measures(
        x=float(middle[0]),
        y=float(middle[1]),
        apart=apart / math.cos(yaw),
        roll=roll,
        yaw=yaw / MAX_TURN,
        nose=float(p[30, 1]),
        eyes=eyes,
        brows=brows,
        gap=gap,
        width=width,
        smile=smile,
    )


def _openness(eye: NDArray[np.float64]) -> float:
    """Height of an eye over its width, by its six points."""
    height = np.hypot(*(eye[1] - eye[5])) + np.hypot(*(eye[2] - eye[4]))
    return float(height / 2 / max(np.hypot(*(eye[0] - eye[3])), 1e-6))


class Expression(NamedTuple):
    """What f reads of an expression: probabilities, 0..1."""

    smiling: float
    mouth_open: float

    @classmethod
    def of(cls, reading: Predictions) -> Expression:
        """The expression in the reading of one face (N = 1)."""
        attributes = reading.attributes
        return cls(float(attributes["Smiling"][0]), float(attributes["Mouth_Slightly_Open"][0]))


class Baseline:
    """Measures of a neutral expression of one face.

    Starts from the median of CelebA's neutral portraits and adapts with every frame (`follow`). The mouth adapts
    only to frames that f has read (`learn`), or a lasting smile would become neutral.
    """

    def __init__(self) -> None:
        self.eyes = np.array([0.31, 0.31])
        self.brows = np.array([0.30, 0.30])
        self.nose = 0.58
        self.gap = 0.03
        self.width = 0.82
        self.smile = 1.04
        self.age = 0.0
        self.readings = 0

    def follow(self, m: Measures, dt: float) -> None:
        """Adapt eyes, brows and nose to a frame, dt seconds after the one before."""
        self.age += dt
        if abs(m.yaw) > 0.6:
            return
        slow = dt / min(1.0 + self.age, 12.0)  # a running mean at first, forgetting after twelve seconds
        eyes = np.array(m.eyes)
        # Open eyes are the usual case and blinks are short: rise quickly, fall slowly.
        self.eyes += (eyes - self.eyes) * np.where(
            eyes > self.eyes, 3 * slow, np.where(eyes > 0.75 * self.eyes, slow, slow / 4)
        )
        self.brows += (np.array(m.brows) - self.brows) * slow
        self.nose += (m.nose - self.nose) * slow

    def learn(self, m: Measures, read: Expression) -> None:
        """Adapt the mouth to a frame of which f has read the expression; slowly, since f misses faint smiles."""
        self.readings += 1
        weight = max(0.05, 0.5 / self.readings)
        if read.mouth_open < 0.4:
            self.gap += weight * (min(m.gap, 0.1) - self.gap)
        if read.smiling < 0.4:
            self.smile += weight * (m.smile - self.smile)
            self.width += weight * (m.width - self.width)
        elif read.smiling > 0.6:
            self.smile += weight * min(0.0, m.smile - FULL_SMILE - self.smile)

    def motion(self, m: Measures, unlike: tuple[float, float] = (0.0, 0.0)) -> Motion:
        """Motion of a frame relative to the baseline, unfiltered. unlike: see `EyeAppearance`, left and right."""
        narrow = np.array(m.eyes) / self.eyes
        lids = np.clip((narrow - CLOSED_RATIO) / (1 - CLOSED_RATIO), 0, 1.3)
        # Appearance alone closes neither a single eye nor one whose landmarks are wide open.
        looks = np.where(narrow < 0.85, unlike, np.minimum(unlike, min(unlike) + 3))
        shut = np.clip((looks - 4) / 4, 0, 1) * np.clip((1.1 - narrow) / 0.15, 0, 1)
        lids = np.minimum(lids, np.where(shut > 0, 1 - shut, 1.3))
        if abs(lids[0] - lids[1]) < 0.4:  # small differences of the eyes are noise
            lids = (lids + lids.mean()) / 2
        brows = np.clip((np.array(m.brows) - self.brows) / 0.12, -1, 1)
        opened = float(np.clip((m.gap - self.gap - 0.03) / 0.3, 0, 1))
        wide = float(np.clip((m.width - self.width) / 0.2, -1, 1))
        smile = float(np.clip((m.smile - self.smile - 0.06) / FULL_SMILE, 0, 1))
        pitch = float(np.clip((m.nose - self.nose) / (NOSE_LENGTH * math.sin(MAX_TURN)), -1, 1))
        yaw = float(np.clip(m.yaw, -1, 1))
        return Motion(
            x=m.x,
            y=m.y,
            apart=m.apart,
            roll=m.roll,
            yaw=yaw,
            pitch=pitch,
            lids=tuple(map(float, lids)),
            brows=tuple(map(float, brows)),
            open=opened,
            wide=wide,
            smile=smile,
        )


CLOSED_RATIO = 0.55
"""Height of a closed eye over that of the open one, by the landmarks."""

FULL_SMILE = 0.3
"""Difference of the smile score between a neutral mouth and a full smile."""


class EyeAppearance:
    """Detects a closed eye by its pixels: landmarks miss half of them.

    Compares profiles of rows: the mean brightness, and the mean horizontal gradient. An iris gives vertical edges and
    closed lids give horizontal ones, wherever the eye looks. The profile of the open eye is learnt from the frames.
    """

    WINDOW = 24, 16
    MAX_CLOSED_SECONDS = 0.7
    """Time after which an eye that looks closed is taken for an open one that has changed its appearance."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.usual: NDArray[np.float32] | None = None
        self.level, self.spread = 1.0, 0.03
        self.low = 0.0

    def __call__(self, grey: Image, points: Points, dt: float) -> float:
        """Compare the eye with the open one. Returns the difference in units of its usual deviation.

        Args:
            grey: (H, W) uint8, the frame.
            points: (68, 2) landmarks in it.
            dt: Seconds since the frame before.
        """
        now = self._profile(grey, points)
        if self.usual is None:
            self.usual = now
        alike = float(now @ self.usual / max(math.sqrt(float((now @ now) * (self.usual @ self.usual))), 1e-6))
        drop = self.level - alike
        if drop < 4 * self.spread or self.low > self.MAX_CLOSED_SECONDS:
            weight = min(1.0, dt / (0.15 if self.low > self.MAX_CLOSED_SECONDS else 1.0))
            self.usual = self.usual + weight * (now - self.usual)
            self.level += min(1.0, 1.5 * dt) * (alike - self.level)
            self.spread = float(np.clip(self.spread + dt * (abs(drop) - self.spread), 0.02, 0.06))
        self.low = self.low + dt if drop > 4 * self.spread else 0.0
        return drop / self.spread

    def _profile(self, grey: Image, points: Points) -> NDArray[np.float32]:
        """(28,) brightness and gradient by row, each half with zero mean and unit length."""
        outer, inner = points[self.first].astype(np.float64), points[self.first + 3].astype(np.float64)
        across = inner - outer
        length = max(float(np.hypot(*across)), 1e-6)
        width, height = self.WINDOW
        c, s = across / length * (width / 1.5 / length)
        turn = np.array([[c, s], [-s, c]])
        shift = np.array([width / 2, height / 2]) - turn @ (outer + inner) / 2
        window = cv2.warpAffine(
            grey, np.column_stack([turn, shift]), self.WINDOW, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        rows = cv2.GaussianBlur(window, (3, 3), 0).astype(np.float32)[1:-1]
        return np.concatenate([_unit(rows[:, 2:-2].mean(1)), _unit(np.abs(np.diff(rows, axis=1)).mean(1))])


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    values = values - values.mean()
    return values / (np.sqrt(float(values @ values)) + 1)


class OneEuro:
    """The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) on a vector: a low-pass whose cutoff rises with speed, so
    that it is steady at rest and quick in motion. Its lag is about 1 / (2π cutoff) seconds.

    Args:
        cutoff: (n,) Hz at rest.
        beta: (n,) Hz per unit of speed.
    """

    SPEED_CUTOFF = 1.5

    def __init__(self, cutoff: NDArray[np.float64], beta: NDArray[np.float64]) -> None:
        self.cutoff, self.beta = cutoff, beta
        self.value: NDArray[np.float64] | None = None
        self.speed: NDArray[np.float64] | float = 0.0

    def __call__(self, value: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
        """Filter the next value, dt seconds after the one before."""
        if self.value is None or dt <= 0:
            self.value = value if self.value is None else self.value
            return self.value
        self.speed = self.speed + _weight(self.SPEED_CUTOFF, dt) * ((value - self.value) / dt - self.speed)
        cutoff = self.cutoff + self.beta * np.abs(self.speed)
        self.value = self.value + _weight(cutoff, dt) * (value - self.value)
        return self.value


def _weight(cutoff: NDArray[np.float64] | float, dt: float) -> NDArray[np.float64] | float:
    return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))


_FILTER = np.array(
    [(1.0, 12.0)] * 2  # x, y: in distances between the eyes
    + [(0.7, 8.0)]  # the logarithm of that distance
    + [(1.0, 0.4)]  # roll: degrees
    + [(1.0, 4.0)] * 2  # yaw, pitch
    + [(9.0, 3.0)] * 2  # lids: a blink lasts 100 ms
    + [(1.5, 3.0)] * 2  # brows
    + [(4.0, 4.0)]  # open
    + [(1.5, 3.0)]  # wide
    + [(4.0, 3.0)]  # smile
)
"""Cutoff in Hz and beta of every number of `Motion`. In motion the lag of the position is below 20 ms, that of the lids
at most 18 ms, that of a smile at most 40 ms."""


class MotionTracker:
    """Turns the landmarks of one face, frame by frame, into its `Motion`."""

    def __init__(self) -> None:
        self.baseline = Baseline()
        self._eyes = EyeAppearance(36), EyeAppearance(42)
        self._narrow: deque[tuple[float, ...]] = deque(maxlen=3)
        self._unlike: deque[tuple[float, ...]] = deque(maxlen=3)
        self._filter = OneEuro(_FILTER[:, 0], _FILTER[:, 1])
        self._unit = 0.0
        self.measures: Measures | None = None

    def __call__(self, grey: Image, points: Points, dt: float) -> Motion:
        """Process the next frame.

        Args:
            grey: (H, W) uint8, the frame.
            points: (68, 2) landmarks in it.
            dt: Seconds since the frame before.
        """
        m = measure(points)
        self._narrow.append(m.eyes)  # the median removes outliers of single frames
        self._unlike.append(tuple(eye(grey, points, dt) for eye in self._eyes))
        m = self.measures = m._replace(eyes=tuple(map(float, np.median(self._narrow, 0))))
        self.baseline.follow(m, dt)
        now = self.baseline.motion(m, tuple(map(float, np.median(self._unlike, 0))))
        self._unit = self._unit or now.apart
        u = self._unit
        near = self._filter.value[3] if self._filter.value is not None else now.roll
        roll = near + (now.roll - near + 180) % 360 - 180
        raw = np.array(
            [now.x / u, now.y / u, math.log(now.apart), roll, now.yaw, now.pitch, *now.lids, *now.brows, now.open,
             now.wide, now.smile]
        )  # fmt: skip
        v = [float(value) for value in self._filter(raw, dt)]
        roll = (v[3] + 180) % 360 - 180
        return Motion(v[0] * u, v[1] * u, math.exp(v[2]), roll, v[4], v[5], (v[6], v[7]), (v[8], v[9]), *v[10:])

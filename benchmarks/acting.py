"""Marked sequences: still portraits that act a script, so that what is measured has a truth.

    portrait = free("test")
    for frame, truth in perform(portrait, scripts.blinking(10)):
        ...

A portrait is warped frame by frame (`benchmarks.face_warp`), placed in a frame, and seen as by a cheap camera held in
a hand. ``python -m benchmarks.acting -o FOLDER`` writes sheets of stills to look at.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.face_warp import EYES, Warp
from benchmarks.scripts import USUAL, Script, still, together
from dtn_core.core.errors import UserError
from dtn_core.core.images import save
from dtn_core.core.types import Image
from dtn_core.data import portraits
from dtn_core.evaluation.retrieval import split_of_person
from dtn_core.faces.align import similarity
from dtn_core.faces.detect import detect
from dtn_core.networks.dlib_models import dlib_model_path

SIZE = (640, 480)
FULL_TURN = 25.0
"""Degrees of a yaw of 1."""

PARTS = {"val": "Grace Hopper", "test": "Eileen Collins"}
"""Thresholds are chosen on one part, figures are of the other."""


class Truth(NamedTuple):
    """How one face of a frame stands, as `dtn_core.pipeline.live.motion.Motion` tells it; who: the portrait's name."""

    who: str
    x: float
    y: float
    apart: float
    roll: float
    yaw: float
    lids: tuple[float, float]
    brows: tuple[float, float]
    open: float
    wide: float
    smile: float
    glasses: bool


@dataclass(frozen=True)
class Portrait:
    """A picture with one face; points: (68, 2) of dlib, found once at high resolution, in its pixels."""

    name: str
    picture: Image
    points: NDArray[np.float64]


# --- portraits ---


@cache
def _predictor():
    import dlib

    return dlib.shape_predictor(str(dlib_model_path("shape_predictor_68_face_landmarks.dat")))


def landmarks(picture: Image) -> NDArray[np.float64] | None:
    """(68, 2) points of the biggest face, found where it is 300 pixels wide and level; None without a face."""
    import dlib

    faces = detect(picture)
    if not faces:
        return None
    eyes = faces[0].points[[2, 3, 0, 1]].reshape(2, 2, 2).mean(1)
    level = np.array([(260.0, 240.0), (380.0, 240.0)])
    matrix = similarity(eyes.astype(np.float64), level)
    patch = cv2.warpAffine(picture, matrix, (640, 640), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    found = []
    for side in (250, 270, 290):
        for shift in (-10, 10):  # the predictor leans on its box: the median of several
            half, middle = side // 2, 302 + shift
            shape = _predictor()(patch, dlib.rectangle(320 - half, middle - half, 319 + half, middle - 1 + half))
            found.append([(p.x, p.y, 1.0) for p in shape.parts()])
    return np.median(found, 0) @ cv2.invertAffineTransform(matrix).T


def free(part: str) -> Portrait:
    """The public-domain portrait of a part."""
    name = PARTS[part]
    found = portraits.public_domain()
    if name not in found:
        raise UserError(f"no portrait of {name}: pip install -r requirements-dev.txt")
    return Portrait(name, found[name], landmarks(found[name]))


def lfw(data: Path, part: str, n: int, seed: int = 0) -> list[Portrait]:
    """n photos of Labeled Faces in the Wild, of other people in each part: 250 pixels, about 45 between the eyes, which
    CelebA's 104 don't reach. Those that face the camera with open eyes and a closed mouth."""
    path = data / "lfw_pairs.zip"
    if not path.is_file():
        raise UserError(f"{path}: missing. The data folder needs lfw_pairs.zip.")
    kept: list[Portrait] = []
    with zipfile.ZipFile(path) as pack:
        names = [name for name in sorted(pack.namelist()) if name.endswith("_0001.jpg")]
        names = [name for name in names if split_of_person(name.rsplit("_", 1)[0]) == part]
        for name in np.random.default_rng(seed).permutation(names):
            if len(kept) == n:
                break
            picture = cv2.imdecode(np.frombuffer(pack.read(name), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].copy()
            points = landmarks(picture)
            if points is not None and _neutral(points):
                kept.append(Portrait(name.rsplit("_", 1)[0].replace("_", " "), picture, points))
    return kept


def _neutral(points: NDArray[np.float64]) -> bool:
    """Facing the camera, eyes open, mouth closed."""
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    a = float(np.hypot(*(eyes[1] - eyes[0])))
    along = (eyes[1] - eyes[0]) / a
    nose = float((points[30] - (eyes[0] + eyes[1]) / 2) @ along) / a
    gap = float(np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean()) / a
    lids = [np.linalg.norm(points[[i + 1, i + 2]] - points[[i + 5, i + 4]], axis=1).mean() / a for i in (36, 42)]
    return abs(nose) < 0.08 and gap < 0.06 and min(lids) > 0.11


# --- the camera ---


@dataclass(frozen=True)
class Camera:
    """noise: standard deviation of the sensor's noise in grey levels, at middle grey; shake: pixels; flicker: share of
    exposure; quality: of the JPEG a frame travels as, 0 for none."""

    noise: float = 3.0
    shake: float = 1.5
    flicker: float = 0.02
    quality: int = 85


TRIPOD = Camera(shake=0.0)


class _Hand:
    """Shake and exposure over time, each wandering about 0 with a memory of some frames."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.state = rng, np.zeros(4)

    def step(self) -> NDArray[np.float64]:
        """(4,): x, y, roll, exposure, each of standard deviation 1."""
        self.state = 0.92 * self.state + np.sqrt(1 - 0.92**2) * self.rng.normal(size=4)
        return self.state


def perform(
    portrait: Portrait,
    script: Script,
    fps: float = 30,
    size: tuple[int, int] = SIZE,
    seed: int = 0,
    camera: Camera = Camera(),  # noqa: B008 (frozen)
) -> Iterator[tuple[Image, Truth]]:
    """Frames (H, W, 3) of a portrait that acts a script, and their truth."""
    for frame, truths in perform_together([(portrait, script)], fps, size, seed, camera):
        yield frame, truths[0]


def perform_together(
    cast: Sequence[tuple[Portrait, Script]],
    fps: float = 30,
    size: tuple[int, int] = SIZE,
    seed: int = 0,
    camera: Camera = Camera(),  # noqa: B008 (frozen)
) -> Iterator[tuple[Image, tuple[Truth, ...]]]:
    """As `perform`, several people at once; the later ones stand in front."""
    rng = np.random.default_rng((seed, 5))
    actors = [_Actor(portrait, script, size, len(cast) > 1) for portrait, script in cast]
    back = _background(cast[0][0].picture, size, seed)
    hand = _Hand(rng)
    for i in range(round(min(script.seconds for _, script in cast) * fps)):
        *shake, exposure = hand.step()
        shake = np.array(shake) * camera.shake * (1, 1, 0.15)
        frame, truths = back, []
        for actor in actors:
            frame, truth = actor.onto(frame, i / fps, shake)
            truths.append(truth)
        yield _seen(frame, 1 + camera.flicker * exposure, camera, rng), tuple(truths)


def _background(picture: Image, size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Out of focus, in the portrait's colours."""
    rng = np.random.default_rng((seed, 6))
    small = cv2.resize(picture, (8, 6), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = 0.5 * small.mean((0, 1)) + 0.5 * small + rng.normal(0, 12, (6, 8, 1))
    return np.clip(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), 10, 245).astype(np.float32)


_SPARE = 64


@cache
def _grain(height: int, width: int) -> tuple[NDArray[np.float32], ...]:
    """Noise as a sensor's, finer in brightness than in colour; a frame's is a piece of one, taken at random."""
    rng = np.random.default_rng(7)
    height, width = height + _SPARE, width + _SPARE
    made = []
    for _ in range(6):
        colour = rng.standard_normal((height // 2, width // 2, 3), np.float32)
        grain = 0.8 * rng.standard_normal((height, width, 1), np.float32)
        made.append(grain + 0.6 * cv2.resize(colour, (width, height)))
    return tuple(made)


def _seen(frame: NDArray[np.float32], exposure: float, camera: Camera, rng: np.random.Generator) -> Image:
    height, width = frame.shape[:2]
    frame = frame * np.float32(exposure)
    if camera.noise:
        fields = _grain(height, width)
        top, left = rng.integers(0, _SPARE, 2)
        grain = fields[rng.integers(len(fields))][top : top + height, left : left + width]
        frame = frame + camera.noise * grain * np.sqrt(0.25 + frame / 170)
    made = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    if not camera.quality:
        return made
    data = cv2.imencode(".jpg", made[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, camera.quality))[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy()


class _Actor:
    def __init__(self, portrait: Portrait, script: Script, size: tuple[int, int], head_only: bool) -> None:
        self.script, self.name, self.size = script, portrait.name, np.array(size)
        largest = max((v for _, v in script.keys.get("apart", ((0, USUAL["apart"]),)))) * size[0] / 640
        self.warp = Warp(portrait.picture, portrait.points, min(100.0, max(30.0, 1.2 * largest)))
        mask = self.warp.inside.astype(np.float32) / 255
        if head_only:
            x, y = self.warp.x / self.warp.a - EYES[0], self.warp.y / self.warp.a - EYES[1] - 0.35
            mask *= np.clip(6 * (1 - np.hypot(x / 1.45, y / 2.1)), 0, 1)
        self.mask = mask

    def onto(
        self, frame: NDArray[np.float32], second: float, shake: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], Truth]:
        now, warp = self.script.at(second), self.warp
        x, y = np.array((now["x"], now["y"])) * self.size + shake[:2]
        apart, roll = now["apart"] * self.size[0] / 640, now["roll"] + float(shake[2])
        lids, brows = (now["lid left"], now["lid right"]), (now["brow left"], now["brow right"])
        worn = now["glasses"] > 0.5
        level = warp.expression(lids, brows, now["open"], now["wide"], now["smile"], worn)
        # level copy → frame; cv2's angle is counter-clockwise
        matrix = cv2.getRotationMatrix2D(tuple(np.array(EYES) * warp.a), -roll, apart / warp.a)
        matrix[:, 2] += (x, y) - np.array(EYES) * warp.a
        layer, mask, eyes = self._turned(level, matrix, np.sin(np.radians(FULL_TURN * now["yaw"])))
        frame = frame + mask[..., None] * (layer - frame)
        x, y = matrix @ (*eyes.mean(0), 1)
        # the same shift of the head may be told as place or as turn: the truth is where the eyes are
        return frame, Truth(
            self.name, float(x), float(y), apart, roll, now["yaw"], lids, brows, now["open"], now["wide"],
            now["smile"], worn,
        )  # fmt: skip

    def _turned(
        self, level: Image, matrix: NDArray[np.float64], turn: float
    ) -> tuple[Image, NDArray[np.float32], NDArray[np.float64]]:
        """The level copy and its mask in the frame, the head turned by asin(turn); and where the eyes are then, in
        pixels of the level copy."""
        size = tuple(map(int, self.size))
        mask = cv2.warpAffine(self.mask, matrix, size)
        eyes = self.warp.eyes
        if abs(turn) < 1e-4:
            return cv2.warpAffine(level, matrix, size, borderMode=cv2.BORDER_REPLICATE), mask, eyes
        depth, a = self.warp.depth, self.warp.a
        back = cv2.invertAffineTransform(matrix)
        x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
        at_x, at_y = (np.float32(r[0]) * x + np.float32(r[1]) * y + np.float32(r[2]) for r in back)
        shift = cv2.remap(depth, at_x, at_y, cv2.INTER_LINEAR) * np.float32(turn * a)
        layer = cv2.remap(level, at_x - shift, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        moved = eyes.copy()
        for _ in range(8):  # where does what was at the eyes go: out - depth(out) * turn = eyes
            rows, columns = np.rint(moved[:, 1]).astype(int), np.rint(moved[:, 0]).astype(int)
            moved[:, 0] = eyes[:, 0] + depth[rows, columns] * turn * a
        return layer, mask, moved


# --- sheets ---


POSES = {
    "as it is": {},
    "eyes half shut": {"lid left": 0.5, "lid right": 0.5},
    "eyes shut": {"lid left": 0.0, "lid right": 0.0},
    "wink": {"lid left": 0.0},
    "brows up": {"brow left": 1.0, "brow right": 1.0},
    "mouth half open": {"open": 0.5},
    "mouth open": {"open": 1.0},
    "smile": {"smile": 1.0},
    "smile, open": {"smile": 1.0, "open": 0.6},
    "pursed": {"wide": -1.0},
    "wide": {"wide": 1.0},
    "yaw": {"yaw": 0.8},
    "yaw back, roll": {"yaw": -0.8, "roll": 15.0},
    "glasses": {"glasses": 1.0},
    "glasses, shut": {"glasses": 1.0, "lid left": 0.0, "lid right": 0.0},
}


def sheet(portrait: Portrait) -> Image:
    """All poses of a portrait, five in a row."""
    made = []
    for name, pose in POSES.items():
        frame, _ = next(perform(portrait, still(0.1, **pose), seed=1))
        cut = frame[40:440, 140:500].copy()
        cv2.putText(cut, name, (8, 390), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 0), 2, cv2.LINE_AA)
        made.append(cut)
    return np.vstack([np.hstack(made[i : i + 5]) for i in range(0, len(made), 5)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Sheets of portraits that act.")
    parser.add_argument("--data", help="folder of the data packs (default: $DTN_DATA; without: packages' portraits)")
    parser.add_argument("--part", choices=tuple(PARTS), default="val")
    parser.add_argument("-n", type=int, default=4, help="portraits of the data packs (default 4)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    data = portraits.optional_folder(arguments.data)
    cast = [free(arguments.part)] + (lfw(data, arguments.part, arguments.n) if data else [])
    arguments.output.mkdir(parents=True, exist_ok=True)
    for portrait in cast:
        save(arguments.output / f"{portrait.name}.png", sheet(portrait))
    four = [cast[i % len(cast)] for i in range(4)]
    frame, _ = next(perform_together(list(zip(four, together(4, 4.0)))))
    save(arguments.output / "four.png", frame)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

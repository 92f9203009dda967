"""How well faces are followed: ``python -m benchmarks.motion [--data DATA] [--part PART] [-o results/motion.json]``.

Portraits act scripts (`benchmarks.acting`), a `live.session.Session` watches them at 30 frames a second, and what it
tells is compared with what was acted. Thresholds belong to the validation part (Grace Hopper, and photos of LFW), the
figures to the test part (Eileen Collins, and photos of other people).

blinks    each eye's: found if told shut (below the rig's `shut`) while it is, within 4 frames of its end; delay in
          frames; false: told shut, with no blink near
still     a face that keeps still, with a camera's noise: false blinks, mouths and smiles; noise of place
moving    place, roll and yaw of a head that moves about; lag: the delay at which they fit best
open ...  AUC of a frame at rest against one well in the expression; the same at the rig's thresholds; delay of onsets;
          of portraits that f doesn't take for smiling, or for open-mouthed, already
identity  changes of the avatar; glasses put on and taken off, a cut to another person, several people side by side

Lengths are in pixels of a 256-pixel head crop, in which the eyes are 64 apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import acting, save, scripts
from benchmarks.acting import TRIPOD, Portrait, Truth, perform, perform_together
from benchmarks.motion_report import summary, table
from dtn_core.avatars.parameters import NONE
from dtn_core.avatars.rig import MOTION_PARAMS
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_tensor
from dtn_core.core.types import HEAD_EYE_DISTANCE, Image
from dtn_core.data.portraits import optional_folder
from dtn_core.faces.align import align
from dtn_core.faces.detect import detect
from dtn_core.pipeline.live.session import Session, TrackedFace
from dtn_core.pipeline.photo import Transferrer

FPS = 30
CROP_EYES = HEAD_EYE_DISTANCE * 256
WARM = 2 * FPS
"""Frames at the start in which the neutral face is learnt; scripts begin after them."""

NEAR = 4
"""Frames by which a blink may be told late."""


GLASSES = (4.0, 8.0, 12.0)
"""Seconds at which they are put on and taken off, and at the end."""

CUT = 4.0
"""Seconds of each person between cuts."""


class Seconds(NamedTuple):
    """Lengths of the sequences."""

    still: float
    blinks: float
    moving: float
    alone: float
    identity: float


FULL, QUICK = Seconds(30, 20, 20, 12, 60), Seconds(4, 5, 5, 6, 5)


class Take(NamedTuple):
    """A sequence and what was told of its one face: where nothing was, the frame is left out and counted.

    values: parameter → (N,) or, of both eyes or brows, (N, 2); told: likewise.
    """

    truth: list[Truth]
    seen: list[TrackedFace]
    frame: NDArray[np.int64]
    frames: int

    def of(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The truth and what was told of a parameter, from the end of the warm-up on."""
        late = [i for i, frame in enumerate(self.frame) if frame >= WARM]
        truth = np.array([getattr(self.truth[i], name) for i in late], np.float64)
        return truth, np.array([getattr(self.seen[i].motion, name) for i in late], np.float64)


def watch(transferrer: Transferrer, frames: Iterable[tuple[Image, Truth]], session: Session | None = None) -> Take:
    """A session's view of a sequence with one face."""
    session = session or Session(transferrer)
    truth, seen, index, i = [], [], [], -1
    for i, (frame, result) in enumerate(frames):
        faces = session.process(frame, at=i / FPS).faces
        if faces:
            truth.append(result)
            seen.append(min(faces, key=lambda f: np.hypot(f.motion.x - result.x, f.motion.y - result.y)))
            index.append(i)
    return Take(truth, seen, np.array(index, np.int64), i + 1)


# --- blinks ---


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last + 1) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def blinks(take: Take) -> dict[str, Any]:
    """Counts and delays of one take."""
    truth, result = take.of("lids")
    made: dict[str, Any] = {"blinks": 0, "found": 0, "false": 0, "delays": [], "seconds": len(truth) / FPS}
    for eye in range(2) if len(truth) else ():
        acted, output = runs(truth[:, eye] < MOTION_PARAMS["shut"]), runs(result[:, eye] < MOTION_PARAMS["shut"])
        for start, end in acted:
            hits = [s for s, e in output if e > start and s < end + NEAR]
            made["blinks"] += 1
            made["found"] += bool(hits)
            made["delays"] += [max(0, hits[0] - start)] if hits else []
        made["false"] += sum(all(e <= start - 1 or s > end + NEAR for start, end in acted) for s, e in output)
    return made


# --- what is told against what is so ---


def expression(take: Take, name: str) -> dict[str, Any]:
    """Scores of frames at rest and well in an expression, whether they are told right, and the onsets' delays."""
    truth, result = take.of(name)
    rest, well, line = truth == 0, truth > 0.55, MOTION_PARAMS[name]
    onsets, delays, missed = runs(truth > 0.3), [], 0
    for start, end in onsets:
        above = np.flatnonzero(result[start : end + NEAR] > line)
        if len(above):
            delays.append(int(above[0]))
        else:
            missed += 1
    return {
        "rest": result[rest].tolist(), "well": result[well].tolist(), "onsets": len(onsets), "missed": missed,
        "delays": delays,
    }  # fmt: skip


def correlation(take: Take, name: str) -> float | None:
    truth, result = take.of(name)
    if truth.ndim == 2:
        truth, result = truth.mean(1), result.mean(1)
    return float(np.corrcoef(truth, result)[0, 1]) if len(truth) > 2 and truth.std() and result.std() else None


def lag(truth: NDArray[np.float64], result: NDArray[np.float64]) -> float:
    """Milliseconds by which what is told follows the truth, from the delay at which they fit best."""
    times, best = np.arange(len(truth)), (np.inf, 0.0)
    for delay in np.arange(0, 6, 0.1):
        late = np.interp(times - delay, times, truth)
        difference = (result - late)[6:]
        best = min(best, (float(np.std(difference)), float(delay)))
    return 1000 * best[1] / FPS


def place(take: Take) -> dict[str, Any]:
    """Errors of place in pixels of a crop, of roll in degrees; lag; how much of the yaw is told."""
    (x, told_x), (y, told_y), (apart, told_apart) = (take.of(name) for name in ("x", "y", "apart"))
    roll, told_roll = take.of("roll")
    if len(x) < FPS:
        return {}
    off = CROP_EYES * np.hypot(told_x - x, told_y - y) / apart
    return {
        "error": float(np.median(off)), "error_p95": float(np.percentile(off, 95)),
        "scale_error": float(np.median(np.abs(told_apart / apart - 1))),
        "roll_error": float(np.median(np.abs(told_roll - roll))),
        "lag_ms": lag(x, told_x), "yaw": correlation(take, "yaw"), "followed": len(take.seen) / take.frames,
    }  # fmt: skip


def noise(take: Take) -> dict[str, float]:
    """Standard deviations of a still face's numbers: place in pixels of a crop, and how far it goes in one frame."""
    x, y = (CROP_EYES * take.of(name)[1] / take.of("apart")[0] for name in ("x", "y"))
    if not len(x):
        return {}
    steps = np.hypot(np.diff(x), np.diff(y))
    return {"place": float(max(x.std(), y.std())), "step": float(np.percentile(steps, 95))} | {
        name: float(take.of(name)[1].std(0).max()) for name in ("lids", "brows", "open", "smile", "yaw", "roll")
    }


def changes(take: Take) -> int:
    """How often the avatar changed, from a second after there was one: the first is looked over once."""
    worn = [(frame, face.avatar.parameters) for frame, face in zip(take.frame, take.seen) if face.avatar]
    settled = [parameters for frame, parameters in worn if frame >= worn[0][0] + FPS]
    return sum(a != b for a, b in itertools.pairwise(settled))


def first(take: Take, holds: Any, since: float = 0.0) -> float | None:
    """Seconds from `since` to the first frame whose face fulfils a condition; None if none does."""
    times = (f / FPS - since for f, face in zip(take.frame, take.seen) if f / FPS >= since and holds(face))
    return next((round(float(t), 3) for t in times), None)


# --- sequences ---


def one(transferrer: Transferrer, portrait: Portrait, seconds: Seconds, seed: int) -> dict[str, Any]:
    """All that one portrait acts alone, unsummarised."""

    def take(script: scripts.Script, camera: acting.Camera = acting.Camera()) -> Take:  # noqa: B008
        return watch(transferrer, perform(portrait, script, FPS, seed=seed, camera=camera))

    still = take(scripts.still(seconds.still), TRIPOD)
    blinking, moving = take(scripts.blinking(seconds.blinks, seed)), take(scripts.moving(seconds.moving, seed))
    alone = {name: take(scripts.alone(name, seconds.alone, seed)) for name in ("open", "smile", "brows", "wide")}
    return {
        "still": {**noise(still), "blinks": blinks(still), "changes": changes(still)},
        "still_told": {n: float(np.mean(still.of(n)[1] > MOTION_PARAMS[n])) for n in ("open", "smile")},
        "blinking": blinks(blinking),
        "moving": {**place(moving), "blinks": blinks(moving), "changes": changes(moving)},
        **{name: expression(alone[name], name) for name in at_rest(transferrer, portrait)},
        "brows": correlation(alone["brows"], "brows"),
        "wide": correlation(alone["wide"], "wide"),
        "first_avatar": first(still, lambda face: face.avatar),
        "glasses": glasses(transferrer, portrait, seed),
    }


def at_rest(transferrer: Transferrer, portrait: Portrait) -> list[str]:
    """Which of open and smile the portrait itself doesn't show, as f reads it: who smiles can't begin to."""
    frame, _ = next(perform(portrait, scripts.still(1), FPS, camera=TRIPOD))
    predictor = transferrer.checkpoint.predictor
    faces = detect(frame)
    if not faces or predictor is None:
        return []
    with torch.no_grad():
        read = predictor.attributes(predictor.f(to_tensor(align(frame, faces[0]).image)))
    names = {"open": "Mouth_Slightly_Open", "smile": "Smiling"}
    return [name for name, attribute in names.items() if read[attribute][0] < 0.5]


def glasses(transferrer: Transferrer, portrait: Portrait, seed: int) -> dict[str, float | None] | None:
    """Seconds until glasses put on and taken off are followed; None of who wears some already."""
    on, off, end = GLASSES

    def wears(face: TrackedFace) -> bool:
        return face.avatar is not None and face.avatar.parameters.variants.get("accessories", NONE) != NONE

    script = scripts.glasses(end, on, off, seed)
    take = watch(transferrer, perform(portrait, script, FPS, seed=seed))
    before = [wears(face) for f, face in zip(take.frame, take.seen) if on - 1 < f / FPS < on]
    if not before or any(before):
        return None
    return {"on": first(take, wears, on), "off": first(take, lambda face: not wears(face), off)}


def cut(transferrer: Transferrer, a: Portrait, b: Portrait, seed: int) -> dict[str, Any]:
    """A cut from one person to another and back: seconds until there is a new face, and its avatar; whether the first
    person is known again."""
    acts = [perform(who, scripts.blinking(CUT, seed), FPS, seed=seed) for who in (a, b, a)]
    take = watch(transferrer, itertools.chain(*acts))
    ids = [{face.id for f, face in zip(take.frame, take.seen) if s <= f / FPS < s + CUT} for s in (0, CUT, 2 * CUT)]
    return {
        "face": first(take, lambda face: face.id not in ids[0], CUT),
        "avatar": first(take, lambda face: face.id not in ids[0] and face.avatar, CUT),
        "anew": not ids[0] & ids[1],
        "known_again": ids[2] == ids[0],
    }


def several(transferrer: Transferrer, people: Sequence[Portrait], seconds: float, seed: int) -> dict[str, Any]:
    """People side by side; two drift together until they touch, and apart. How often an id changed its person or the
    order changed, and the share of frames in which all were followed."""
    session, whose, switches, all_seen, orders, n = Session(transferrer), {}, 0, 0, set(), 0
    cast = list(zip(people, scripts.together(len(people), seconds, seed, cross=len(people) == 2)))
    for i, (frame, truths) in enumerate(perform_together(cast, FPS, seed=seed)):
        faces = session.process(frame, at=i / FPS).faces
        for face in faces:
            near = [np.hypot(t.x - face.motion.x, t.y - face.motion.y) for t in truths]
            who = int(np.argmin(near))
            switches += whose.setdefault(face.id, who) != who
        if i >= WARM:
            n += 1
            all_seen += len(faces) == len(people)
            if len(faces) == len(people):
                orders.add(tuple(face.id for face in faces))
    return {"people": len(people), "switches": switches, "orders": len(orders), "ids": len(whose),
            "all_followed": all_seen / max(1, n)}  # fmt: skip


def measure(
    transferrer: Transferrer, cast: Sequence[Portrait], seconds: Seconds, seed: int, log: Any = None
) -> dict[str, Any]:
    """All figures. cast: the free portrait first."""
    made = []
    for i, portrait in enumerate(cast):
        made.append(one(transferrer, portrait, seconds, seed + i))
        if log:
            print(f"{portrait.name}: {json.dumps(summary(made[-1:]))}", file=log, flush=True)
    free = cast[0]
    long = {
        name: watch(transferrer, perform(free, script, FPS, seed=seed, camera=camera))
        for name, script, camera in (
            ("still", scripts.still(seconds.identity), TRIPOD),
            ("moving", scripts.moving(seconds.identity, seed), acting.Camera()),
        )
    }
    cuts = [cut(transferrer, free, other, seed) for other in cast[1:5]]
    groups = [several(transferrer, [cast[i % len(cast)] for i in range(n)], seconds.moving, seed)
              for n in (2, 3, 4) if n <= len(cast)]  # fmt: skip
    names = [portrait.name if i == 0 else f"LFW {i}" for i, portrait in enumerate(cast)]
    return {
        "overall": summary(made),
        "identity": {
            "seconds": seconds.identity,
            "changes": {name: changes(take) for name, take in long.items()},
            "ids": {name: len({face.id for face in take.seen}) for name, take in long.items()},
            "cuts": cuts,
            "together": groups,
        },
        "portraits": {name: summary([record]) for name, record in zip(names, made)},
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How well faces are followed, on portraits that act.")
    parser.add_argument("--data", help="folder of the data packs (default: $DTN_DATA; without: one portrait)")
    parser.add_argument("--part", choices=tuple(acting.PARTS), default="test", help="whose portraits (default test)")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("-n", type=int, default=8, help="portraits of the data packs (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="short sequences of one portrait of the data")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="also write them there")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    try:
        if arguments.n < 0:
            raise UserError("-n must be at least 0.")
        data = optional_folder(arguments.data)
        n = min(arguments.n, 1) if arguments.quick else arguments.n
        cast = [acting.free(arguments.part)] + (acting.lfw(data, arguments.part, n, arguments.seed) if data else [])
        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, "cpu")
        seconds = QUICK if arguments.quick else FULL
        figures = measure(transferrer, cast, seconds, arguments.seed, None if arguments.json else sys.stderr)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "part": arguments.part,
        "n": len(cast),
        "seed": arguments.seed,
        "fps": FPS,
        "seconds": seconds._asdict(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "checkpoint": {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash},
        **figures,
    }
    print(json.dumps(report, indent=1) if arguments.json else table(report))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

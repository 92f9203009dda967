"""What portraits of `benchmarks.acting` do, second by second: blinks, speech, smiles, heads that move about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Script:
    """keys: parameter → ((second, value), …), eased in between; x, y (shares of the frame), apart (pixels of 640), roll
    (degrees), yaw, lid left, lid right, brow left, brow right, open, wide, smile, glasses. What isn't named is as
    usual."""

    seconds: float
    keys: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def at(self, second: float) -> dict[str, float]:
        return {**USUAL, **{name: _eased(keys, second) for name, keys in self.keys.items()}}


USUAL = {"x": 0.5, "y": 0.44, "apart": 72.0, "roll": 0.0, "yaw": 0.0, "lid left": 1.0, "lid right": 1.0}
USUAL |= {"brow left": 0.0, "brow right": 0.0, "open": 0.0, "wide": 0.0, "smile": 0.0, "glasses": 0.0}


def _eased(keys: Sequence[tuple[float, float]], second: float) -> float:
    before = [key for key in keys if key[0] <= second]
    after = [key for key in keys if key[0] > second]
    if not before or not after:
        return (before or after)[-1 if before else 0][1]
    (t0, v0), (t1, v1) = before[-1], after[0]
    share = (second - t0) / (t1 - t0)
    return v0 + (v1 - v0) * share * share * (3 - 2 * share)


def still(seconds: float, **usual: float) -> Script:
    """Nothing moves; usual: parameters with another value throughout."""
    return Script(seconds, {name: ((0.0, value),) for name, value in usual.items()})


def blinks(seconds: float, seed: int = 0, winks: float = 0.15) -> dict[str, list[tuple[float, float]]]:
    """Keys of both lids: a blink of 100-300 ms every 0.8-2.5 s, of which a share closes one eye only."""
    rng = np.random.default_rng(seed)
    keys: dict[str, list[tuple[float, float]]] = {"lid left": [(0.0, 1.0)], "lid right": [(0.0, 1.0)]}
    second = 2.0
    while second < seconds - 0.5:
        lasts = rng.uniform(0.1, 0.3)
        sides = [rng.choice(list(keys))] if rng.random() < winks else list(keys)
        for side in sides:
            keys[side] += [(second, 1.0), (second + 0.3 * lasts, 0.0), (second + 0.55 * lasts, 0.0)]
            keys[side].append((second + lasts, 1.0))
        second += lasts + rng.uniform(0.8, 2.5)
    return keys


def wander(
    seconds: float, about: float, spread: float, rng: np.random.Generator, every: float = 1.0
) -> list[tuple[float, float]]:
    """Keys of a parameter that drifts from one value to the next."""
    times = np.arange(0, seconds + every, every)
    return [(float(t), about + spread * float(rng.uniform(-1, 1))) for t in times]


def pulses(
    seconds: float, rng: np.random.Generator, lasts: tuple[float, float] = (0.4, 1.2), rise: float = 0.2
) -> list[tuple[float, float]]:
    """Keys of a parameter that goes to 0.6-1 for a while, and back to 0, again and again."""
    keys, second = [(0.0, 0.0)], 2.0
    while second < seconds - 2:
        held, value = rng.uniform(*lasts), rng.uniform(0.6, 1.0)
        keys += [(second, 0.0), (second + rise, value), (second + rise + held, value), (second + 2 * rise + held, 0.0)]
        second += 2 * rise + held + rng.uniform(0.6, 1.6)
    return keys


def place(seconds: float, seed: int = 0, spread: float = 1.0) -> dict[str, list[tuple[float, float]]]:
    """Keys of a head that moves about."""
    rng = np.random.default_rng((seed, 1))
    return {
        "x": wander(seconds, 0.5, 0.14 * spread, rng),
        "y": wander(seconds, 0.46, 0.05 * spread, rng),
        "apart": wander(seconds, 70, 10 * spread, rng, 1.6),
        "roll": wander(seconds, 0, 12 * spread, rng),
        "yaw": wander(seconds, 0, 0.6 * spread, rng, 1.4),
    }


def blinking(seconds: float, seed: int = 0) -> Script:
    """A face that keeps its place and blinks."""
    return Script(seconds, blinks(seconds, seed))


def moving(seconds: float, seed: int = 0) -> Script:
    """A head that moves about and blinks; the mouth keeps still."""
    return Script(seconds, {**place(seconds, seed), **blinks(seconds, seed)})


def acting(seconds: float, seed: int = 0) -> Script:
    """Everything at once, the head moving a little: blinks, brows, speech, smiles."""
    rng = np.random.default_rng((seed, 2))
    brows = pulses(seconds, rng)
    keys = {"brow left": brows, "brow right": brows, "open": pulses(seconds, rng, (0.1, 0.5), 0.12)}
    keys |= {"smile": pulses(seconds, rng, (0.8, 2.0), 0.3)}
    return Script(seconds, {**place(seconds, seed, 0.5), **blinks(seconds, seed), **keys})


def alone(parameter: str, seconds: float, seed: int = 0) -> Script:
    """One of brows, open, smile or wide, again and again; nothing else but blinks."""
    keys = pulses(seconds, np.random.default_rng((seed, 3)))
    names = ("brow left", "brow right") if parameter == "brows" else (parameter,)
    return Script(seconds, {**blinks(seconds, seed), **dict.fromkeys(names, keys)})


def glasses(seconds: float, on: float, off: float, seed: int = 0) -> Script:
    """Glasses put on at one second and taken off at another."""
    moment = 1e-3
    worn = ((0.0, 0.0), (on, 0.0), (on + moment, 1.0), (off, 1.0), (off + moment, 0.0))
    return Script(seconds, {**place(seconds, seed, 0.3), **blinks(seconds, seed), "glasses": worn})


def together(n: int, seconds: float, seed: int = 0, cross: bool = False) -> list[Script]:
    """Scripts of n people side by side who blink and move a little; cross: the outer two drift inwards, at
    other heights, and back; of two, until their faces touch."""
    scripts = []
    for i in range(n):
        rng = np.random.default_rng((seed, 4, i))
        x, apart = (i + 0.5) / n, min(64.0, 210.0 / n)
        keys = {"x": wander(seconds, x, 0.02, rng), "y": wander(seconds, 0.45, 0.04, rng)}
        if cross and i in (0, n - 1):
            nearer = 0.5 + (0.5 / n + 0.02) * (-0.4 if i == 0 else 0.4)
            keys["x"] = [(0, x), (0.35 * seconds, nearer), (0.6 * seconds, nearer), (0.95 * seconds, x)]
            keys["y"] = [(0, 0.36 if i == 0 else 0.56)]
        keys["apart"] = wander(seconds, apart, 0.05 * apart, rng)
        keys["roll"] = wander(seconds, 0, 6, rng)
        scripts.append(Script(seconds, {**keys, **blinks(seconds, seed + i)}))
    return scripts

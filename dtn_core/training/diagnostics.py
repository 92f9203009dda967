"""Warnings about a transfer's training, derived from its curves, with advice.

The rules of thumb average over some ten logged points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import NamedTuple

from ..config import TransferTraining
from .runs.status import RunStatus

Curves = dict[str, list[float]]

WINDOW = 10
"""Logged points over which a mean is taken."""

MIN_POINTS = 20
"""Logged points below which there are no warnings."""


class TrainingWarning(NamedTuple):
    """A problem.

    Attributes:
        what: A short title.
        advice: What to try, in one or two sentences.
    """

    what: str
    advice: str


def warnings(run: RunStatus) -> tuple[TrainingWarning, ...]:
    """Warnings about a transfer; empty for other trainings, and without curves."""
    if not isinstance(run.config, TransferTraining):
        return ()
    curves = {name: [value for value in values if math.isfinite(value)] for name, (_, values) in run.curves.items()}
    if max((len(values) for values in curves.values()), default=0) < MIN_POINTS:
        return ()
    config = run.config
    progress = run.step / max(1, run.steps)
    return (
        *_check_discriminator(curves, config),
        *_check_diversity(curves, progress),
        *_check_const(curves, config, progress),
        *_check_tid(curves),
        *_check_spikes(curves, config),
    )


def _check_discriminator(curves: Curves, config: TransferTraining) -> Iterator[TrainingWarning]:
    d = curves.get("d", [])
    accuracy = curves.get("d_accuracy", [])
    gang = curves.get("gang", [])
    if min(len(d), len(accuracy), len(gang)) < MIN_POINTS:
        return
    classes = 2 if config.binary else 3
    chance_loss = classes * math.log(classes)  # L_D if D gives every class the same probability
    mean_loss = fmean(d[-WINDOW:])
    mean_accuracy = fmean(accuracy[-WINDOW:])
    rising = fmean(gang[-WINDOW:]) > 1.02 * fmean(gang[-2 * WINDOW : -WINDOW])
    if mean_loss < 0.15 * chance_loss or (mean_accuracy > 0.97 and rising):
        yield TrainingWarning(
            "D has won",
            f"It tells G's pictures from real ones without fail, so g learns nothing from it. Lower lr_d (now "
            f"{config.lr_d:g}) or d_base ({config.d_base}), or give more target pictures.",
        )
    elif abs(mean_loss - chance_loss) < 0.02 * chance_loss and abs(mean_accuracy - 1 / classes) < 0.05:
        yield TrainingWarning(
            "D is silent",
            "It can't tell G's pictures from real ones better than by chance, so it teaches g nothing. Raise lr_d "
            f"(now {config.lr_d:g}) or d_base ({config.d_base}).",
        )


def _check_diversity(curves: Curves, progress: float) -> Iterator[TrainingWarning]:
    diversity = curves.get("val/diversity", [])
    if len(diversity) < 3:
        return
    now = fmean(diversity[-2:])
    # At the start g paints the same grey for every source, which isn't collapse yet.
    if now < 0.5 * max(diversity) or (now < 0.3 and progress > 0.25):
        yield TrainingWarning(
            "Mode collapse",
            f"G(s) differ {now:.0%} as much as real target pictures do: many sources give the same picture. Raise "
            "alpha or beta, lower lr_d or delta, and go on from a checkpoint before it.",
        )


def _check_const(curves: Curves, config: TransferTraining, progress: float) -> Iterator[TrainingWarning]:
    const = curves.get("const", [])
    if len(const) < MIN_POINTS or not config.alpha or progress < 0.5:
        return
    before = fmean(const[: len(const) // 10])
    now = fmean(const[-(len(const) // 5) :])
    if now > 0.97 * before:
        yield TrainingWarning(
            "CONST doesn't fall",
            f"G(s) keeps no more of what f sees in s than at the start. Raise alpha (now {config.alpha:g}), or take "
            "an f that tells more in both domains (encoder).",
        )


def _check_tid(curves: Curves) -> Iterator[TrainingWarning]:
    tid = curves.get("tid", [])
    held_out = curves.get("val/tid", [])
    if len(tid) < MIN_POINTS or len(held_out) < 6:
        return
    third = held_out[-(len(held_out) // 3) :]
    half = len(third) // 2
    rising = fmean(third[-half:]) > fmean(third[:half])
    if held_out[-1] > 1.5 * fmean(tid[-WINDOW:]) and rising:
        yield TrainingWarning(
            "TID overfits",
            "g repeats target pictures that it knows, and gets worse on others. Give more target pictures, or fewer "
            "steps or a smaller base; keep=best exports the best step.",
        )


def _check_spikes(curves: Curves, config: TransferTraining) -> Iterator[TrainingWarning]:
    rates = {"g": f"lr (now {config.lr:g})", "d": f"lr_d (now {config.lr_d:g})"}
    for name, rate in rates.items():
        values: Sequence[float] = curves.get(name, [])
        if len(values) >= 2 * MIN_POINTS and max(values[-WINDOW:]) > 10 * median(values[:-WINDOW]) > 0:
            yield TrainingWarning(
                f"The loss of {name} spikes",
                f"One step undid many. Set clip to 1 (now {config.clip:g}) or lower {rate}.",
            )

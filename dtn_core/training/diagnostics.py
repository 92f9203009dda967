"""What goes wrong with a transfer's training, told from its curves, and what to try. Rules of thumb: each holds over
some ten logged points, and nothing is said before there are twenty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import NamedTuple

from ..config import TransferTraining
from .runs.status import RunStatus

Curves = dict[str, list[float]]

LAST = 10
"""Logged points over which a mean is taken."""

ENOUGH = 20
"""Logged points before anything is said."""


class Warning(NamedTuple):
    """what: a short title; advice: what to try, in one or two sentences."""

    what: str
    advice: str


def warnings(run: RunStatus) -> tuple[Warning, ...]:
    """What looks wrong in a transfer's curves; empty for other trainings, and where the curves aren't there."""
    if not isinstance(run.config, TransferTraining):
        return ()
    curves = {name: [value for value in values if math.isfinite(value)] for name, (_, values) in run.curves.items()}
    if max((len(values) for values in curves.values()), default=0) < ENOUGH:
        return ()
    config, share = run.config, run.step / max(1, run.steps)
    return (
        *_of_d(curves, config),
        *_of_diversity(curves, share),
        *_of_const(curves, config, share),
        *_of_tid(curves),
        *_of_spikes(curves, config),
    )


def _of_d(curves: Curves, config: TransferTraining) -> Iterator[Warning]:
    d, accuracy, gang = (curves.get(name, []) for name in ("d", "d_accuracy", "gang"))
    if min(len(d), len(accuracy), len(gang)) < ENOUGH:
        return
    kinds = 2 if config.binary else 3
    silent = kinds * math.log(kinds)  # L_D where D gives every kind the same probability
    loss, right = fmean(d[-LAST:]), fmean(accuracy[-LAST:])
    rising = fmean(gang[-LAST:]) > 1.02 * fmean(gang[-2 * LAST : -LAST])
    if loss < 0.15 * silent or (right > 0.97 and rising):
        yield Warning(
            "D has won",
            f"It tells G's pictures from real ones without fail, so g learns nothing from it. Lower lr_d (now "
            f"{config.lr_d:g}) or d_base ({config.d_base}), or give more target pictures.",
        )
    elif abs(loss - silent) < 0.02 * silent and abs(right - 1 / kinds) < 0.05:
        yield Warning(
            "D is silent",
            "It can't tell G's pictures from real ones better than by chance, so it teaches g nothing. Raise lr_d "
            f"(now {config.lr_d:g}) or d_base ({config.d_base}).",
        )


def _of_diversity(curves: Curves, share: float) -> Iterator[Warning]:
    diversity = curves.get("val/diversity", [])
    if len(diversity) < 3:
        return
    now = fmean(diversity[-2:])
    # At the start g paints one grey for all; that isn't collapse yet.
    if now < 0.5 * max(diversity) or (now < 0.3 and share > 0.25):
        yield Warning(
            "Mode collapse",
            f"G(s) differ {now:.0%} as much as real target pictures do: many sources give the same picture. Raise "
            "alpha or beta, lower lr_d or delta, and go on from a checkpoint before it.",
        )


def _of_const(curves: Curves, config: TransferTraining, share: float) -> Iterator[Warning]:
    const = curves.get("const", [])
    if len(const) < ENOUGH or not config.alpha or share < 0.5:
        return
    before, now = fmean(const[: len(const) // 10]), fmean(const[-(len(const) // 5) :])
    if now > 0.97 * before:
        yield Warning(
            "CONST doesn't fall",
            f"G(s) keeps no more of what f sees in s than at the start. Raise alpha (now {config.alpha:g}), or take "
            "an f that tells more in both domains (encoder).",
        )


def _of_tid(curves: Curves) -> Iterator[Warning]:
    tid, held_out = curves.get("tid", []), curves.get("val/tid", [])
    if len(tid) < ENOUGH or len(held_out) < 6:
        return
    third = held_out[-(len(held_out) // 3) :]
    half = len(third) // 2
    rising = fmean(third[-half:]) > fmean(third[:half])
    if held_out[-1] > 1.5 * fmean(tid[-LAST:]) and rising:
        yield Warning(
            "TID overfits",
            "g repeats target pictures that it knows, and gets worse on others. Give more target pictures, or fewer "
            "steps or a smaller base; keep=best exports the best step.",
        )


def _of_spikes(curves: Curves, config: TransferTraining) -> Iterator[Warning]:
    for name in ("g", "d"):
        values: Sequence[float] = curves.get(name, [])
        if len(values) >= 2 * ENOUGH and max(values[-LAST:]) > 10 * median(values[:-LAST]) > 0:
            yield Warning(
                f"The loss of {name} leaps",
                f"One step undid many. Set clip to 1 (now {config.clip:g}) or lower "
                + (f"lr (now {config.lr:g})." if name == "g" else f"lr_d (now {config.lr_d:g})."),
            )

"""Figures of `benchmarks.motion`: of one portrait or several together, and as a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dtn_core.avatars.rig import MOTION_PARAMS
from dtn_core.core.metrics import auc


def median(values: Iterable[float | None], digits: int = 3) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), digits) if known else None


def blink_figures(takes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    total = {key: sum(take[key] for take in takes) for key in ("blinks", "found", "false", "seconds")}
    delays = [delay for take in takes for delay in take["delays"]]
    return {
        "n": total["blinks"],
        "found": round(total["found"] / total["blinks"], 4) if total["blinks"] else None,
        "delay_frames": median(delays),
        "delay_frames_p95": round(float(np.percentile(delays, 95)), 1) if delays else None,
        "false_per_minute": round(60 * total["false"] / max(total["seconds"], 1e-9), 2),
    }


def expression_figures(takes: Sequence[dict[str, Any]], line: float) -> dict[str, Any]:
    rest, well = (np.array([value for take in takes for value in take[key]]) for key in ("rest", "well"))
    delays = [delay for take in takes for delay in take["delays"]]
    onsets = sum(take["onsets"] for take in takes)
    scored = len(rest) and len(well)
    labels = np.repeat([0, 1], [len(rest), len(well)])
    return {
        "portraits": len(takes),
        "onsets": onsets,
        "found": round(1 - sum(take["missed"] for take in takes) / onsets, 4) if onsets else None,
        "delay_frames": median(delays),
        "auc": round(auc(labels, np.concatenate([rest, well])), 4) if scored else None,
        "right_at_rest": round(float(np.mean(rest <= line)), 4) if len(rest) else None,
        "right_in_it": round(float(np.mean(well > line)), 4) if len(well) else None,
    }


def summary(made: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of some portraits together: counts pooled, medians of what is one number a portrait."""

    def middle(*path: str) -> float | None:
        values = []
        for record in made:
            for key in path:
                record = (record or {}).get(key)
            values.append(record)
        return median(values)

    worst = [record["still"]["place"] for record in made if "place" in record["still"]]
    return {
        "blinks": blink_figures([record["blinking"] for record in made]),
        "blinks_moving": blink_figures([record["moving"]["blinks"] for record in made]),
        "still": {
            "false_blinks_per_minute": blink_figures([record["still"]["blinks"] for record in made])[
                "false_per_minute"
            ],
            "noise_px": middle("still", "place"),
            "noise_px_worst": round(max(worst), 3) if worst else None,
            "step_px_p95": middle("still", "step"),
            "told_open": round(float(np.mean([record["still_told"]["open"] for record in made])), 4),
            "told_smiling": round(float(np.mean([record["still_told"]["smile"] for record in made])), 4),
            "noise": {
                key: middle("still", key) for key in ("lids", "brows", "open", "smile", "yaw", "roll")
            },
            "changes": sum(record["still"]["changes"] for record in made),
        },
        "moving": {
            key: middle("moving", key)
            for key in ("error", "error_p95", "scale_error", "roll_error", "lag_ms", "yaw", "followed")
        }
        | {"changes": sum(record["moving"]["changes"] for record in made)},
        "open": expression_figures([record["open"] for record in made if "open" in record], MOTION_PARAMS["open"]),
        "smile": expression_figures([record["smile"] for record in made if "smile" in record], MOTION_PARAMS["smile"]),
        "brows": middle("brows"),
        "wide": middle("wide"),
        "first_avatar_s": middle("first_avatar"),
        "glasses": glasses_figures([record["glasses"] for record in made if record["glasses"]]),
    }  # fmt: skip


def glasses_figures(seen: Sequence[dict[str, float | None]]) -> dict[str, Any]:
    made: dict[str, Any] = {"n": len(seen)}
    for way in ("on", "off"):
        times = [one[way] for one in seen if one[way] is not None and (way == "on" or one["on"] is not None)]
        of = len(seen) if way == "on" else sum(one["on"] is not None for one in seen)
        made[way] = {"followed": len(times), "of": of, "seconds": median(times), "longest": max(times, default=None)}
    return made


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown."""
    seen = report["overall"]
    blinks, moving, still = seen["blinks"], seen["blinks_moving"], seen["still"]

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    rows = [
        ("blinks found, head still / moving", f"{share(blinks['found'])} / {share(moving['found'])}"),
        ("their delay, frames", f"{blinks['delay_frames']} / {moving['delay_frames']}"),
        ("false blinks a minute, nothing moves / head still / moving",
         f"{still['false_blinks_per_minute']} / {blinks['false_per_minute']} / {moving['false_per_minute']}"),
    ]  # fmt: skip
    for name, words in (("open", "mouth opened"), ("smile", "smile")):
        one = seen[name]
        words += f", {one['portraits']} portraits"
        rows.append((f"{words}: onsets found, delay in frames", f"{share(one['found'])}, {one['delay_frames']}"))
        rows.append((f"{words}: AUC; right at rest, in it",
                     f"{one['auc']}; {share(one['right_at_rest'])}, {share(one['right_in_it'])}"))  # fmt: skip
    rows += [
        ("brows, width of the mouth: correlation", f"{seen['brows']}, {seen['wide']}"),
        ("place of a moving head: error, pixels of 256", f"{seen['moving']['error']}"),
        ("its lag, ms", f"{seen['moving']['lag_ms']}"),
        ("noise of a still face: median, worst portrait, pixels of 256",
         f"{still['noise_px']}, {still['noise_px_worst']}"),
        ("changes of the avatar in a minute after its first second, still / moving",
         " / ".join(str(n) for n in report["identity"]["changes"].values())),
    ]  # fmt: skip
    for way, words in (("on", "put on"), ("off", "taken off")):
        one = seen["glasses"][way]
        seconds = f", {one['seconds']}" if one["followed"] else ""
        rows.append((f"glasses {words}: followed, median seconds", f"{one['followed']} of {one['of']}{seconds}"))
    cuts = report["identity"]["cuts"]
    if cuts:
        rows.append(("cut to another person: seconds to a new avatar", f"{median(c['avatar'] for c in cuts)}"))
    return "\n".join(["| measure | value |", "|---|---|", *(f"| {words} | {value} |" for words, value in rows)])

"""The figures of the long form as the table of docs/reliability.md."""

from __future__ import annotations

from typing import Any


def table(report: dict[str, Any]) -> str:
    """All of it; a part that lost something has no figures, as it ends the run."""
    training, video, writers, together = (
        report["parts"][name] for name in ("training", "video", "writers", "together")
    )
    rows = [
        (
            "kill -9 of a training, at random moments",
            f"{training['kills']}, {training['in a write']} in the midst of a write",
            f"0 saved steps lost; {training['runs']} runs ended to the bit as one that was never killed",
        ),
        (
            "kill -9 of a video's export, at random moments",
            f"{video['kills']}, {video['over a file']} over a file that was there",
            "0 half; the file of before, or the new one, whole",
        ),
        (
            "kill -9 of a writer, before each of its operations and in the midst of its bytes",
            f"{writers['kills']}, of {writers['writers']} writers",
            "0 half; nothing stays",
        ),
        (
            "two apps on one folder of runs",
            f"{together['actions']:,} actions, {together['refused']} refused in a line",
            f"{together['trainings']} trainings, never two of a run; 0 broken",
        ),
    ]
    lines = ["| fault | tried | lost or half |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def kills(report: dict[str, Any]) -> int:
    """Of all parts together."""
    return sum(part.get("kills", 0) for part in report["parts"].values())

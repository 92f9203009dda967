"""Runs as HTML: the list of them, one as it goes, a check before the start. Whatever comes from files is escaped."""

from __future__ import annotations

import base64
import html
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....config import TransferTraining, descriptions, to_dict
from ....training import diagnostics
from ....training.dry_run import DryRun
from ....training.runs.listing import crash_summary
from ....training.runs.status import RunStatus
from ...components import pictures
from . import curves, fields

WORDS = {
    "starting": "Starting",
    "running": "Running",
    "stopping": "Stopping",
    "done": "Done",
    "early": "Done early",
    "stopped": "Stopped",
    "failed": "Failed",
    "died": "Died",
    "unreadable": "Unreadable",
}
"""What a status is called."""

MEANING = {
    "starting": "It reads its data; the first step comes in a moment.",
    "stopping": "It saves, then stops.",
    "early": "It stopped by itself: nothing better came for a while.",
    "stopped": "It was saved, and can go on.",
}

NOTHING = """<div class="train-empty"><svg viewBox="0 0 120 60" aria-hidden="true">
<path class="faint" d="M6 10 22 34 34 22 46 42 58 30 70 46 82 38 94 48 114 46"/><path d="M6 8C30 40 60 46 114 49"/>
</svg><h3>No training yet</h3>
<p>Choose a task in the form, press <b>Check</b> to look at data and time, then <b>Start</b>. Curves and samples appear
here. A run goes on when this page is closed.</p></div>"""


def quiet(text: str) -> str:
    """A quiet line of plain text."""
    return f'<p class="quiet">{html.escape(text)}</p>'


# ── numbers in words ────────────────────────────────────────────────────────────────────────────────────────


def duration(seconds: float | None) -> str:
    """40 s, 12 min, 3 h 20 min, 2 days 5 h; "" where it isn't known."""
    if seconds is None or not seconds >= 0:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days {hours % 24} h"


def ago(when: float | None, now: float | None = None) -> str:
    """How long ago a time, seconds since 1970, was; assets/runs.js says the same later on."""
    if not when:
        return ""
    seconds = (time.time() if now is None else now) - when
    for span, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= span:
            return f"{int(seconds // span)} {word} ago"
    return "just now"


def size(count: float) -> str:
    """Bytes in words: 640 MB, 1.2 GB."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 1000 * factor else f"{count / factor:,.0f} {unit}"
    return f"{count:.0f} bytes"


# ── the list of runs ────────────────────────────────────────────────────────────────────────────────────────


def badge(status: str) -> str:
    """A status as a coloured word."""
    return f'<span class="badge {html.escape(status)}">{html.escape(WORDS.get(status, status))}</span>'


def runs(found: Sequence[RunStatus], chosen: str) -> str:
    """The list of runs; assets/runs.js makes it one to choose from and keeps the ages fresh."""
    if not found:
        return ""
    rows = "".join(_row(run, run.name == chosen) for run in found)
    return f'<div class="run-list" role="group" aria-label="Runs">{rows}</div>'


def hundredth(run: RunStatus) -> int:
    """How far a run is, in percent."""
    return 100 * run.step // max(1, run.steps)


def _row(run: RunStatus, chosen: bool) -> str:
    name = html.escape(run.name)
    number, _, rest = name.partition("-")
    note = f"<q>{html.escape(run.notes.strip().splitlines()[0][:80])}</q>" if run.notes.strip() else ""
    steps = f"{run.step:,} / {run.steps:,}" if run.steps else ""
    when = run.updated or run.started
    return (
        f'<button type="button" data-run="{name}" aria-pressed="{str(chosen).lower()}"><span class="run-name">'
        f"<i>{number}</i> {rest}{note}</span>{badge(run.status)}<span>{steps}</span>"
        f'<time data-at="{when or 0:.0f}">{ago(when)}</time></button>'
    )


# ── one run ─────────────────────────────────────────────────────────────────────────────────────────────────


def status(run: RunStatus) -> str:
    """Name, badge, progress, the figures of now, warnings and messages."""
    share = 100 * run.step / run.steps if run.steps else 0
    figures = [
        ("Step", f"{run.step:,} <i>of {run.steps:,}</i>" if run.steps else ""),
        ("Pictures a second", f"{run.rate:,.{0 if run.rate >= 10 else 1}f}" if run.rate else ""),
        ("Time left", duration(run.eta) if run.status == "running" else ""),
        ("Trained for", duration(run.seconds) if run.seconds else ""),
        ("Memory", size(run.memory) if run.memory else ""),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures if value)
    on = f'<span class="on">on {html.escape(run.device)}</span>' if run.device else ""
    head = f"<h3>{html.escape(run.name)}</h3>{badge(run.status)}{on}"
    bar = (
        f'<div class="progress {html.escape(run.status)}" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}" aria-label="Progress"><i style="width:{share:.2f}%"></i></div>'
    )
    say = f'data-say="{html.escape(run.name)}: {html.escape(WORDS.get(run.status, run.status))}"'
    return f'<div class="run-card" {say}><header>{head}</header>{bar}<dl>{cells}</dl>{_messages(run)}</div>'


def _messages(run: RunStatus) -> str:
    """Why a run ended, warnings with advice, and the last messages."""
    parts = []
    meaning = MEANING.get(run.status, "")
    if run.status in ("failed", "died", "unreadable"):
        text = crash_summary(run) if run.status == "died" else run.why
        parts.append(f'<p class="message error">{html.escape(text)}</p>')
    elif meaning:
        parts.append(quiet(meaning))
    for warning in diagnostics.warnings(run):
        text = f"<b>{html.escape(warning.what)}</b> {html.escape(warning.advice)}"
        parts.append(f'<p class="message hint">{text}</p>')
    lines = "".join(
        f"<li>{f'<i>step {step:,}</i> ' if step else ''}{html.escape(text)}</li>"
        for step, text in run.messages[-5:]
        if step or not run.step  # messages before the first step are soon out of date
    )
    if lines:
        parts.append(f'<ul class="run-messages">{lines}</ul>')
    return "".join(parts)


def drawn(run: RunStatus, other: RunStatus | None = None) -> str:
    """The curves of a run; with another, both in one, a legend, and how their settings differ."""
    config = run.config if isinstance(run.config, TransferTraining) else None
    figures = curves.draw(run.curves, other.curves if other else None, bool(config and config.binary))
    if not figures:
        return '<p class="quiet">Curves appear with the first figures.</p>'
    legend = '<p class="legend"><i class="raw-key"></i> as measured <i class="bold-key"></i> smoothed</p>'
    if other is not None:
        legend = (
            f'<p class="legend"><i class="bold-key"></i> {html.escape(run.name)} '
            f'<i class="b-key"></i> {html.escape(other.name)}</p>{_differences(run, other)}'
        )
    return f'{legend}<div class="curves">{figures}</div>'


def _differences(run: RunStatus, other: RunStatus) -> str:
    """The settings in which two runs differ, as a table."""
    here, there = (to_dict(r.config) if r.config is not None else {} for r in (run, other))
    keys = [key for key in {**here, **there} if here.get(key) != there.get(key)]
    if not keys:
        return '<p class="quiet">Their settings are the same.</p>'
    rows = "".join(
        f'<tr><th scope="row">{html.escape(key)}</th><td>{_value(here, key)}</td><td>{_value(there, key)}</td></tr>'
        for key in keys
    )
    names = "".join(f'<th scope="col">{html.escape(r.name)}</th>' for r in (run, other))
    head = f"<thead><tr><td></td>{names}</tr></thead>"
    return f'<div class="differences"><table>{head}<tbody>{rows}</tbody></table></div>'


def _value(settings: dict[str, Any], key: str) -> str:
    return html.escape(str(settings[key])) if key in settings else "–"


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def shown_step(run: RunStatus, pinned: int | None) -> int | None:
    """Which step's sample to show: the pinned one or the last before it; else the newest. None: there is none."""
    steps = [step for step, _ in run.samples]
    if not steps:
        return None
    if pinned is None:
        return steps[-1]
    return next((step for step in reversed(steps) if step <= pinned), steps[0])


def samples(run: RunStatus, pinned: int | None = None, other: RunStatus | None = None) -> dict[str, Any] | None:
    """What assets/samples.js shows: all steps with a sample, the picture of one of them, names of its rows, and the
    sample of another run at that step. None without a sample."""
    step = shown_step(run, pinned)
    if step is None:
        return None
    side = _side(run, step)
    beside = _side(other, step) if other is not None and other.samples else None
    steps = [s for s, _ in run.samples]
    return {"steps": steps, "at": steps.index(step), "follow": pinned is None, "sides": [side, *filter(None, [beside])]}


def _side(run: RunStatus, step: int) -> dict[str, Any]:
    at = shown_step(run, step)
    path = dict(run.samples)[at]
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return {"name": run.name, "step": at, "url": url, "rows": row_names(run, data)}


def row_names(run: RunStatus, png: bytes) -> list[str]:
    """Names of a grid's rows: a translation's come in fours. [] where the rows aren't known."""
    if not isinstance(run.config, TransferTraining) or len(png) < 24:
        return []
    height = struct.unpack(">I", png[20:24])[0]
    side = run.config.size
    count, rest = divmod(height - 2, side + 2)
    return (
        ["source s", "G(s)", "target t", "G(t)"] * (count // 4) if count % 4 == 0 and rest == 0 and count < 400 else []
    )


# ── before a run ────────────────────────────────────────────────────────────────────────────────────────────


def checked(found: DryRun) -> str:
    """What a check found: problems first, then counts, pictures, time and room."""
    problems = "".join(f'<p class="message hint">{html.escape(problem)}</p>' for problem in found.problems)
    good = "" if problems else '<p class="message agree">All well: it can start.</p>'
    cells = [(html.escape(name), f"{count:,} pictures") for name, count in found.counts.items()]
    step = found.seconds_per_step
    each = f"{step:.2f} s" if step >= 1 else f"{1000 * step:.0f} ms"
    cells += [
        ("Time", f"about {duration(found.seconds)} <i>({each} a step)</i>"),
        ("Memory", _room(found.memory, found.memory_free)),
        ("Disk", _room(found.disk, found.disk_free)),
        ("On", html.escape(found.device)),
    ]
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
    preview = ""
    if found.preview is not None:
        url = pictures.encode(found.preview, max_side=None, exact=True)
        preview = f'<figure><img src="{url}" alt="Pictures of s above pictures of t"></figure>'
    return f'<div class="check-card">{problems}{good}{preview}<dl>{listed}</dl>{_skipped(found.skipped)}</div>'


def _room(wanted: int, free: int) -> str:
    return f"{size(wanted)}" + (f" <i>of {size(free)} free</i>" if free else "")


def _skipped(files: Sequence[tuple[str, str]]) -> str:
    if not files:
        return ""
    count = "1 file is" if len(files) == 1 else f"{len(files):,} files are"
    lines = "".join(f"<li>{html.escape(name)} <i>{html.escape(why)}</i></li>" for name, why in files[:100])
    more = f"<li>… and {len(files) - 100:,} more</li>" if len(files) > 100 else ""
    return f"<details><summary>{count} skipped</summary><ul>{lines}{more}</ul></details>"


CHECKING = """<p class="message hint" role="status">Looking: it reads the pictures, and tries a few steps. That takes
some seconds, or a minute where much is to be read.</p>"""
"""Shown while a check goes on."""


def all_settings(preset: str) -> str:
    """Every setting of a preset with its value and meaning, for those who write into the box of all settings."""
    config = fields.PRESETS[preset]
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(getattr(config, name)))}</td>"
        f"<td>{html.escape(meaning)}</td></tr>"
        for name, meaning in descriptions(type(config)).items()
    )
    frame = '<div class="all-settings" role="group" tabindex="0" aria-label="Every setting">'
    return f"{frame}<table><tbody>{rows}</tbody></table></div>"


def log(text: str) -> str:
    """The end of a log."""
    frame = '<pre class="log" role="group" tabindex="0" aria-label="The end of the log">'
    return f"{frame}{html.escape(text) or 'Nothing printed yet.'}</pre>"


def exported(path: Path) -> str:
    """A line about a zip that is ready."""
    return f"{html.escape(path.name)} · {size(path.stat().st_size)}"

"""Training runs as HTML: the list of runs, one run, and a dry run. All text from files is escaped."""

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

STATUS_LABELS = {
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

STATUS_HINTS = {
    "starting": "It is reading its data and will start in a moment.",
    "stopping": "It is saving a checkpoint and will then stop.",
    "early": "It stopped early, because it no longer improved.",
    "stopped": "It was saved and can be resumed.",
}

NOTHING = """<div class="train-empty"><svg viewBox="0 0 120 60" aria-hidden="true">
<path class="faint" d="M6 10 22 34 34 22 46 42 58 30 70 46 82 38 94 48 114 46"/><path d="M6 8C30 40 60 46 114 49"/>
</svg><h3>No training yet</h3>
<p>Choose a task in the form, press <b>Check</b> to test data and time, then <b>Start</b>. Curves and samples appear
here. A run keeps running if you close this page.</p></div>"""


def quiet(text: str) -> str:
    """Render a secondary line of plain text."""
    return f'<p class="quiet">{html.escape(text)}</p>'


# ── units ────────────────────────────────────────────────────────────────────────────────────────────────────


def duration(seconds: float | None) -> str:
    """Format a duration: 40 s, 12 min, 3 h 20 min, 2 days 5 h; "" if it is unknown."""
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
    """Format how long ago a time (seconds since 1970) was; assets/js/runs.js keeps it up to date."""
    if not when:
        return ""
    seconds = (time.time() if now is None else now) - when
    for span, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= span:
            return f"{int(seconds // span)} {word} ago"
    return "just now"


def size(count: float) -> str:
    """Format a number of bytes: 640 MB, 1.2 GB."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 1000 * factor else f"{count / factor:,.0f} {unit}"
    return f"{count:.0f} bytes"


# ── the list of runs ────────────────────────────────────────────────────────────────────────────────────────


def badge(status: str) -> str:
    """Render a status as a coloured label."""
    return f'<span class="badge {html.escape(status)}">{html.escape(STATUS_LABELS.get(status, status))}</span>'


def runs(statuses: Sequence[RunStatus], selected: str) -> str:
    """Render the list of runs; assets/js/runs.js handles the selection and updates the ages."""
    if not statuses:
        return ""
    rows = "".join(_row(run, run.name == selected) for run in statuses)
    return f'<div class="run-list" role="group" aria-label="Runs">{rows}</div>'


def percent_done(run: RunStatus) -> int:
    """Return the progress of a run in percent."""
    return 100 * run.step // max(1, run.steps)


def _row(run: RunStatus, selected: bool) -> str:
    name = html.escape(run.name)
    number, _, rest = name.partition("-")
    note = f"<q>{html.escape(run.notes.strip().splitlines()[0][:80])}</q>" if run.notes.strip() else ""
    steps = f"{run.step:,} / {run.steps:,}" if run.steps else ""
    when = run.updated or run.started
    return (
        f'<button type="button" data-run="{name}" aria-pressed="{str(selected).lower()}"><span class="run-name">'
        f"<i>{number}</i> {rest}{note}</span>{badge(run.status)}<span>{steps}</span>"
        f'<time data-at="{when or 0:.0f}">{ago(when)}</time></button>'
    )


# ── one run ─────────────────────────────────────────────────────────────────────────────────────────────────


def status(run: RunStatus) -> str:
    """Render name, status, progress, current metrics, warnings and messages of a run."""
    share = 100 * run.step / run.steps if run.steps else 0
    if run.preparation:
        share = 100 * run.preparation[1]
    metrics = [
        ("Preparing data", f"{share:.0f}%" if run.preparation else ""),
        ("Step", f"{run.step:,} <i>of {run.steps:,}</i>" if run.steps and not run.preparation else ""),
        ("Pictures per second", f"{run.rate:,.{0 if run.rate >= 10 else 1}f}" if run.rate else ""),
        ("Time left", duration(run.eta) if run.status == "running" else ""),
        ("Trained for", duration(run.seconds) if run.seconds else ""),
        ("Memory", size(run.memory_bytes) if run.memory_bytes else ""),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in metrics if value)
    on = f'<span class="on">on {html.escape(run.device)}</span>' if run.device else ""
    head = f"<h3>{html.escape(run.name)}</h3>{badge(run.status)}{on}"
    bar = (
        f'<div class="progress {html.escape(run.status)}" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}" aria-label="Progress"><i style="width:{share:.2f}%"></i></div>'
    )
    say = f'data-say="{html.escape(run.name)}: {html.escape(STATUS_LABELS.get(run.status, run.status))}"'
    return f'<div class="run-card" {say}><header>{head}</header>{bar}<dl>{cells}</dl>{_messages(run)}</div>'


def _messages(run: RunStatus) -> str:
    """Render why a run ended, warnings with advice, and the last messages."""
    parts = []
    hint = STATUS_HINTS.get(run.status, "")
    if run.preparation and run.status == "starting":
        hint = f"Preparing data: {run.preparation[0]}. The first step follows."
    if run.status in ("failed", "died", "unreadable"):
        text = crash_summary(run) if run.status == "died" else run.reason
        parts.append(f'<p class="message error">{html.escape(text)}</p>')
    elif hint:
        parts.append(quiet(hint))
    for warning in diagnostics.warnings(run):
        text = f"<b>{html.escape(warning.what)}</b> {html.escape(warning.advice)}"
        parts.append(f'<p class="message hint">{text}</p>')
    lines = "".join(
        f"<li>{f'<i>step {step:,}</i> ' if step else ''}{html.escape(text)}</li>"
        for step, text in run.messages[-5:]
        if step or not run.step  # messages before the first step are outdated once there are steps
    )
    if lines:
        parts.append(f'<ul class="run-messages">{lines}</ul>')
    return "".join(parts)


def curves_of(run: RunStatus, other: RunStatus | None = None) -> str:
    """Render the curves of a run; with another run, both in one plot, a legend, and the settings that differ."""
    config = run.config if isinstance(run.config, TransferTraining) else None
    figures = curves.draw(run.curves, other.curves if other else None, bool(config and config.binary))
    if not figures:
        return '<p class="quiet">Curves appear after the first steps.</p>'
    legend = '<p class="legend"><i class="raw-key"></i> measured <i class="bold-key"></i> smoothed</p>'
    if other is not None:
        legend = (
            f'<p class="legend"><i class="bold-key"></i> {html.escape(run.name)} '
            f'<i class="b-key"></i> {html.escape(other.name)}</p>{_differences(run, other)}'
        )
    return f'{legend}<div class="curves">{figures}</div>'


def _differences(run: RunStatus, other: RunStatus) -> str:
    """Render the settings in which two runs differ as a table."""
    first, second = (to_dict(one.config) if one.config is not None else {} for one in (run, other))
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    if not keys:
        return '<p class="quiet">Their settings are identical.</p>'
    rows = "".join(
        f'<tr><th scope="row">{html.escape(key)}</th><td>{_value(first, key)}</td><td>{_value(second, key)}</td></tr>'
        for key in keys
    )
    names = "".join(f'<th scope="col">{html.escape(one.name)}</th>' for one in (run, other))
    head = f"<thead><tr><td></td>{names}</tr></thead>"
    return f'<div class="differences"><table>{head}<tbody>{rows}</tbody></table></div>'


def _value(settings: dict[str, Any], key: str) -> str:
    return html.escape(str(settings[key])) if key in settings else "–"


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def sample_step(run: RunStatus, pinned: int | None) -> int | None:
    """Return the step of the sample to show: the pinned one, the last before it, or the newest. None without one."""
    steps = [step for step, _ in run.samples]
    if not steps:
        return None
    if pinned is None:
        return steps[-1]
    return next((step for step in reversed(steps) if step <= pinned), steps[0])


def samples(run: RunStatus, pinned: int | None = None, other: RunStatus | None = None) -> dict[str, Any] | None:
    """Return the value of assets/js/samples.js: all steps with a sample, and the sample of one of them.

    Args:
        run: the run.
        pinned: step to show; None for the newest.
        other: a run whose sample at that step is shown beside it.

    Returns:
        None without a sample.
    """
    step = sample_step(run, pinned)
    if step is None:
        return None
    sides = [_side(run, step)]
    if other is not None and other.samples:
        sides.append(_side(other, step))
    steps = [step for step, _ in run.samples]
    return {"steps": steps, "at": steps.index(step), "follow": pinned is None, "sides": sides}


def _side(run: RunStatus, step: int) -> dict[str, Any]:
    at = sample_step(run, step)
    path = dict(run.samples)[at]
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return {"name": run.name, "step": at, "url": url, "rows": row_names(run, data)}


def row_names(run: RunStatus, png: bytes) -> list[str]:
    """Return the names of a grid's rows, which come in fours for a translation; [] if they are unknown."""
    if not isinstance(run.config, TransferTraining) or len(png) < 24:
        return []
    height = struct.unpack(">I", png[20:24])[0]
    count, rest = divmod(height - 2, run.config.size + 2)
    if rest or count % 4 or count >= 400:
        return []
    return ["source s", "G(s)", "target t", "G(t)"] * (count // 4)


# ── before a run ────────────────────────────────────────────────────────────────────────────────────────────


def dry_run(result: DryRun) -> str:
    """Render a dry run: problems first, then counts, pictures, time and resources."""
    problems = "".join(f'<p class="message hint">{html.escape(problem)}</p>' for problem in result.problems)
    success = "" if problems else '<p class="message agree">No problems: it can start.</p>'
    cells = [(html.escape(name), f"{count:,} pictures") for name, count in result.counts.items()]
    step = result.seconds_per_step
    per_step = f"{step:.2f} s" if step >= 1 else f"{1000 * step:.0f} ms"
    cells += [
        ("Time", f"about {duration(result.seconds)} <i>({per_step} per step)</i>"),
        ("Memory", _room(result.memory, result.memory_free)),
        ("Disk", _room(result.disk, result.disk_free)),
        ("Device", html.escape(result.device)),
    ]
    resources = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
    preview = ""
    if result.preview is not None:
        url = pictures.encode(result.preview, max_side=None, exact=True)
        preview = f'<figure><img src="{url}" alt="Pictures of s above pictures of t"></figure>'
    notes = "".join(map(quiet, result.notes))
    figures = f"<dl>{resources}</dl>{_skipped(result.skipped)}"
    return f'<div class="check-card">{problems}{success}{notes}{preview}{figures}</div>'


def _room(wanted: int, free: int) -> str:
    return size(wanted) + (f" <i>of {size(free)} free</i>" if free else "")


def _skipped(files: Sequence[tuple[str, str]]) -> str:
    if not files:
        return ""
    count = "1 file is" if len(files) == 1 else f"{len(files):,} files are"
    lines = "".join(f"<li>{html.escape(name)} <i>{html.escape(why)}</i></li>" for name, why in files[:100])
    more = f"<li>… and {len(files) - 100:,} more</li>" if len(files) > 100 else ""
    return f"<details><summary>{count} skipped</summary><ul>{lines}{more}</ul></details>"


CHECKING = """<p class="message hint" role="status">Checking data and trying a few steps… This takes a few seconds,
or up to a minute for large datasets.</p>"""


def in_use(run: RunStatus) -> str:
    """Return what a checkpoint that is used in the demo was trained for."""
    trained = f" for {duration(run.seconds)}" if run.seconds else ""
    return f"{run.name} was trained{trained}, {run.step:,} of {run.steps:,} steps. Choose a picture to try it."


def all_settings(preset: str) -> str:
    """Render every setting of a preset with its value and meaning, to look up for the box "All settings"."""
    config = fields.PRESETS[preset]
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(getattr(config, name)))}</td>"
        f"<td>{html.escape(meaning)}</td></tr>"
        for name, meaning in descriptions(type(config)).items()
    )
    frame = '<div class="all-settings" role="group" tabindex="0" aria-label="Every setting">'
    return f"{frame}<table><tbody>{rows}</tbody></table></div>"


def log(text: str) -> str:
    """Render the last lines of a log."""
    frame = '<pre class="log" role="group" tabindex="0" aria-label="End of the log">'
    return f"{frame}{html.escape(text) or 'No output yet.'}</pre>"


def exported(path: Path) -> str:
    """Describe a zip that is ready to download."""
    return f"{html.escape(path.name)} · {size(path.stat().st_size)}"

"""The tab *Evidence*: what has been measured of every checkpoint, and what it makes of faces that nobody picked.
Nothing is read before the tab is opened."""

from __future__ import annotations

import os
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ....core.errors import UserError
from ....evaluation.evidence.reading import Evidence
from ....evaluation.evidence.results import overview
from ....evaluation.evidence.results import suites as measured
from ...access.policy import Policy
from ...components import html
from ...components.pictures import ASSETS
from . import charts, views
from .checkpoints import LAST, Checkpoints
from .suites import TINY, Progress, SuiteRunner

CSS = (ASSETS / "evidence.css").read_text("utf-8")

LEAD = """<p class="lead">What has been measured, with n, seed, data and weights, the paper's figures beside ours, and
faces that nobody picked.</p>"""

NONE = ("nothing", "")
PLAIN: dict[str, Any] = {"apply_default_css": False}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
DRAWING: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
LAST_ASKED: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 1}
GALLERY: dict[str, Any] = {**DRAWING, **LAST_ASKED, "concurrency_id": "evidence-gallery"}
NEAR: dict[str, Any] = {**DRAWING, **LAST_ASKED, "concurrency_id": "evidence-near"}
SHOWN: dict[str, Any] = {**QUIET, **LAST_ASKED, "concurrency_id": "evidence"}
"""Of each output: one answer at a time, so that what is asked last is what stays."""


def data_folder(policy: Policy) -> Path | None:
    """The folder of data packs, where viewers are at home on this computer."""
    folder = os.environ.get("DTN_DATA", "")
    return Path(folder) if policy == "all" and folder and Path(folder).is_dir() else None


class EvidenceTab:
    """The components and what they answer. Inside a gr.Tab."""

    def __init__(self, known: Checkpoints, runner: SuiteRunner, style: gr.Dropdown) -> None:
        self.known, self.runner, self.style = known, runner, style
        names = known.choices()
        gr.HTML(LEAD, **PLAIN)
        with gr.Row(elem_id="evidence-choice"):
            self.chosen = gr.Dropdown(names, value=known.in_use(""), label="Checkpoint", elem_id="evidence-chosen")
            self.beside = gr.Dropdown([NONE, *names], value="", label="Beside it", elem_id="evidence-beside")
        self.links = gr.HTML(
            "", js_on_load=(ASSETS / "evidence.js").read_text("utf-8"), elem_id="evidence-links", **PLAIN
        )
        self.figures = gr.HTML("", elem_id="evidence-figures", **PLAIN)
        self.charts = gr.HTML("", elem_id="evidence-charts", **PLAIN)
        self.page = gr.State(0)
        self.followed = gr.State(None)
        with gr.Row(elem_id="evidence-paging"):
            gr.HTML("<h2>Gallery, none picked</h2>", **PLAIN)
            self.photos = gr.Checkbox(label="Held-out photos", value=False, visible=False)
            self.back = gr.Button("← Back", size="sm", elem_id="evidence-back", elem_classes="quiet-button")
            self.forth = gr.Button("Next →", size="sm", elem_id="evidence-forth", elem_classes="quiet-button")
        self.gallery = gr.HTML("", elem_id="evidence-gallery", **PLAIN)
        self.near = gr.HTML("", elem_id="evidence-near", **PLAIN)
        self._suites()
        self.results = gr.HTML("", elem_id="evidence-results", **PLAIN)

    def _suites(self) -> None:
        gr.HTML("<h2>Run a suite</h2>", elem_id="evidence-run-title", **PLAIN)
        with gr.Row(elem_id="evidence-suites"):
            listed = self.runner.choices()
            self.suite = gr.Dropdown(
                listed, value=TINY, label="Suite", show_label=False, container=False, elem_id="evidence-suite"
            )
            self.run = gr.Button("Run", size="sm", elem_id="evidence-run", elem_classes="quiet-button")
            self.cancel = gr.Button("Cancel", size="sm", elem_id="evidence-cancel", elem_classes="quiet-button")
        self.progress = gr.HTML("", elem_id="evidence-progress", **PLAIN)
        self.pace = gr.Timer(1.5, active=False)

    def wire(self, tab: gr.Tab) -> None:
        """What happens when the tab is opened, and when somebody chooses."""
        view = [self.chosen, self.beside]
        shown = [self.links, self.figures, self.charts]
        paged = [self.page, self.gallery]
        turned = [*view, self.page, self.photos]
        told = [self.progress, self.pace]
        seen = [*view, self.style, self.followed]
        opened = tab.select(self.lists, seen, [*view, self.results, self.photos, self.suite, self.followed], **QUIET)
        chosen = gr.on([self.chosen.select, self.beside.select], self.show, view, shown, **SHOWN)
        for event in (opened.then(self.show, view, shown, **SHOWN), chosen):
            event.then(self._turn(0), turned, paged, **GALLERY)
            event.then(self.neighbours, view, self.near, **NEAR)
        opened.then(self.look, None, told, **QUIET)
        self.photos.input(self._turn(0), turned, paged, **GALLERY)
        for button, step in ((self.back, -1), (self.forth, 1)):
            button.click(self._turn(step), turned, paged, **GALLERY)
        self.run.click(self.start, [self.suite, self.chosen], told, **QUIET)
        self.cancel.click(self.stop, None, told, **QUIET)
        self.pace.tick(self.look, None, told, **QUIET)

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────

    def lists(
        self, chosen: str, beside: str, style: str | None, followed: str | None
    ) -> tuple[Any, Any, str, Any, Any, str]:
        """The lists as they are now, everything in results/, and what only some may choose.

        Args:
            chosen: The checkpoint shown last.
            beside: The one beside it.
            style: The choice in Emojify, which the tab opens on.
            followed: The choice in Emojify when the tab was last opened; while it stays, so does `chosen`.
        """
        style = style or ""
        if style != followed:
            chosen = self.known.in_use(style)
        names = self.known.choices()
        keys = [key for _, key in names]
        return (
            gr.update(choices=names, value=chosen if chosen in keys else keys[0]),
            gr.update(choices=[NONE, *names], value=beside if beside in keys else ""),
            _results(),
            gr.update(visible=self.known.data is not None),
            gr.update(choices=self.runner.choices()),
            style,
        )

    def show(self, chosen: str, beside: str) -> tuple[str, str, str]:
        """Links, figures, and charts."""
        try:
            found, other = self._both(chosen, beside)
        except UserError as error:
            return "", html.message(error), ""
        both = [found, *([other] if other else [])]
        maps = "".join(charts.chart_of_f(one.computed, one.name) for one in both if one.computed)
        drawn = views.reliability(found, other)
        drawn += f'<h2>Map of f</h2><div class="maps">{maps}</div>' * bool(maps)
        return views.downloads(found, other), views.figures(found, other), drawn

    def _both(self, chosen: str, beside: str) -> tuple[Evidence, Evidence | None]:
        other = self.known.evidence(beside) if beside and beside != chosen else None
        return self.known.evidence(chosen), other

    def neighbours(self, chosen: str, beside: str) -> str:
        """The nearest pictures of t, of both checkpoints."""
        try:
            both = zip((chosen, beside), self._both(chosen, beside))
            near = "".join(self._near(key, one) for key, one in both if one)
        except UserError as error:
            return html.message(error)
        return f"<h2>Nearest pictures of t</h2>{near}" if near else ""

    def _near(self, key: str, found: Evidence) -> str:
        distances = views.copying(found)
        if not distances:
            return ""
        try:
            pairs = self.known.pairs(key)
        except UserError as error:
            return f"<h3>{escape(found.name)}</h3>{distances}{html.message(error, 'hint')}"
        legend = '<p class="quiet">First G(x), then the nearest of the pictures of t that were learnt from.</p>'
        return f"<h3>{escape(found.name)}</h3>{distances}{legend if '<img' in pairs else ''}{pairs}"

    def _turn(self, step: int) -> Any:
        """The gallery some pages on, of both checkpoints."""

        def turn(chosen: str, beside: str, page: int, photos: bool) -> tuple[int, str]:
            page = max(0, min(LAST, int(page or 0) + step))
            parts = []
            for key in dict.fromkeys(filter(None, (chosen, beside))):
                try:
                    inside = self.known.gallery(key, page, bool(photos))
                except UserError as error:
                    inside = html.message(error, "hint")
                parts.append(f"<section><h3>{escape(key.removesuffix('/export'))}</h3>{inside}</section>")
            return page, f'<p class="quiet" data-say="Page {page + 1}">Page {page + 1}, seed {page}</p>{"".join(parts)}'

        return turn

    def start(self, suite: str, chosen: str) -> tuple[str, Any]:
        """Run a suite, or say why not."""
        try:
            self.runner.start(suite, self.known.directory(chosen))
        except UserError as error:
            return html.message(error), gr.skip()
        return self.look()

    def stop(self) -> tuple[str, Any]:
        try:
            self.runner.cancel()
        except UserError as error:
            return html.message(error), gr.skip()
        return self.look()

    def look(self) -> tuple[str, Any]:
        """The suite's progress; the page asks again while it runs."""
        now = self.runner.progress()
        return progress(now), gr.Timer(1.5, active=now.state == "running")


@cache
def _results() -> str:
    computed = overview()
    first = views.fold("Reliability and copying, at a glance", views.table(computed)) if computed.rows else ""
    return f"<h2>Everything that is in results/</h2>{first}{views.suites(measured())}"


def progress(now: Progress) -> str:
    """A suite as HTML: bar, line, and what is measured so far."""
    if not now.state:
        return ""
    bar = (
        f'<div class="progress {"done" if now.state == "done" else "stopped" * (now.state != "running")}" '
        f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * now.share:.0f}" '
        f'aria-label="Progress"><i style="width:{100 * now.share:.1f}%"></i></div>'
    )
    kind = {"failed": "error", "done": "agree"}.get(now.state, "hint")
    line = f'<p class="message {kind}" data-state="{now.state}" data-say="{now.state}">{escape(now.line)}</p>'
    return f'<p class="quiet">{escape(now.title)}</p>{bar}{line}{"".join(map(views.table, now.tables))}'


def fill(tab: gr.Tab, known: Checkpoints, runner: SuiteRunner, style: gr.Dropdown) -> EvidenceTab:
    """Fill the tab, inside it. style: the list of checkpoints of the tab Emojify."""
    made = EvidenceTab(known, runner, style)
    made.wire(tab)
    return made

"""The tab *Evidence*: measurements of every checkpoint, and its results on unselected faces.

Nothing is read before the tab is opened.
"""

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
from ...components.scripts import component_script
from . import charts, views
from .checkpoints import LAST, Checkpoints
from .suites import TINY, Progress, SuiteRunner

CSS = (ASSETS / "evidence.css").read_text("utf-8")

LEAD = """<p class="lead">What a checkpoint can do: measured on people it has never seen, next to the paper and simple
baselines.</p>"""

NONE = ("nothing", "")
PLAIN: dict[str, Any] = {"apply_default_css": False}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
WITH_PROGRESS: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
LATEST_ONLY: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 1}
GALLERY: dict[str, Any] = {**WITH_PROGRESS, **LATEST_ONLY, "concurrency_id": "evidence-gallery"}
NEIGHBOURS: dict[str, Any] = {**WITH_PROGRESS, **LATEST_ONLY, "concurrency_id": "evidence-near"}
FIGURES: dict[str, Any] = {**QUIET, **LATEST_ONLY, "concurrency_id": "evidence"}
"""Options for each output: one call at a time, so that the latest one determines what is shown."""


def data_folder(policy: Policy) -> Path | None:
    """Return the folder of data packs, if the policy is "all" and DTN_DATA names one."""
    folder = os.environ.get("DTN_DATA", "")
    if policy != "all" or not folder or not Path(folder).is_dir():
        return None
    return Path(folder)


class EvidenceTab:
    """The components and their handlers. Must be created inside a gr.Tab."""

    def __init__(self, checkpoints: Checkpoints, runner: SuiteRunner, style: gr.Dropdown) -> None:
        self.checkpoints = checkpoints
        self.runner = runner
        self.style = style
        names = checkpoints.choices()
        gr.HTML(LEAD, **PLAIN)
        with gr.Row(elem_id="evidence-choice"):
            self.chosen = gr.Dropdown(
                names, value=checkpoints.in_use(""), label="Checkpoint", elem_id="evidence-chosen"
            )
            self.beside = gr.Dropdown([NONE, *names], value="", label="Compare with", elem_id="evidence-beside")
        self.heads = gr.HTML("", elem_id="evidence-heads", **PLAIN)
        self.page = gr.State(0)
        self.followed = gr.State(None)
        with gr.Row(elem_id="evidence-paging"):
            gr.HTML("<h2>An uncurated gallery</h2>", **PLAIN)
            self.photos = gr.Checkbox(label="Held-out photos", value=False, visible=False)
            self.previous = gr.Button("← Back", size="sm", elem_id="evidence-back", elem_classes="quiet-button")
            self.next = gr.Button("Next →", size="sm", elem_id="evidence-forth", elem_classes="quiet-button")
        self.gallery = gr.HTML("", elem_id="evidence-gallery", **PLAIN)
        self.figures = gr.HTML("", elem_id="evidence-figures", **PLAIN)
        self.charts = gr.HTML("", elem_id="evidence-charts", **PLAIN)
        self.near = gr.HTML("", elem_id="evidence-near", **PLAIN)
        self.links = gr.HTML("", js_on_load=component_script("evidence"), elem_id="evidence-links", **PLAIN)
        self._suites()
        self.results = gr.HTML("", elem_id="evidence-results", **PLAIN)

    def _suites(self) -> None:
        gr.HTML("<h2>Run a suite</h2>", elem_id="evidence-run-title", **PLAIN)
        with gr.Row(elem_id="evidence-suites"):
            suites = self.runner.choices()
            self.suite = gr.Dropdown(
                suites, value=TINY, label="Suite", show_label=False, container=False, elem_id="evidence-suite"
            )
            self.run = gr.Button("Run", size="sm", elem_id="evidence-run", elem_classes="quiet-button")
            self.cancel = gr.Button("Cancel", size="sm", elem_id="evidence-cancel", elem_classes="quiet-button")
        self.progress = gr.HTML("", elem_id="evidence-progress", **PLAIN)
        self.timer = gr.Timer(1.5, active=False)

    def connect_events(self, tab: gr.Tab) -> None:
        """Attach the handlers."""
        view = [self.chosen, self.beside]
        figures = [self.heads, self.links, self.figures, self.charts]
        paged = [self.page, self.gallery]
        page_inputs = [*view, self.page, self.photos]
        status = [self.progress, self.timer]
        selection = [*view, self.style, self.followed]
        opened = tab.select(
            self.lists, selection, [*view, self.results, self.photos, self.suite, self.followed], **QUIET
        )
        chosen = gr.on([self.chosen.select, self.beside.select], self.show, view, figures, **FIGURES)
        for event in (opened.then(self.show, view, figures, **FIGURES), chosen):
            event.then(self._turn_page(0), page_inputs, paged, **GALLERY)
            event.then(self.neighbours, view, self.near, **NEIGHBOURS)
        opened.then(self.refresh_progress, None, status, **QUIET)
        self.photos.input(self._turn_page(0), page_inputs, paged, **GALLERY)
        for button, step in ((self.previous, -1), (self.next, 1)):
            button.click(self._turn_page(step), page_inputs, paged, **GALLERY)
        self.run.click(self.start, [self.suite, self.chosen], status, **QUIET)
        self.cancel.click(self.stop, None, status, **QUIET)
        self.timer.tick(self.refresh_progress, None, status, **QUIET)

    # ── handlers ────────────────────────────────────────────────────────────────────────────────────────────

    def lists(
        self, chosen: str, beside: str, style: str | None, followed: str | None
    ) -> tuple[Any, Any, str, Any, Any, str]:
        """Update the dropdowns, the results in results/, and the components that only some viewers may use.

        Args:
            chosen: the checkpoint shown last.
            beside: the one that it is compared with.
            style: the choice in Emojify, with which the tab opens.
            followed: the choice in Emojify when the tab was last opened; `chosen` is kept unless it has changed.
        """
        style = style or ""
        if style != followed:
            chosen = self.checkpoints.in_use(style)
        names = self.checkpoints.choices()
        keys = [key for _, key in names]
        return (
            gr.update(choices=names, value=chosen if chosen in keys else keys[0]),
            gr.update(choices=[NONE, *names], value=beside if beside in keys else ""),
            _results(),
            gr.update(visible=self.checkpoints.data is not None),
            gr.update(choices=self.runner.choices()),
            style,
        )

    def show(self, chosen: str, beside: str) -> tuple[str, str, str, str]:
        """Render the main figures, download links, tables and charts."""
        try:
            evidence, other = self._both(chosen, beside)
        except UserError as error:
            return html.message(error), "", "", ""
        both = [evidence, other] if other else [evidence]
        maps = "".join(charts.chart_of_f(one.computed, one.name) for one in both if one.computed)
        plots = views.reliability(evidence, other)
        if maps:
            plots += f'<h2>Map of f</h2><div class="maps">{maps}</div>'
        heads = views.heads(evidence, other)
        return heads, views.downloads(evidence, other), views.figures(evidence, other), plots

    def _both(self, chosen: str, beside: str) -> tuple[Evidence, Evidence | None]:
        other = self.checkpoints.evidence(beside) if beside and beside != chosen else None
        return self.checkpoints.evidence(chosen), other

    def neighbours(self, chosen: str, beside: str) -> str:
        """Render the nearest pictures of t, for both checkpoints."""
        try:
            both = zip((chosen, beside), self._both(chosen, beside))
            near = "".join(self._near(key, one) for key, one in both if one)
        except UserError as error:
            return html.message(error)
        return f"<h2>Nearest pictures of t</h2>{near}" if near else ""

    def _near(self, key: str, evidence: Evidence) -> str:
        distances = views.copying(evidence)
        if not distances:
            return ""
        try:
            pairs = self.checkpoints.pairs(key)
        except UserError as error:
            return f"<h3>{escape(evidence.name)}</h3>{distances}{html.message(error, 'hint')}"
        legend = '<p class="quiet">Left: G(x); right: the nearest picture of t in the training set.</p>'
        return f"<h3>{escape(evidence.name)}</h3>{distances}{legend if '<img' in pairs else ''}{pairs}"

    def _turn_page(self, step: int) -> Any:
        """Return a handler that renders the gallery of both checkpoints, a number of pages further."""

        def turn(chosen: str, beside: str, page: int, photos: bool) -> tuple[int, str]:
            page = max(0, min(LAST, int(page or 0) + step))
            parts = []
            for key in dict.fromkeys(filter(None, (chosen, beside))):
                try:
                    inside = self.checkpoints.gallery(key, page, bool(photos))
                except UserError as error:
                    inside = html.message(error, "hint")
                parts.append(f"<section><h3>{escape(key.removesuffix('/export'))}</h3>{inside}</section>")
            return page, f'<p class="quiet" data-say="Page {page + 1}">Page {page + 1}, seed {page}</p>{"".join(parts)}'

        return turn

    def start(self, suite: str, chosen: str) -> tuple[str, Any]:
        """Start a suite, or show why it can't be started."""
        try:
            self.runner.start(suite, self.checkpoints.directory(chosen))
        except UserError as error:
            return html.message(error), gr.skip()
        return self.refresh_progress()

    def stop(self) -> tuple[str, Any]:
        try:
            self.runner.cancel()
        except UserError as error:
            return html.message(error), gr.skip()
        return self.refresh_progress()

    def refresh_progress(self) -> tuple[str, Any]:
        """Render the progress of the suite. The timer is active while it runs."""
        status = self.runner.progress()
        return progress(status), gr.Timer(1.5, active=status.state == "running")


@cache
def _results() -> str:
    computed = overview()
    first = views.fold("Reliability and memorization: overview", views.table(computed)) if computed.rows else ""
    return f"<h2>Reports</h2>{first}{views.suites(measured())}"


def progress(status: Progress) -> str:
    """Render a suite's progress: bar, message, and results so far."""
    if not status.state:
        return ""
    css_class = {"running": "", "done": "done"}.get(status.state, "stopped")
    bar = (
        f'<div class="progress {css_class}" '
        f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * status.share:.0f}" '
        f'aria-label="Progress"><i style="width:{100 * status.share:.1f}%"></i></div>'
    )
    kind = {"failed": "error", "done": "agree"}.get(status.state, "hint")
    line = f'<p class="message {kind}" data-state="{status.state}" data-say="{status.state}">{escape(status.line)}</p>'
    return f'<p class="quiet">{escape(status.title)}</p>{bar}{line}{"".join(map(views.table, status.tables))}'


def fill(tab: gr.Tab, checkpoints: Checkpoints, runner: SuiteRunner, style: gr.Dropdown) -> EvidenceTab:
    """Fill the tab. Must be called inside it. style: the dropdown of checkpoints in the tab Emojify."""
    evidence_tab = EvidenceTab(checkpoints, runner, style)
    evidence_tab.connect_events(tab)
    return evidence_tab

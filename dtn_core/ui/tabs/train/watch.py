"""The live side of the tab *Train*: places the panels on the page and keeps them up to date with the runs' files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ....training.runs.status import ALIVE, RunStatus
from ...components.scripts import component_script
from . import panels, views
from .panels import PLAIN, QUIET, Demo, Panel, Updates, View
from .service import TrainService

FAST_SECONDS = 1.5
"""Poll interval while a run is training."""

SLOW_SECONDS = 12.0
"""Poll interval while none is."""


def pick(runs: Sequence[RunStatus], selected: str) -> RunStatus | None:
    """Return the run to show: the selected one, else the newest that is training, else the newest."""
    by_name = {run.name: run for run in runs}
    if selected in by_name:
        return by_name[selected]
    return next((run for run in runs if run.status in ALIVE), runs[0] if runs else None)


class Watch:
    """The right column, which is empty until the page is opened.

    Only panels that have changed since a viewer's last refresh are rendered and sent. gradio rebuilds every component
    that is an output of a handler, even if the handler skips it. So there are two handlers: `refresh` for the live
    panels, which change while a run is training, and `refresh_all` for all panels.

    Watch is a `Panel` itself, for what there is without a run.

    Attributes:
        chosen: name of the selected run, remembered by the browser.
        viewer: inputs of every handler, which describe what a viewer sees.
    """

    live = False

    def __init__(self, service: TrainService, chosen: gr.BrowserState) -> None:
        self.service = service
        self.chosen = chosen
        self.pinned = gr.State(None)
        self.seen = gr.State({})
        self.poller = gr.HTML(
            [0, 0],
            html_template="",
            js_on_load=component_script("poll", events=["update_live", "update_all"]),
            visible="hidden",
            **PLAIN,
        )
        self.timer = gr.Timer(FAST_SECONDS, active=False)  # starts when a permitted viewer opens the page
        self.runs = panels.RunList()
        self.empty = gr.HTML(views.NOTHING, elem_id="train-empty", **PLAIN)
        with gr.Column(visible=False, elem_id="train-run") as self.detail:
            self.status = panels.Status()
            self.controls = panels.Controls()
            self.samples = panels.Samples()
            self.comparison = panels.Comparison()
            self.curves = panels.Curves()
            self.log = panels.Log(service)
            self.exports = panels.Exports()
            self.notes = panels.Notes()
        self.outputs = [self.chosen, self.timer, self.empty, self.detail]
        self.run_panels: list[Panel] = [
            self.status, self.controls, self.samples, self.comparison, self.curves, self.log, self.exports, self.notes
        ]  # fmt: skip
        self.viewer = [self.chosen, self.comparison.other, self.pinned, self.seen]

    # ── as a panel ──────────────────────────────────────────────────────────────────────────────────────────

    def key(self, view: View) -> Any:
        return view.name, self._interval(view)

    def update(self, view: View) -> Updates:
        has_run = view.run is not None
        return {
            self.chosen: view.name,
            self.timer: gr.Timer(self._interval(view), active=True),
            self.empty: gr.update(visible=not has_run),
            self.detail: gr.update(visible=has_run),
        }

    def _interval(self, view: View) -> float:
        return FAST_SECONDS if any(run.status in ALIVE for run in view.runs) else SLOW_SECONDS

    # ── what has changed for a viewer ───────────────────────────────────────────────────────────────────────

    def changes(
        self, chosen: str, other: str, pinned: int | None, seen: dict[str, int]
    ) -> tuple[View, list[Panel], dict[str, int]]:
        """Return the current view, the panels that have changed, and the hashes of all panels.

        Args:
            chosen: name of the selected run.
            other: name of the run to compare it with.
            pinned: as in `View`.
            seen: the hashes at the last refresh: name of the panel's class → hash of its key.

        Raises:
            UserError: with the policy "off", before anything is read.
        """
        view = self._view(chosen, other, pinned)
        visible = [self, self.runs, *(self.run_panels if view.run else ())]
        hashes = {type(panel).__name__: hash(repr(panel.key(view))) for panel in visible}
        seen = seen or {}
        changed = [panel for panel in visible if seen.get(type(panel).__name__) != hashes[type(panel).__name__]]
        return view, changed, hashes

    def _view(self, chosen: str, other: str, pinned: int | None) -> View:
        runs = self.service.list()
        run = pick(runs, chosen or "")
        if run is None:
            return View(runs, None, None, pinned)
        compared = next((one for one in runs if one.name == other and one is not run), None)
        full_run = self.service.full_status(run.path)
        full_compared = self.service.full_status(compared.path) if compared else None
        return View(runs, full_run, full_compared, pinned, self.service.owns(full_run))

    def refresh_all(self, *viewer: Any) -> Updates:
        """Update all panels that have changed."""
        return self._updates(*self.changes(*viewer))

    def refresh(self, *viewer: Any) -> Updates:
        """Update the live panels, unless others have changed as well."""
        view, changed, hashes = self.changes(*viewer)
        if not all(panel.live for panel in changed):
            changed = []
        return self._updates(view, changed, hashes)

    def poll(self, counts: list[int] | None, *viewer: Any) -> list[int]:
        """Count changes at each tick of the timer; assets/js/poll.js fires an event when a count rises.

        A tick without changes sends the same numbers, which costs next to nothing.

        Args:
            counts: how often only live panels have changed, and how often others have.
        """
        _, changed, _ = self.changes(*viewer)
        live_count, other_count = counts or (0, 0)
        if not all(panel.live for panel in changed):
            other_count += 1
        elif changed:
            live_count += 1
        return [live_count, other_count]

    def _updates(self, view: View, changed: list[Panel], hashes: dict[str, int]) -> Updates:
        if not changed:
            return gr.skip()
        updates: Updates = {self.seen: hashes}
        for panel in changed:
            updates |= panel.update(view)
        return updates

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────

    def all_outputs(self, live_only: bool = False) -> list[Any]:
        """Return the components that `refresh_all` may update, or `refresh` (live_only)."""
        every = [panel for panel in (self, self.runs, *self.run_panels) if panel.live or not live_only]
        return [self.seen, *(component for panel in every for component in panel.outputs)]

    def refresh_after(self, event: Any) -> None:
        """Update the panels after an event of gradio."""
        event.then(self.refresh_all, self.viewer, self.all_outputs(), **QUIET)

    def connect_events(self, share_device: gr.Checkbox, tabs: gr.Tabs, demo: Demo) -> None:
        """Attach the handlers.

        Args:
            share_device: as in `panels.Controls.connect_events`.
            tabs: as in `panels.Exports.connect_events`.
            demo: likewise.
        """
        self.timer.tick(self.poll, [self.poller, *self.viewer], self.poller, **QUIET, trigger_mode="once")
        self.poller.update_live(self.refresh, self.viewer, self.all_outputs(live_only=True), **QUIET)
        self.poller.update_all(self.refresh_all, self.viewer, self.all_outputs(), **QUIET)

        def pick_run(event: gr.EventData) -> tuple[str, None, str]:
            return str(event.run), None, ""

        selection = [self.chosen, self.pinned, self.controls.answer]
        self.refresh_after(self.runs.html.pick(pick_run, None, selection, **QUIET))
        self.comparison.other.input(self.refresh_all, self.viewer, self.all_outputs(), **QUIET)
        self.samples.connect_events(self.pinned, self.refresh_after)
        self.controls.connect_events(self.service, self.chosen, share_device, self.refresh_after)
        self.exports.connect_events(self.service, self.chosen, tabs, demo)
        self.notes.connect_events(self.service, self.chosen, self.refresh_after)

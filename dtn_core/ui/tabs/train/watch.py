"""The live side of the tab *Train*: puts the panels on the page, and follows the runs' files for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ....training.runs.status import ALIVE, RunStatus
from . import panels, views
from .panels import PLAIN, QUIET, Demo, Panel, Updates, View
from .service import TrainService

FAST, SLOW = 1.5, 12.0
"""Seconds between two looks at the runs' files: while one trains, and while none does."""


def pick(found: Sequence[RunStatus], chosen: str) -> RunStatus | None:
    """The run to watch: the chosen one, else the newest that trains, else the newest."""
    by_name = {run.name: run for run in found}
    if chosen in by_name:
        return by_name[chosen]
    return next((run for run in found if run.status in ALIVE), found[0] if found else None)


class Watch:
    """The right column, empty until somebody looks. chosen: the name of the run that the browser remembers.

    Only panels that have changed since a viewer saw them last are made and sent. gradio builds every component that a
    handler could answer for anew, even where it skips it; so there are two handlers, one for the lively panels, which
    change while a run trains, and one for all.
    """

    lively = False

    def __init__(self, service: TrainService, chosen: gr.BrowserState) -> None:
        self.service, self.chosen = service, chosen
        self.pinned, self.seen = gr.State(None), gr.State({})
        self.poll = gr.HTML([0, 0], html_template="", js_on_load=panels.script("poll"), visible="hidden", **PLAIN)
        self.pace = gr.Timer(FAST, active=False)  # until the page is opened, by whoever may see it
        self.runs = panels.RunList()
        self.empty = gr.HTML(views.NOTHING, elem_id="train-empty", **PLAIN)
        with gr.Column(visible=False, elem_id="train-run") as self.detail:
            self.status, self.controls = panels.Status(), panels.Controls()
            self.samples = panels.Samples()
            self.comparison, self.curves = panels.Comparison(), panels.Curves()
            self.log, self.exports, self.notes = panels.Log(service), panels.Exports(), panels.Notes()
        self.outputs = [self.chosen, self.pace, self.empty, self.detail]
        self.of_run: list[Panel] = [
            self.status, self.controls, self.samples, self.comparison, self.curves, self.log, self.exports, self.notes
        ]  # fmt: skip
        self.viewer = [self.chosen, self.comparison.other, self.pinned, self.seen]

    # ── as a panel: what there is without a run ─────────────────────────────────────────────────────────────

    def key(self, view: View) -> Any:
        return view.name, self._pace(view)

    def update(self, view: View) -> Updates:
        none, pace = view.run is None, gr.Timer(self._pace(view), active=True)
        return {
            self.chosen: view.name, self.pace: pace, self.empty: gr.update(visible=none),
            self.detail: gr.update(visible=not none),
        }  # fmt: skip

    def _pace(self, view: View) -> float:
        return FAST if any(run.status in ALIVE for run in view.found) else SLOW

    # ── what has changed for a viewer ───────────────────────────────────────────────────────────────────────

    def stale(
        self, chosen: str, other: str, pinned: int | None, seen: dict[str, int]
    ) -> tuple[View, list[Panel], dict[str, int]]:
        """The view, the panels that have changed since `seen`, and what is seen now. With the policy "off" nothing is
        read, and a UserError raised."""
        found = self.service.list()
        run = pick(found, chosen or "")
        beside = next((r for r in found if r.name == other and r is not run), None)
        run, beside = (one and self.service.whole(one.path) for one in (run, beside))
        view = View(found, run, beside, pinned, run is None or self.service.owns(run))
        keys = {panel: hash(repr(panel.key(view))) for panel in (self, self.runs, *(self.of_run if run else ()))}
        changed = [panel for panel, key in keys.items() if (seen or {}).get(type(panel).__name__) != key]
        return view, changed, {type(panel).__name__: key for panel, key in keys.items()}

    def look(self, *viewer: Any) -> Updates:
        """Updates of all that has changed; of nothing where nothing has."""
        return self._updates(*self.stale(*viewer))

    def glance(self, *viewer: Any) -> Updates:
        """`look` where nothing but lively panels has changed, else nothing."""
        view, changed, now = self.stale(*viewer)
        return self._updates(view, changed if all(panel.lively for panel in changed) else [], now)

    def listen(self, heard: list[int] | None, *viewer: Any) -> list[int]:
        """At each tick: count up the first number where lively panels alone have changed, the second where others have
        too. Numbers that stay cost nothing more; assets/poll.js asks for the rest where one does not."""
        (_, changed, _), (often, seldom) = self.stale(*viewer), heard or (0, 0)
        lively = all(panel.lively for panel in changed)
        return [often + bool(changed), seldom] if lively else [often, seldom + 1]

    def _updates(self, view: View, changed: list[Panel], now: dict[str, int]) -> Updates:
        if not changed:
            return gr.skip()
        return {self.seen: now} | {part: value for panel in changed for part, value in panel.update(view).items()}

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def all_outputs(self, lively: bool = False) -> list[Any]:
        """The components that `look` may update, or `glance`."""
        every = [panel for panel in (self, self.runs, *self.of_run) if panel.lively or not lively]
        return [self.seen, *(part for panel in every for part in panel.outputs)]

    def follow(self, event: Any) -> None:
        """Show what an event of gradio has changed, once it is through."""
        event.then(self.look, self.viewer, self.all_outputs(), **QUIET)

    def wire(self, beside: gr.Checkbox, tabs: gr.Tabs, demo: Demo) -> None:
        """What happens with time, and when somebody presses. beside: see `panels.Controls`; tabs, demo: see
        `panels.Exports`."""
        self.pace.tick(self.listen, [self.poll, *self.viewer], self.poll, **QUIET, trigger_mode="once")
        self.poll.often(self.glance, self.viewer, self.all_outputs(lively=True), **QUIET)
        self.poll.seldom(self.look, self.viewer, self.all_outputs(), **QUIET)

        def pick_run(event: gr.EventData) -> tuple[str, None, str]:
            return str(event.run), None, ""

        chosen = [self.chosen, self.pinned, self.controls.answer]
        self.follow(self.runs.html.pick(pick_run, None, chosen, **QUIET))
        self.comparison.other.input(self.look, self.viewer, self.all_outputs(), **QUIET)
        self.samples.wire(self.pinned, self.follow)
        self.controls.wire(self.service, self.chosen, beside, self.follow)
        self.exports.wire(self.service, self.chosen, tabs, demo)
        self.notes.wire(self.service, self.chosen, self.follow)

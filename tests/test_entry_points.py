"""The table of entry points in SECURITY.md, against the routes, handlers and server functions that the app has."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import partial

import pytest
from gradio.routes import App
from serving import ROOT

from dtn_core.pipeline.digits import DigitTransferrer
from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui import app as application
from dtn_core.ui.access.middleware import OPEN
from dtn_core.ui.access.policy import AccessPolicy


def table():
    """Row number → (kind, patterns) of SECURITY.md's entry points; kind: "routes", "handlers" or "functions"."""
    section = (ROOT / "SECURITY.md").read_text("utf-8").partition("## Entry points")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")][2:]
    rows = {}
    for number, cell in enumerate(cells):
        kind = cell.split(" ")[0] if cell.startswith(("handlers", "functions")) else "routes"
        rows[number] = kind, re.findall(r"`(?:GET )?([^`]+)`", cell)
    return rows


ROWS = table()


def rows_of(kind, name):
    """Numbers of the rows that list an entry point."""
    return [n for n, (its, patterns) in ROWS.items() if its == kind and any(fnmatchcase(name, p) for p in patterns)]


def name_of(function):
    """``emojify._photo.<locals>.show`` of a handler or server function: its module without the packages above it."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__wrapped__", function)
    module = re.sub(r"^dtn_core\.ui\.(tabs\.|components\.|api\.)?", "", function.__module__)
    return f"{module}.{function.__qualname__}"


def paths(routes, prefix=""):
    """All paths of an app, also those of included routers."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from paths(route.original_router.routes, prefix + getattr(route, "prefix", ""))
        else:
            yield prefix + re.sub(r"\{[^}]*\}", "x", route.path)


@pytest.fixture(scope="module")
def entries(drawing_checkpoint, tmp_path_factory):
    """(kind, name) of everything that a caller can reach, with training and tools for agents switched on."""
    faces = Transferrer.from_checkpoint(drawing_checkpoint, device="cpu")
    numbers = DigitTransferrer.from_pretrained("digits", device="cpu", judge="digits-judge")
    policy = AccessPolicy(public=True, training="all", paths=True)
    page = application.build_app(faces, numbers, tmp_path_factory.mktemp("runs"), policy, mcp=True)
    server = App.create_app(page.demo, app_kwargs={"routes": page.routes})
    found = {("routes", path) for path in paths(server.routes) if OPEN.fullmatch(path)}
    found |= {("handlers", name_of(handler.fn)) for handler in page.demo.fns.values() if handler.fn}
    for block in page.demo.blocks.values():
        found |= {("functions", name_of(function)) for function in getattr(block, "server_fns", None) or ()}
    return sorted(found)


def test_every_entry_point_has_one_row(entries):
    kinds = {kind for kind, _ in entries}
    assert kinds == {"routes", "handlers", "functions"}
    counts = {entry: len(rows_of(*entry)) for entry in entries}
    assert {entry: count for entry, count in counts.items() if count != 1} == {}


def test_every_row_names_what_exists(entries):
    unused = [
        pattern
        for kind, patterns in ROWS.values()
        for pattern in patterns
        if not any(its == kind and fnmatchcase(name, pattern) for its, name in entries)
    ]
    assert unused == []


def test_a_new_route_without_a_row_fails():
    assert rows_of("routes", "/gradio_api/new") == []
    assert rows_of("handlers", "new_tab.fill") == []


def test_files_of_tests_that_check_promises_exist():
    named = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []

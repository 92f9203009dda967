"""The house rules of imports, read from the source: down only, siblings apart, heavy packages where they are used."""

import ast
import re
from pathlib import Path

import pytest

import dtn_core

ROOT = Path(dtn_core.__file__).parent
MODULES = {
    ".".join(["dtn_core", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
LATE = {"dlib", "dicebear", "resvg_py", "facenet_pytorch"}


def floors():
    """Room → floor, from the map in the package's docstring."""
    rooms, floor = {}, None
    for line in dtn_core.__doc__.splitlines():
        match = re.match(r"(?:floor (\d)|       )  (\S.*?)(?:   |$)", line)
        if match:
            floor = int(match[1]) if match[1] else floor
            rooms.update({name.strip(" /"): floor for name in match[2].split(",") if name.strip()})
    return rooms


FLOORS = floors()


def room(module):
    """dtn_core.faces.align → faces; None for the package itself."""
    return module.split(".")[1] if "." in module else None


def imports(module):
    """(imported module, inside a function?) for every import of a module, relative ones resolved. Imports that
    only type checkers see count too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in late
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base, id(node) in late


def test_the_map_names_every_room_and_no_other():
    rooms = {room(module) for module in MODULES} - {None}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module):
    here = room(module)
    for other, _ in imports(module):
        there = room(other) if other.startswith("dtn_core") else None
        if here is None or there is None or there == here:
            continue
        pair = f"{module} imports {other}"
        assert FLOORS[there] <= FLOORS[here], pair
        if FLOORS[here] == FLOORS[there]:
            assert FLOORS[here] != 1, f"{pair}: siblings on floor 1 don't know each other"
        if there == "training":
            assert here not in ("transfer", "evaluation"), pair


@pytest.mark.parametrize("module", sorted(MODULES))
def test_heavy_and_foreign_packages_stay_in_their_place(module):
    for other, late in imports(module):
        package = other.split(".")[0]
        assert package != "gradio" or room(module) == "ui", f"{module} imports gradio"
        assert package not in LATE or late, f"{module} imports {package} outside a function"
        assert package not in ("pickle", "dill", "joblib"), f"{module} imports {package}"
        if module in ("dtn_core.config", "dtn_core.events", "dtn_core.types", "dtn_core.cli"):
            assert package != "torch" or late, f"{module} imports torch"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_is_unpickled(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        where = f"{module}:{call.lineno}"
        assert ast.unparse(call.func) != "torch.save", f"{where} pickles"
        if ast.unparse(call.func) == "torch.load":
            options = {option.arg: ast.unparse(option.value) for option in call.keywords}
            assert options.get("weights_only") == "True", f"{where} unpickles more than tensors"

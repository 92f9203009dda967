"""Rules of imports, read from the source: the order of packages, gradio in the app only, what is imported late."""

import ast
from pathlib import Path

import dtn_core

ROOT = Path(dtn_core.__file__).parent
MODULES = {
    ".".join(["dtn_core", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}
LATE = {"dlib", "dicebear", "resvg_py", "facenet_pytorch"}
ORDER = {
    "core": 0, "config": 1, "networks": 2, "faces": 3, "avatars": 4, "data": 5, "pipeline": 6, "training": 7,
    "evaluation": 8, "ui": 9, "cli": 9,
}  # fmt: skip
WITHOUT_TORCH = (
    "dtn_core.config",
    "dtn_core.training",
    "dtn_core.training.events",
    "dtn_core.core.types",
    "dtn_core.cli",
)


def package_of(module):
    """dtn_core.faces.align → faces; "" for the root."""
    return module.split(".")[1] if "." in module else ""


def imports(module):
    """(imported module, whether inside a function) of every import of a module, also those for type checkers."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    functions = [n for n in ast.walk(TREES[module]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(TREES[module]):
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


def test_packages_import_only_those_before_them():
    assert {package_of(module) for module in MODULES} - {"", "__main__"} == set(ORDER)
    wrong = [
        f"{module} imports {other}"
        for module in MODULES
        for other, _ in imports(module)
        if other.startswith("dtn_core.")
        and package_of(module) in ORDER
        and ORDER.get(package_of(other), 99) > ORDER[package_of(module)]
    ]
    apart = [
        f"{module} imports {other}"
        for module in MODULES
        for other, _ in imports(module)
        if {package_of(module), package_of(other)} in ({"faces", "avatars"}, {"ui", "cli"})
    ]
    assert wrong + apart == []


def test_heavy_packages_are_imported_late_and_gradio_in_the_app_only():
    wrong = []
    for module in MODULES:
        for other, late in imports(module):
            package = other.split(".")[0]
            in_place = package != "gradio" or package_of(module) == "ui"
            in_time = late or not (package in LATE or (package == "torch" and module in WITHOUT_TORCH))
            if not (in_place and in_time) or package in ("pickle", "dill", "joblib"):
                wrong.append(f"{module} imports {other}")
    assert wrong == []


def test_nothing_is_unpickled():
    calls = [(module, node) for module, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    wrong = []
    for module, call in calls:
        name = ast.unparse(call.func)
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        if name == "torch.save" or (name == "torch.load" and options.get("weights_only") != "True"):
            wrong.append(f"{module}:{call.lineno}")
    assert wrong == []

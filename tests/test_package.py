"""`pip install .`: the installed package is whole, and works away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import dtn_core

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]


def test_every_package_is_installed():
    found = {str(path.parent.relative_to(ROOT)).replace(os.sep, ".") for path in ROOT.glob("dtn_core/**/__init__.py")}
    assert found == {name for name in PACKAGES if (ROOT / name.replace(".", os.sep)).is_dir()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as pip lays it down, from a copy of what git holds."""
    folder = tmp_path_factory.mktemp("package")
    source, target = folder / "source", folder / "target"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    for name in ("dtn_core", "assets", "checkpoints", "results"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        target,
        ".",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_the_installed_command_makes_an_emoji(installed, tmp_path, hopper_path):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(installed)}
    code = "import dtn_core, sys; from dtn_core.cli import main; print(dtn_core.__file__); sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "emojify", str(hopper_path), "-o", str(tmp_path / "a.png")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_three_lines_make_an_emoji_and_type_checkers_know_them(installed, tmp_path, hopper_path):
    (code,) = re.findall(r"\n\n((?:    .*\n|\n)+)\nPackages", dtn_core.__doc__)
    shutil.copy(hopper_path, tmp_path / "portrait.jpg")
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "emoji.png").stat().st_size > 1000
    assert {"Transferrer", "DigitTransferrer", "UserError", "__version__"} == set(dtn_core.__all__)
    for name in dtn_core.__all__:
        assert getattr(dtn_core, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dtn_core.nothing  # noqa: B018


def test_the_version_is_one(installed):
    (metadata,) = installed.glob("dtn_studio-*/METADATA")
    version = dtn_core.__version__
    assert f"\nVersion: {version}\n" in metadata.read_text()
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version


def test_the_installed_app_has_its_parts(installed):
    for part in (
        "py.typed",
        "assets/app.css",
        "checkpoints/emoji/config.json",
        "results/digits.json",
        "ui/tabs/train/views.py",
    ):
        assert (installed / "dtn_core" / part).is_file()
    (metadata,) = installed.glob("dtn_studio-*/METADATA")
    assert "Requires-Dist: torch" in metadata.read_text()

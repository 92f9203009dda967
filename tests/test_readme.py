"""The README's commands exist, its files are there, and its front matter is what a Space needs."""

import re
import shlex
from pathlib import Path

import pytest

from dtn_core import config
from dtn_core.cli import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("python -m dtn_core ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    arguments = build_parser().parse_args(shlex.split(command)[3:])
    if getattr(arguments, "preset", None):
        chosen, _ = config.find(arguments.preset)
        config.parse_set(chosen, arguments.set)


def test_there_are_commands_to_check():
    assert {c.split()[3] for c in COMMANDS} >= {"emojify", "digits", "train", "evaluate", "join"}


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_front_matter_fits_a_space():
    front = dict(re.findall(r"^(\w+): (.+)$", README.split("---")[1], re.MULTILINE))
    assert (front["sdk"], front["app_file"]) == ("gradio", "app.py")
    assert (ROOT / front["app_file"]).exists()
    assert re.fullmatch(r"6\.\d+\.\d+", front["sdk_version"])


def test_requirements_bound_what_was_tested():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert "==" in line or ("<" in line and ">=" in line), line

"""Programs that tests run are found without an activated environment."""

import sys

import pytest
from programs import find, find_or_skip


@pytest.fixture
def environments(tmp_path, monkeypatch):
    """This Python in a folder of its own, and another folder on PATH."""
    folders = tmp_path / "environment", tmp_path / "path"
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folders[0] / "python"))
    monkeypatch.setenv("PATH", str(folders[1]))
    return folders


def install(folder, name):
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def test_programs_beside_python_come_before_those_on_the_path(environments):
    ours, theirs = environments
    on_path = install(theirs, "a-linter")
    assert find("a-linter") == on_path
    beside_python = install(ours, "a-linter")
    assert find("a-linter") == beside_python
    assert find("not-there", "a-linter") == beside_python


def test_a_missing_program_skips_the_test(environments):
    assert find("a-linter") is None
    with pytest.raises(pytest.skip.Exception, match="a-linter is not installed .pip install it"):
        find_or_skip("a-linter", "pip install it")

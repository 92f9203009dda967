"""The check of known advisories: what it says of pip-audit's reports."""

import runpy
from pathlib import Path

import pytest

AUDIT = runpy.run_path(str(Path(__file__).parents[1] / ".ci" / "audit.py"))
verdict = AUDIT["verdict"]

SKIPPED = [{"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited: jinja2 (2.11.2)"}]
"""As pip-audit 2.10.1 answers where PyPI's JSON pages are missing, beside "No known vulnerabilities found"."""

OLD = [
    {
        "name": "jinja2",
        "version": "2.11.2",
        "vulns": [
            {"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"], "aliases": ["CVE-2020-28493"], "description": ""}
        ],
    }
]
GOOD = [{"name": "numpy", "version": "2.4.0", "vulns": []}]


@pytest.mark.parametrize("canary", [[], SKIPPED, [{**OLD[0], "vulns": []}]])
def test_no_answer_is_no_all_clear(canary):
    code, (line,) = verdict(canary, GOOD)
    assert code == 0
    assert line.startswith("NOT CHECKED")


def test_an_advisory_fails():
    assert verdict(OLD, GOOD + OLD) == (
        1, ["Packages asked about: 2; known advisories: 1.", "jinja2 2.11.2: PYSEC-2021-66, mended in 2.11.3"],
    )  # fmt: skip
    assert verdict(OLD, [])[0] == 1


def test_what_was_not_checked_is_named():
    assert verdict(OLD, [*GOOD, {"name": "torch", "skip_reason": "not found"}]) == (
        0, ["Packages asked about: 1; known advisories: 0.", "Not on PyPI, and so not checked: torch."],
    )  # fmt: skip

#!/usr/bin/env python3
"""Known advisories of what is installed here, by pip-audit. It fails on any; where the advisories can't be had, it says
so and passes: no answer is no all-clear, and pip-audit alone would print "No known vulnerabilities found"."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CANARY = "jinja2==2.11.2"
"""It has had an advisory since 2021 (CVE-2020-28493): a service that knows of none isn't the real one."""

SECONDS = 300


def ask(*flags: str) -> list[dict[str, Any]]:
    """pip-audit's report, a record a package; [] where it has none."""
    words = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run([*words, *flags], capture_output=True, text=True, timeout=SECONDS)
        return json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, LookupError):
        return []


def verdict(canary: list[dict[str, Any]], found: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Exit code, and lines to print, of two reports: that of `CANARY`, and that of what is installed."""
    if not any(package.get("vulns") for package in canary):
        return 0, ["NOT CHECKED for known advisories: their service can't be reached from here."]
    if not found:
        return 1, ["pip-audit gave no report of what is installed."]
    bad = [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none yet'}"
        for package in found
        for one in package.get("vulns", ())
    ]
    asked = [package["name"] for package in found if "skip_reason" not in package]
    skipped = [package["name"] for package in found if "skip_reason" in package]
    lines = [f"Packages asked about: {len(asked)}; known advisories: {len(bad)}.", *bad]
    return int(bool(bad)), lines + [f"Not on PyPI, and so not checked: {', '.join(skipped)}."] * bool(skipped)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, "canary.txt")
        named.write_text(f"{CANARY}\n")
        canary = ask("--no-deps", "--disable-pip", "-r", str(named))
    code, lines = verdict(canary, ask() if any(package.get("vulns") for package in canary) else [])
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

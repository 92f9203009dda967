"""The README is short, its front matter is what a Space needs, and requirements are bounded. See test_docs.py too."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_is_short():
    _, _, body = README.split("---\n", 2)
    assert len(body.split()) <= 1200


def test_front_matter_fits_a_space():
    front = dict(re.findall(r"^(\w+): (.+)$", README.split("---")[1], re.MULTILINE))
    assert (front["sdk"], front["app_file"]) == ("gradio", "app.py")
    assert (ROOT / front["app_file"]).exists()
    assert re.fullmatch(r"6\.\d+\.\d+", front["sdk_version"])


def test_requirements_bound_what_was_tested():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert "==" in line or ("<" in line and ">=" in line), line

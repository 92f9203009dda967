"""docs/tutorials.md is a script: its blocks run one after the other, in small, and make what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dtn_core.core import images

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "tutorials.md").read_text("utf-8")
SCRIPT = {
    title: "\n".join(re.findall(r"```bash\n(.*?)```", body, re.DOTALL))
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory, hopper_path):
    """A folder to work in, with a few photos."""
    folder = tmp_path_factory.mktemp("desk")
    picture = images.load(hopper_path)
    for number in range(20):
        images.save(folder / "photos" / f"{number}.png", picture[2 * number :, number:])
    return folder


@pytest.mark.parametrize(
    ("title", "made"),
    [
        ("Your own two domains, in ten minutes", ["translated.png", "runs/00001-folders-cpu/samples/*.png"]),
        ("The paper's tables", ["small/digits.json", "small/digits.md"]),
        ("A style of your own", ["in-my-style/0.png", "runs/*-folders-cpu/export/config.json"]),
        ("An encoder of your own", ["runs/*-folder-f/export/config.json"]),
    ],
)
def test_a_tutorial_runs_to_its_end(desk, title, made):
    small = {"PICTURES": "60", "STEPS": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "DTN_DATA"} | small | {"PATH": path}
    script = ["bash", "-euo", "pipefail", "-c", SCRIPT[title]]
    done = subprocess.run(script, cwd=desk, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    for name in made:
        found = list(desk.glob(name))
        assert found
        assert all(path.stat().st_size for path in found)


def test_every_tutorial_is_run():
    assert len(SCRIPT) == 4
    assert all(SCRIPT.values())

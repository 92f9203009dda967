"""The JavaScript modules of the page: their unit tests, by Node.js, and how they are served."""

import json
import re
import shutil
import subprocess

import pytest
from serving import ROOT

from dtn_core.ui.components import scripts

NODE = shutil.which("node")
MODULES = sorted(scripts.MODULES.glob("*.js"))


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_unit_tests():
    files = sorted(map(str, (ROOT / "tests" / "js").glob("*.test.js")))
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_imports_exist(module):
    for name in re.findall(r'from "\./([\w.-]+)";', module.read_text("utf-8")):
        assert (scripts.MODULES / name).is_file()


def test_a_component_mounts_its_module_with_options():
    script = scripts.component_script("batch", events=["pick"], maxPictures=3)
    assert 'modules/batch.js"' in script
    options = json.loads(re.search(r"server }, (\{.*\})\)\);$", script)[1])
    assert options == {"maxPictures": 3, "events": ["pick"]}

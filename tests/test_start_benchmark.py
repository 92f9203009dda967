"""The benchmark of the start-up says both figures."""

import re

import pytest
from browsing import CHROMIUM

from benchmarks import start


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")
def test_it_prints_both_figures(capsys):
    assert start.main(["-n", "1"]) == 0
    assert re.fullmatch(
        r"first page: \d+\.\d s after the command \(n = 1\)\nphoto to avatar: \d+\.\d\d s \(n = 1\)\n",
        capsys.readouterr().out,
    )

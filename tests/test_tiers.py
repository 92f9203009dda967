"""The list of slow tests names tests that there are: a test that is renamed would become a fast one."""

from __future__ import annotations

import re

import pytest
from conftest import SLOW, TESTS


@pytest.mark.parametrize("name", SLOW)
def test_what_is_slow_exists(name):
    path, _, function = name.partition("::")
    assert (TESTS / path).exists()
    if function:
        assert re.search(rf"^(async )?def {function}\(", (TESTS / path).read_text("utf-8"), re.MULTILINE)

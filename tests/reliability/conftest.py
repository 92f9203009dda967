"""Fixtures of the reliability tests."""

from __future__ import annotations

import pytest

from .made_server import server


@pytest.fixture(scope="session")
def started_server():
    """Start the app before any case: what a case writes to its folder is deleted after it."""
    return server()

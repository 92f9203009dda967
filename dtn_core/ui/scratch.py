"""Where files lie that pass through the app: zips on their way to a viewer, or from one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..core.files import temporary_directory

PLACE = "GRADIO_TEMP_DIR"
"""Environment variable: where gradio keeps them."""


@contextmanager
def scratch() -> Iterator[None]:
    """A folder of this app's own for them, which goes when the app ends; what a killed one left, goes at the next
    start. Where none can be made, or the environment names one, it is gradio's."""
    with ExitStack() as stack:
        if not os.environ.get(PLACE):
            with suppress(OSError):
                os.environ[PLACE] = str(
                    stack.enter_context(temporary_directory(Path(tempfile.gettempdir(), "dtn-studio")))
                )
                stack.callback(os.environ.pop, PLACE, None)
        yield

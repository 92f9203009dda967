"""The folder for files that pass through the app: zips on their way to or from a viewer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..core.files import temporary_directory

PLACE = "GRADIO_TEMP_DIR"
"""Environment variable with gradio's folder for such files."""


@contextmanager
def temporary_files() -> Iterator[None]:
    """Give gradio a folder that is deleted when the app ends, or at its next start if it was killed.

    gradio's own is used if none can be created, or if the environment names one.
    """
    with ExitStack() as stack:
        if not os.environ.get(PLACE):
            with suppress(OSError):
                directory = stack.enter_context(temporary_directory(Path(tempfile.gettempdir(), "dtn-studio")))
                os.environ[PLACE] = str(directory)
                stack.callback(os.environ.pop, PLACE, None)
        yield

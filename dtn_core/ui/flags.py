"""Command-line flags of ``app.py``. Imports neither gradio nor torch, so that ``--help`` is fast."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence


def parse_flags(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the flags of the app. Exits with code 2 if they are invalid.

    Args:
        argv: the flags; None for those of the process, or of the variable DTN_FLAGS if the process has none.
    """
    parser = argparse.ArgumentParser(
        prog="app.py", description="Faces to emoji and house numbers to handwriting, in the browser."
    )
    add = parser.add_argument
    add("--host", help="address to listen on (default 127.0.0.1; 0.0.0.0 on a Space)")
    add("--port", type=int, default=7860, help="port to listen on (default 7860)")
    add("--runs", default="runs", help="folder of training runs (default runs)")
    add("--checkpoint", default="emoji", help="face checkpoint: name, folder or user/name on the Hub (default emoji)")
    add("--digits", default="digits", help="digit checkpoint: name or folder (default digits)")
    add("--judge", default="digits-judge", help="classifier that reads the generated digits (default digits-judge)")
    add("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda or cuda:N")
    add("--share", action="store_true", help="also serve at a public gradio.live address")
    add("--mcp", action="store_true", help="also serve tools for agents at /mcp (docs/api.md)")
    add_access_flags(parser)
    if argv is None:
        argv = sys.argv[1:] or _flags_from_environment(parser)
    return parser.parse_args(argv)


def _flags_from_environment(parser: argparse.ArgumentParser) -> list[str]:
    """Return the flags in DTN_FLAGS: a Space starts the app without flags."""
    try:
        return shlex.split(os.environ.get("DTN_FLAGS", ""))
    except ValueError as error:
        parser.error(f"DTN_FLAGS: {error}")


def add_access_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that grant permissions to remote users; see SECURITY.md."""
    add = parser.add_argument
    add("--training", choices=("all", "tiny", "off"), help="allowed trainings (default: all locally, off for others)")
    add("--server-paths", action="store_true", help="with --training all: remote users may name folders of this server")
    add("--behind-proxy", action="store_true", help="the app is behind a proxy or tunnel: nobody counts as local")
    add(
        "--auth",
        action="append",
        default=[],
        metavar="USER:PASSWORD",
        help="require a login; repeat for more accounts. Or DTN_AUTH",
    )
    add("--auth-file", metavar="FILE", help="accounts, one USER:PASSWORD a line; hides them from the process list")

"""DTN Studio in the browser: ``python app.py``, then open the address it prints."""

import argparse
import sys

from dtn_core.transfer import Transferrer
from dtn_core.ui.app import build_app, launch


def main(argv: list[str] | None = None) -> int:
    """Parse flags, load the checkpoint, serve. Returns the exit code: 2 after one line on bad input."""
    parser = argparse.ArgumentParser(description="See yourself as an emoji, in the browser.")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1; 0.0.0.0 on a Space)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    parser.add_argument("--runs", default="runs", help="folder of training runs (default runs)")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("--share", action="store_true", help="also serve at a public gradio.live address")
    flags = parser.parse_args(argv)
    try:
        launch(build_app(Transferrer.from_checkpoint(flags.checkpoint)), flags.host, flags.port, flags.share)
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

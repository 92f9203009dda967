"""DTN Studio in the browser: ``python app.py``, then open the address it prints."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from dtn_core.core.errors import UserError
from dtn_core.core.processes import return_freed_memory


def main(argv: list[str] | None = None) -> int:
    """Parse flags, load the checkpoints, serve. Returns the exit code: 2 after one line on bad input. Without digits
    the app starts all the same, and says so in their tab."""
    parser = argparse.ArgumentParser(description="Faces to emoji and house numbers to handwriting, in the browser.")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1; 0.0.0.0 on a Space)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    parser.add_argument("--runs", default="runs", help="folder of training runs (default runs)")
    parser.add_argument(
        "--checkpoint",
        default="emoji",
        help="a checkpoint of faces: name, folder or user/name of the Hub (default emoji)",
    )
    parser.add_argument("--digits", default="digits", help="a checkpoint of digits, name or folder (default digits)")
    parser.add_argument("--judge", default="digits-judge", help="what reads the digits made (default digits-judge)")
    parser.add_argument("--device", default="auto", help="auto (default: a GPU if there is one), cpu, cuda or cuda:N")
    parser.add_argument("--share", action="store_true", help="also serve at a public gradio.live address")
    parser.add_argument("--mcp", action="store_true", help="also serve tools for agents at /mcp (docs/api.md)")
    add_access_flags(parser)
    if argv is None and not (argv := sys.argv[1:]):
        try:
            argv = shlex.split(os.environ.get("DTN_FLAGS", ""))  # a Space gives none
        except ValueError as error:
            parser.error(f"DTN_FLAGS: {error}")
    flags = parser.parse_args(argv)
    return_freed_memory()
    print("Loading DTN Studio ...", flush=True)  # the imports below take seconds
    from dtn_core.pipeline.digits import DigitTransferrer
    from dtn_core.pipeline.photo import Transferrer
    from dtn_core.training.runs.listing import recently_died, unwritable
    from dtn_core.ui.access import policy as access
    from dtn_core.ui.app import build_app, launch
    from dtn_core.ui.scratch import scratch

    try:
        public = flags.behind_proxy or access.is_public(flags.host, flags.share)
        accounts = access.accounts(flags.auth, flags.auth_file)
        policy = access.AccessPolicy(public, access.parse_training(flags.training), flags.server_paths, accounts)
        faces = Transferrer.from_pretrained(flags.checkpoint, device=flags.device)
        try:
            numbers = DigitTransferrer.from_pretrained(flags.digits, device=flags.device, judge=flags.judge)
        except UserError as error:
            numbers = error
        runs = Path(flags.runs)
        with scratch():
            page = build_app(faces, numbers, runs, policy, flags.mcp)
            launch(page, flags.host, flags.port, flags.share, policy, [*unwritable(runs), *recently_died(runs)])
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    return 0


def add_access_flags(parser: argparse.ArgumentParser) -> None:
    """The switches of who may do what; see SECURITY.md."""
    add = parser.add_argument
    add(
        "--training",
        choices=("all", "tiny", "off"),
        help="what may be trained (default: all here, else off)",
    )
    add("--server-paths", action="store_true", help="with --training all: others may name folders of this computer")
    add("--behind-proxy", action="store_true", help="others come by a proxy or tunnel here: nobody counts as local")
    add("--auth", action="append", default=[], metavar="USER:PASSWORD", help="ask for it; again for more. Or DTN_AUTH")
    add("--auth-file", metavar="FILE", help="the same, one a line, so that a list of processes doesn't show them")


if __name__ == "__main__":
    sys.exit(main())

"""``emojify``: the faces of pictures and videos → emoji."""

from __future__ import annotations

import argparse
import json
import re
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ..core.errors import UserError
from . import runner, videos
from .faces import BLANK, Request, convert

if TYPE_CHECKING:
    from ..pipeline.photo import Transferrer

MAX_JOBS = 64


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "emojify",
        help="turn the faces of pictures and videos into emoji",
        description="Turn the faces of pictures and videos into emoji: avatars drawn by the artist's engine, or, where "
        "the checkpoint can't draw or --painted is given, painted by the network.",
        epilog="Exit code 2 if any picture failed or held no face; the others are done all the same. Ctrl-C keeps what "
        "is done.",
    )
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="a picture or a video, a folder of them, or a zip of pictures")
    add("-o", "--output", required=True, metavar="OUT", help="a picture or OUT.mp4 for one IN, else a folder")
    add("--checkpoint", default="emoji", metavar="NAME|DIR|USER/NAME", help="which translation (default emoji)")
    add(
        "--mode",
        choices=("alone", "beside", "paste"),
        help="the emoji alone (default for pictures), beside the photo, or pasted over the head (default for videos)",
    )
    paper = "behind the emoji alone: 00b140 is a green screen (default: transparent, of videos white)"
    add("--background", metavar="RRGGBB", help=paper)
    add("--painted", action="store_true", help="as g paints it, instead of drawn")
    size = "side of an emoji alone in pixels: drawn 16 to 4096 (default 512); painted 256 (default, upscaled) or 64"
    add("--size", type=int, metavar="N", help=size)
    parameters = "also write the avatars' parameters, for the command draw: an object, or a list for several faces"
    add("--parameters", type=Path, metavar="FILE.json", help=parameters)
    add("--all-faces", action="store_true", help="every face, not only the largest; files are numbered. Videos: always")
    add("--jobs", type=int, default=1, metavar="N", help="pictures at a time (default 1)")
    runner.add_device(parser)
    add("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..core.images import PICTURE_SUFFIXES

    check_options(arguments)
    with ExitStack() as zips:
        suffixes = PICTURE_SUFFIXES | {".svg", ".mp4"}
        jobs = runner.pair(arguments.inputs, arguments.output, suffixes, zips, videos=True)
        jobs = [videos.check(job) for job in jobs]
        if arguments.parameters:
            runner.make_folder(arguments.parameters.parent)
        from ..pipeline.photo import Transferrer

        transferrer = Transferrer.from_pretrained(arguments.checkpoint, device=arguments.device)
        request = make_request(arguments, transferrer)
        stop = Event()

        def one(job: runner.Job, record: runner.Record) -> None:
            if videos.is_video(job):
                videos.convert(transferrer, request, stop.is_set, job, record)
            else:
                convert(transferrer, request, job, record)

        records = runner.convert_all(jobs, one, BLANK, arguments.jobs, stop.set)
    avatars = [face["parameters"] for record in records for face in record["faces"]]
    if arguments.parameters and avatars:
        runner.write(arguments.parameters, json.dumps(avatars[0] if len(avatars) == 1 else avatars, indent=1) + "\n")
    checkpoint = {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash}
    mode = request.video_mode if all(map(videos.is_video, jobs)) else request.mode
    about = {"checkpoint": checkpoint, "kind": request.kind, "mode": mode, "size": request.size}
    what = "files" if any(map(videos.is_video, jobs)) else "pictures"
    return runner.finish(records, about, arguments.json, len(jobs), what)


def check_options(arguments: argparse.Namespace) -> None:
    """Raises UserError for options that don't go together."""
    if not 1 <= arguments.jobs <= MAX_JOBS:
        raise UserError(f"--jobs must lie between 1 and {MAX_JOBS}, not {arguments.jobs}.")
    vector = arguments.output.lower().endswith(".svg")
    if arguments.painted and (vector or arguments.parameters):
        raise UserError("a painted emoji has neither SVG nor parameters. Leave out --painted.")
    if vector and arguments.mode not in (None, "alone"):
        raise UserError(f"an SVG holds the emoji alone. Leave out --mode {arguments.mode}, or use -o FILE.png.")
    if arguments.parameters and arguments.parameters.suffix.lower() != ".json":
        raise UserError(f"{arguments.parameters}: parameters are written as JSON. Use --parameters FILE.json.")
    if arguments.background is not None:
        if arguments.mode not in (None, "alone"):
            raise UserError(f"--background lies behind the emoji alone. Leave out --mode {arguments.mode}.")
        if not re.fullmatch("#?[0-9a-fA-F]{6}", arguments.background):
            raise UserError(f"--background is written RRGGBB, such as 00b140, not {arguments.background!r:.40}.")
    runner.check_size(arguments.size, arguments.painted)


def make_request(arguments: argparse.Namespace, transferrer: Transferrer) -> Request:
    """Painted where the checkpoint can't draw. Raises UserError if only a drawn emoji has what is asked for, or if it
    can't paint."""
    painted = arguments.painted
    if painted:
        transferrer.checkpoint.require_generator()
    if not painted and not transferrer.draws:
        if arguments.output.lower().endswith(".svg") or arguments.parameters:
            raise UserError(
                f"checkpoint '{arguments.checkpoint}' is painted only: it has neither SVG nor parameters. "
                "Use one that draws, or leave them out."
            )
        painted = True
        runner.check_size(arguments.size, painted)
        runner.log(f"checkpoint '{arguments.checkpoint}' is painted only: it can't draw avatars")
    size = arguments.size or (256 if painted else 512)
    paper = arguments.background and f"#{arguments.background.removeprefix('#')}"  # shells take # for a comment
    video_mode = arguments.mode or ("alone" if paper else "paste")
    kind = "painted" if painted else "drawn"
    return Request(kind, arguments.mode or "alone", video_mode, size, arguments.all_faces, paper)

"""``gallery``: a sheet of random faces and their emoji."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.errors import UserError
from . import runner


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "gallery",
        help="random faces and their emoji",
        description="Write a sheet of random faces, none of them picked, and what every checkpoint makes of them: "
        "drawn where it can draw, else painted. "
        "Without --data: faces that anyone may show, from installed packages or drawn.",
    )
    add = parser.add_argument
    add("checkpoint", nargs="*", default=["emoji"], metavar="NAME|DIR", help="default emoji")
    add("--data", metavar="DIR", help="held-out photos of this data folder, not to be passed on")
    add("--painted", action="store_true", help="as g paints them, though it could draw")
    add("-n", type=int, default=64, metavar="N", help="how many faces (default 64)")
    add("--seed", type=int, default=0, metavar="N", help="of the choice (default 0)")
    add("--compare", action="store_true", help="also show avatars drawn without the face parser")
    add("-o", "--output", default="gallery", metavar="DIR", help="for NAME.png (default gallery)")
    runner.add_device(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.n < 1 or arguments.seed < 0:
        raise UserError("-n must be at least 1, --seed at least 0.")
    from ..core import images
    from ..data.portraits import data_folder
    from ..evaluation import gallery
    from ..pipeline.photo import Transferrer

    translations = [Transferrer.from_pretrained(name, device=arguments.device) for name in arguments.checkpoint]
    if arguments.data:
        heads = gallery.held_out_heads(data_folder(arguments.data), arguments.n, arguments.seed)
    else:
        heads = gallery.public_domain_heads(arguments.n, arguments.seed)
    for transferrer in translations:
        path = Path(arguments.output) / f"{transferrer.checkpoint.name}.png"
        compare = arguments.compare and transferrer.draws and not arguments.painted
        images.save(path, gallery.sheet(transferrer, heads, painted=arguments.painted, compare=compare))
        how = "drawn" if transferrer.draws and not arguments.painted else "painted"
        made_by = f"seed {arguments.seed}, checkpoint {transferrer.checkpoint.hash}"
        runner.log(f"{path}: {len(heads)} faces, {how}, {made_by}")
    return 0

"""The command line: ``python -m dtn_core COMMAND``. Messages go to standard error; exit codes: 0 done, 2 bad
usage or input (one line each says what and how to mend it), 130 interrupted."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import UserError
from .files import replacing

if TYPE_CHECKING:  # torch takes seconds to import: commands do it once they know that they run
    from .avatars.parameters import Parameters
    from .config import Config
    from .transfer import DigitTransferrer, Transferrer
    from .types import Image, Kind, RefusedFace, Result, TransferredFace


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets ``run``, the function that does it."""
    parser = argparse.ArgumentParser(prog="python -m dtn_core", description="Faces to emoji, and how they are learned.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_emojify(commands)
    _add_draw(commands)
    _add_digits(commands)
    _add_train(commands)
    _add_runs(commands)
    _add_join(commands)
    _add_evaluate(commands)
    _add_gallery(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except UserError as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write(path: Path, text: str) -> None:
    """Write a text whole or not at all. Raises UserError if it can't."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# --- emojify ------------------------------------------------------------------------------------------------


def _add_emojify(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "emojify",
        help="turn the faces of pictures into emoji",
        description="Turn the faces of pictures into emoji: avatars as the artist draws them, or, where the checkpoint "
        "can't draw or --painted is given, as the network paints them.",
        epilog="Exit code 2 if any picture failed or held no face; the others are done all the same.",
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="a picture, or a folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a picture for one IN, else a folder")
    parser.add_argument("--checkpoint", default="emoji", metavar="NAME|DIR", help="which translation (default emoji)")
    parser.add_argument(
        "--mode",
        choices=("alone", "beside", "paste"),
        default="alone",
        help="the emoji alone, transparent (default); beside the photo; or pasted over the head. OUT.svg: alone",
    )
    parser.add_argument("--painted", action="store_true", help="as g paints it, instead of drawn")
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        help="side of an emoji alone in pixels: drawn 16 to 4096 (default 512); painted 256 with super-resolution "
        "(default) or 64 as g paints it",
    )
    parser.add_argument(
        "--parameters",
        type=Path,
        metavar="FILE.json",
        help="also write what is drawn, for the command draw: an object, or a list where there are several faces",
    )
    parser.add_argument("--all-faces", action="store_true", help="every face, not only the biggest; files are numbered")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to run (default auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=_emojify)


class _Wanted(NamedTuple):
    """What is to be made of every picture. size: of an emoji alone, in pixels."""

    kind: Kind
    mode: str
    size: int
    all_faces: bool


class _Job(NamedTuple):
    """One picture and where it goes; error: why it can't."""

    source: Path
    target: Path | None
    error: str | None = None


def _emojify(arguments: argparse.Namespace) -> int:
    from .images import PICTURE_SUFFIXES

    try:
        _check_emojify(arguments)
        jobs = list(_jobs([Path(p) for p in arguments.inputs], arguments.output, PICTURE_SUFFIXES | {".svg"}))
        if arguments.parameters:
            _make_folder(arguments.parameters.parent)
        from .transfer import Transferrer

        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, arguments.device)
        wanted = _wanted(arguments, transferrer)
    except UserError as error:
        if arguments.json:
            print(json.dumps({"error": str(error)}))
        raise
    records = [_emojify_one(job, transferrer, wanted) for job in jobs]
    failed = sum(record["error"] is not None for record in records)
    if len(records) > 1:
        _say(f"{len(records) - failed} of {len(records)} pictures done" + (f", {failed} failed" if failed else ""))
    chosen = [face["parameters"] for record in records for face in record["faces"]]
    if arguments.parameters and chosen:
        _write(arguments.parameters, json.dumps(chosen[0] if len(chosen) == 1 else chosen, indent=1) + "\n")
    if arguments.json:
        checkpoint = {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash}
        report = {"checkpoint": checkpoint, "kind": wanted.kind, "mode": wanted.mode, "size": wanted.size}
        print(json.dumps({**report, "failed": failed, "inputs": records}))
    return 2 if failed else 0


def _check_emojify(arguments: argparse.Namespace) -> None:
    """Raises UserError for options that don't go together."""
    vector = arguments.output.lower().endswith(".svg")
    if arguments.painted and (vector or arguments.parameters):
        raise UserError("a painted emoji has neither SVG nor parameters. Leave out --painted.")
    if vector and arguments.mode != "alone":
        raise UserError(f"an SVG holds the emoji alone. Leave out --mode {arguments.mode}, or use -o FILE.png.")
    if arguments.parameters and arguments.parameters.suffix.lower() != ".json":
        raise UserError(f"{arguments.parameters}: parameters are written as JSON. Use --parameters FILE.json.")
    _check_size(arguments.size, arguments.painted)


def _check_size(size: int | None, painted: bool) -> None:
    """Raises UserError for a size in which no emoji can be had."""
    from .avatars.engine import SIZES

    if size is not None and painted and size not in (64, 256):
        raise UserError(f"a painted emoji has 64 or 256 pixels, not {size}. Use --size 64 or 256.")
    if size is not None and not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"--size must lie between {SIZES[0]} and {SIZES[1]} pixels, not {size}.")


def _wanted(arguments: argparse.Namespace, transferrer: Transferrer) -> _Wanted:
    """What is asked for, as far as the checkpoint can. Raises UserError for what one that only paints can't."""
    painted = arguments.painted
    if not painted and not transferrer.draws:
        if arguments.output.lower().endswith(".svg") or arguments.parameters:
            raise UserError(
                f"checkpoint '{arguments.checkpoint}' is painted only: it has neither SVG nor parameters. "
                "Use one that draws, or leave them out."
            )
        painted = True
        _check_size(arguments.size, painted)
        _say(f"checkpoint '{arguments.checkpoint}' is painted only: it can't draw avatars")
    size = arguments.size or (256 if painted else 512)
    return _Wanted("painted" if painted else "drawn", arguments.mode, size, arguments.all_faces)


def _jobs(inputs: Sequence[Path], output: str, suffixes: set[str]) -> Iterator[_Job]:
    """Pair pictures with targets, which are files of these suffixes. Raises UserError if the output can't hold them or
    can't be written."""
    from .images import PICTURE_SUFFIXES

    out = Path(output)
    several = len(inputs) > 1 or inputs[0].is_dir()
    to_file = bool(out.suffix) and not out.is_dir() and not output.endswith(os.sep)
    if to_file and out.suffix.lower() not in suffixes and not several:
        raise UserError(f"{output}: unknown picture type '{out.suffix}'. Use .png or .jpg, or -o {output}{os.sep}")
    to_file = to_file and out.suffix.lower() in suffixes
    if to_file and several:
        raise UserError(f"{output}: several pictures need a folder, not a file. Use -o FOLDER.")
    _make_folder(out.parent if to_file else out)
    taken: dict[Path, Path] = {}
    for source, target in _pairs(inputs, out, to_file, PICTURE_SUFFIXES):
        if target is None:
            yield _Job(source, None, f"{source}: no pictures in this folder. Give one with pictures.")
        elif target.resolve() == source.resolve():
            yield _Job(source, None, f"{source}: the output would overwrite it. Choose another output.")
        elif (first := taken.setdefault(target, source)) != source:
            yield _Job(source, None, f"{source}: would overwrite the emoji of {first}. Use another output folder.")
        else:
            yield _Job(source, target)


def _make_folder(folder: Path) -> None:
    """Raises UserError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}). Choose another output.") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: cannot be written (no permission). Choose another output.")


def _pairs(inputs: Sequence[Path], out: Path, to_file: bool, suffixes: set[str]) -> Iterator[tuple[Path, Path | None]]:
    for source in inputs:
        if not source.is_dir():
            yield source, out if to_file else out / f"{source.stem}.png"
            continue
        pictures = [
            p for p in sorted(source.rglob("*"))
            if p.suffix.lower() in suffixes and p.is_file() and (out == source or out not in p.parents)
        ]  # fmt: skip
        for picture in pictures:
            yield picture, out / picture.relative_to(source).with_suffix(".png")
        if not pictures:
            yield source, None


def _emojify_one(job: _Job, transferrer: Transferrer, wanted: _Wanted) -> dict[str, Any]:
    from . import images

    record: dict[str, Any] = {
        "input": str(job.source),
        "faces": [],
        "refused": [],
        "outputs": [],
        "ms": {},
        "error": job.error,
    }
    try:
        if job.target is None:
            raise UserError(job.error)
        frame = images.load(job.source)
        most, pastes = None if wanted.all_faces else 1, wanted.mode == "paste"
        result = transferrer(frame, kind=wanted.kind, upscale=wanted.size != 64, compose=pastes, max_faces=most)
        record["ms"] = {stage: round(ms, 2) for stage, ms in result.ms.items()}
        record["faces"] = [_describe(face) for face in result.faces]
        record["refused"] = [_describe(face) for face in result.refused]
        if not result.faces:
            none = "no face found. Use a picture with a face that looks at the camera."
            raise UserError(f"{job.source}: {result.refused[0].note if result.refused else none}")
        for path, content, faces in _outputs(job.target, result, wanted):
            _write(path, content) if isinstance(content, str) else images.save(path, content)
            record["outputs"].append(str(path))
            _say(f"{job.source} -> {path}{_sureness(faces)}")
        for face in result.refused:
            _say(f"{job.source}: a face is left as it is. {face.note}")
    except UserError as error:
        record["error"] = str(error)
        _say(f"error: {error}")
    return record


def _outputs(
    target: Path, result: Result, wanted: _Wanted
) -> Iterator[tuple[Path, Image | str, Sequence[TransferredFace]]]:
    """Files, their pictures or SVG, and the faces redrawn in them."""
    from .faces.compose import beside

    if wanted.mode == "paste":
        yield target, result.composed, result.faces
    elif wanted.mode == "beside":
        yield target, beside(result.frame, result.faces, result.refused), result.faces
    else:
        for path, face in zip(_numbered(target, len(result.faces)), result.faces):
            if target.suffix.lower() == ".svg":
                yield path, face.avatar.svg(), [face]
            else:
                yield (
                    path,
                    face.raw if wanted.size == 64 and face.kind == "painted" else face.picture(wanted.size),
                    [face],
                )


def _numbered(target: Path, n: int) -> list[Path]:
    """n files: the target, or name-1, name-2, … beside it."""
    return [target] if n == 1 else [target.with_stem(f"{target.stem}-{i}") for i in range(1, n + 1)]


def _sureness(faces: Sequence[TransferredFace]) -> str:
    """How well each face can be seen, in turn, and what is wrong; "" where no face was looked for."""
    sure = [face for face in faces if face.confidence is not None]
    shares = ", ".join(f"{face.confidence:.0%}" for face in sure)
    notes = "".join(f" {note}" for note in dict.fromkeys(face.note for face in sure) if note)
    return f" (how well the face can be seen: {shares}){notes}" if sure else ""


def _describe(face: TransferredFace | RefusedFace) -> dict[str, Any]:
    """What the JSON report says of a face; of one that was redrawn also how, and what was chosen to draw."""
    from .types import TransferredFace

    found = face.aligned.face
    told = {
        "box": [round(float(v), 1) for v in found.box],
        "points": [[round(float(v), 1) for v in point] for point in found.points],
        "score": round(float(found.score), 3),
        "confidence": None if face.confidence is None else round(face.confidence, 4),
        "note": face.note,
    }
    return told | face.told() if isinstance(face, TransferredFace) else told


# --- draw ---------------------------------------------------------------------------------------------------


def _add_draw(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "draw",
        help="draw avatars from parameters",
        description="Draw avatars from parameters, as emojify --parameters writes them: one object, or a list of them. "
        "Edit them as you like.",
    )
    parser.add_argument("parameters", type=Path, metavar="FILE.json", help="what is to be drawn")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a picture, or OUT.svg")
    parser.add_argument(
        "--size", type=int, default=512, metavar="N", help="side of a picture, 16 to 4096 (default 512)"
    )
    parser.add_argument(
        "--view", choices=("bust", "head"), default="bust", help="with shoulders (default), or the head as f sees it"
    )
    parser.set_defaults(run=_draw)


def _draw(arguments: argparse.Namespace) -> int:
    from . import images
    from .avatars import engine

    _check_size(arguments.size, painted=False)
    avatars = _read_parameters(arguments.parameters)
    for path, parameters in zip(_numbered(arguments.output, len(avatars)), avatars):
        if path.suffix.lower() == ".svg":
            _write(path, engine.svg(parameters, arguments.view))
        else:
            images.save(path, engine.image(parameters, arguments.size, arguments.view))
        _say(f"{arguments.parameters} -> {path}")
    return 0


def _read_parameters(path: Path) -> list[Parameters]:
    """Raises UserError with one line if there are none, or others than an engine knows."""
    from .avatars.parameters import Parameters

    if not path.is_file():
        raise UserError(f"{path}: no such file. Give one that emojify --parameters wrote.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
    except (ValueError, RecursionError):  # broken text and other encodings are ValueErrors too
        raise UserError(f"{path}: is not JSON. Give one that emojify --parameters wrote.") from None
    if values == []:
        raise UserError(f"{path}: an empty list. Give one avatar at least.")
    try:
        return [Parameters.from_dict(one) for one in (values if isinstance(values, list) else [values])]
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


# --- digits -------------------------------------------------------------------------------------------------


def _add_digits(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "digits",
        help="turn street numbers into handwritten digits",
        description="Turn pictures of one printed digit, such as a house number's, into handwritten ones.",
        epilog="Exit code 2 if any picture failed; the others are done all the same.",
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="a picture, or a folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a picture for one IN, else a folder")
    parser.add_argument("--checkpoint", default="digits", metavar="NAME|DIR", help="which translation (default digits)")
    parser.add_argument(
        "--judge", default="digits-judge", metavar="NAME|DIR", help="what reads the result (default digits-judge)"
    )
    parser.add_argument(
        "--size", type=int, choices=(32, 128), default=32, help="32 as g paints it (default), 128 with larger pixels"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to run (default auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=_digits)


def _digits(arguments: argparse.Namespace) -> int:
    from .images import PICTURE_SUFFIXES

    try:
        jobs = list(_jobs([Path(p) for p in arguments.inputs], arguments.output, PICTURE_SUFFIXES))
        from .transfer import DigitTransferrer

        transferrer = DigitTransferrer.from_checkpoint(arguments.checkpoint, arguments.judge, arguments.device)
    except UserError as error:
        if arguments.json:
            print(json.dumps({"error": str(error)}))
        raise
    records = [_digits_one(job, transferrer, arguments.size) for job in jobs]
    failed = sum(record["error"] is not None for record in records)
    if len(records) > 1:
        _say(f"{len(records) - failed} of {len(records)} pictures done" + (f", {failed} failed" if failed else ""))
    if arguments.json:
        checkpoint = {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash}
        print(json.dumps({"checkpoint": checkpoint, "size": arguments.size, "failed": failed, "inputs": records}))
    return 2 if failed else 0


def _digits_one(job: _Job, transferrer: DigitTransferrer, size: int) -> dict[str, Any]:
    from . import images

    record: dict[str, Any] = {
        "input": str(job.source), "output": None, "read": None, "judged": None, "ms": {}, "error": job.error
    }  # fmt: skip
    try:
        if job.target is None:
            raise UserError(job.error)
        image = images.load(job.source)
        try:
            result = transferrer(image)
        except UserError as error:
            raise UserError(f"{job.source}: {error}") from None
        made = result.made if result.made.ndim == 3 else result.made[..., None].repeat(3, 2)
        images.save(job.target, made.repeat(size // len(made), 0).repeat(size // len(made), 1))
        read, judged = (
            {"digit": int(reading.argmax()), "confidence": round(float(reading.max()), 4)}
            for reading in (result.read, result.judged)
        )
        ms = {stage: round(value, 2) for stage, value in result.ms.items()}
        record |= {"output": str(job.target), "read": read, "judged": judged, "ms": ms}
        _say(f"{job.source} -> {job.target} ({read['digit']}, judged {judged['digit']})")
    except UserError as error:
        record["error"] = str(error)
        _say(f"error: {error}")
    return record


# --- train --------------------------------------------------------------------------------------------------


def _add_train(commands: argparse._SubParsersAction) -> None:
    from .config import PRESETS

    parser = commands.add_parser(
        "train",
        help="train f, the judge, g or the upscaler",
        description="Train by a preset or a configuration file, or go on with a run.",
        epilog="Ctrl-C, or a file 'stop' in the run's control/, saves and ends. Presets: " + ", ".join(PRESETS),
    )
    parser.add_argument("preset", nargs="?", metavar="PRESET|FILE.json", help="what to train")
    parser.add_argument("--data", metavar="DIR", help="folder of the data packs (default: $DTN_DATA)")
    parser.add_argument("--runs", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--pack", metavar="FILE", help="a ready training pack, instead of --data")
    parser.add_argument("--write-pack", metavar="FILE", help="only make that pack, for another machine to train from")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    parser.add_argument("--resume", metavar="RUN", help="go on with this run directory")
    parser.add_argument("--download", action="store_true", help="fetch SVHN and MNIST into --data first")
    parser.add_argument("--tracker", choices=("tensorboard", "trackio"), help="log there too; the package is needed")
    parser.add_argument("--check", action="store_true", help="only look: is the data there, how long will it take?")
    parser.add_argument("--json", action="store_true", help="with --check: print one JSON object")
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from . import config as configs
    from .training import run_training

    if (arguments.preset is None) == (arguments.resume is None):
        raise UserError(f"give a preset ({', '.join(configs.PRESETS)}), a configuration file, or --resume RUN.")
    config, name = None, ""
    if arguments.preset == "-":  # a configuration on standard input
        config, name = configs.from_dict(json.load(sys.stdin)), "own"
    elif arguments.preset:
        config, name = configs.find(arguments.preset)
        config = configs.parse_set(config, arguments.set)
    elif arguments.set:
        raise UserError("--set can't change a run that is resumed; start a new one.")
    if arguments.download:
        _digit_data(arguments)
    if arguments.check:
        return _check(config, arguments)
    if arguments.write_pack:
        return _write_pack(config, arguments)
    resume = Path(arguments.resume) if arguments.resume else None
    pack = Path(arguments.pack) if arguments.pack else None
    run, made = run_training(config, name, Path(arguments.runs), arguments.data, resume, pack, arguments.tracker)
    if made:
        _say(f"{run}: done; the checkpoint is {made}")
    return 0


def _check(config: Config | None, arguments: argparse.Namespace) -> int:
    from .training import check

    if config is None:
        raise UserError("--check goes with a preset or a configuration file.")
    found = check.look(config, arguments.data, Path(arguments.runs))
    print(json.dumps(check.to_json(found)) if arguments.json else check.table(found))
    return 0


def _write_pack(config: Config | None, arguments: argparse.Namespace) -> int:
    from .config import TransferTraining
    from .domains.portraits import optional_folder

    if not isinstance(config, TransferTraining):
        raise UserError("--write-pack goes with a translation's preset: faces, digits or folders.")
    from .training.packs import make_encoder, make_pack

    path = Path(arguments.write_pack)
    try:
        made = make_pack(config, make_encoder(config.encoder), optional_folder(arguments.data), "cpu")
        made.write(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Choose another.") from None
    _say(f"{path}: {path.stat().st_size / 1e6:.0f} MB. Train from it with --pack {path}")
    return 0


# --- runs ---------------------------------------------------------------------------------------------------


def _add_runs(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "runs",
        help="list trainings, and how they stand",
        description="List the run directories of a folder, newest first, and how they stand.",
    )
    parser.add_argument("--runs", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=_runs)


def _runs(arguments: argparse.Namespace) -> int:
    from .training.snapshot import runs_in, snapshot, table, to_json

    folder = Path(arguments.runs)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Give one with --runs.")
    found = [snapshot(path) for path in runs_in(folder)]
    print(json.dumps({"runs": [to_json(run) for run in found]}) if arguments.json else table(found))
    return 0


def _add_join(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "join",
        help="put an upscaler into a translation's checkpoint",
        description="Write a translation and an upscaler trained apart as one checkpoint.",
    )
    parser.add_argument("translation", metavar="NAME|DIR", help="what `train faces` exported")
    parser.add_argument("upscaler", metavar="DIR", help="what `train upscaler` exported")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the checkpoint to write")
    parser.set_defaults(run=_join)


def _join(arguments: argparse.Namespace) -> int:
    from . import checkpoint

    try:
        made = checkpoint.join(arguments.translation, arguments.upscaler, arguments.output)
    except OSError as error:
        raise UserError(f"{arguments.output}: cannot be written ({error.strerror}). Choose another.") from None
    _say(f"{made}: written")
    return 0


# --- gallery ------------------------------------------------------------------------------------------------


def _add_gallery(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "gallery",
        help="random faces and what becomes of them",
        description="Write a sheet of random faces, none of them picked, and what every checkpoint makes of them: "
        "drawn where it can draw, else painted. "
        "Without --data: faces that anyone may show, from installed packages or drawn.",
    )
    parser.add_argument("checkpoint", nargs="*", default=["emoji"], metavar="NAME|DIR", help="default emoji")
    parser.add_argument("--data", metavar="DIR", help="held-out photos of this data folder, not to be passed on")
    parser.add_argument("--painted", action="store_true", help="as g paints them, though it could draw")
    parser.add_argument("-n", type=int, default=64, metavar="N", help="how many faces (default 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the choice (default 0)")
    parser.add_argument("-o", "--output", default="gallery", metavar="DIR", help="for NAME.png (default gallery)")
    parser.set_defaults(run=_gallery)


def _gallery(arguments: argparse.Namespace) -> int:
    if arguments.n < 1 or arguments.seed < 0:
        raise UserError("-n must be at least 1, --seed at least 0.")
    from . import images
    from .domains.portraits import data_folder
    from .evaluation import gallery
    from .transfer import Transferrer

    translations = [Transferrer.from_checkpoint(name) for name in arguments.checkpoint]
    if arguments.data:
        heads = gallery.held_out(data_folder(arguments.data), arguments.n, arguments.seed)
    else:
        heads = gallery.free(arguments.n, arguments.seed)
    for transferrer in translations:
        path = Path(arguments.output) / f"{transferrer.checkpoint.name}.png"
        images.save(path, gallery.sheet(transferrer, heads, painted=arguments.painted))
        how = "drawn" if transferrer.draws and not arguments.painted else "painted"
        _say(f"{path}: {len(heads)} faces, {how}, seed {arguments.seed}, checkpoint {transferrer.checkpoint.hash}")
    return 0


# --- evaluate -----------------------------------------------------------------------------------------------


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a checkpoint on held-out data",
        description="Measure a checkpoint on held-out data, beside simple baselines; or do the paper's digit "
        "experiments, training what isn't at hand.",
    )
    parser.add_argument("what", choices=("digits", "faces", "upscaling"), help="which question")
    parser.add_argument("--checkpoint", metavar="NAME|DIR", help="default emoji, or digits")
    parser.add_argument("--data", metavar="DIR", help="folder of the data (default: $DTN_DATA)")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="val to choose by, test to report")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many pictures")
    parser.add_argument("-o", "--output", metavar="FILE.json", help="write the figures here too")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on standard output")
    parser.add_argument_group("faces").add_argument(
        "--compare", action="append", default=[], metavar="NAME|DIR",
        help="a further checkpoint, measured in the same run and put in the same table; may be repeated",
    )  # fmt: skip
    digits = parser.add_argument_group("digits")
    digits.add_argument(
        "--suite", default="all", help="all (default), table1, table2, table3, or a row, such as no_tid or swap"
    )
    digits.add_argument("--seeds", default="0,1,2", metavar="N,N", help="seeds of every row (default 0,1,2)")
    digits.add_argument(
        "--preset", default="digits-cpu", metavar="PRESET|FILE.json", help="the DTN (default digits-cpu)"
    )
    digits.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the DTN")
    digits.add_argument("--judge", default="digits-judge", metavar="NAME|DIR", help="default digits-judge")
    digits.add_argument("--runs", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    digits.add_argument("--download", action="store_true", help="fetch SVHN and MNIST into --data first")
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.limit is not None and arguments.limit < 2:
        raise UserError("--limit must be at least 2.")
    if arguments.what == "digits":
        figures, text = _evaluate_digits(arguments)
    elif arguments.what == "faces":
        from .domains.portraits import data_folder
        from .evaluation import faces

        data = data_folder(arguments.data)
        figures = faces.evaluate(
            arguments.checkpoint or "emoji",
            data,
            split=arguments.split,
            limit=arguments.limit,
            compare=arguments.compare,
        )
        text = faces.table(figures)
    else:
        from .evaluation import upscaling

        figures = upscaling.evaluate(arguments.checkpoint or "emoji", arguments.limit or 200)
        text = upscaling.table(figures)
    if arguments.output and arguments.what != "digits":
        _write(Path(arguments.output), json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures) if arguments.json else text)
    return 0


def _evaluate_digits(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from dataclasses import replace
    from functools import partial

    from . import checkpoint
    from . import config as configs
    from .evaluation import digits, digits_page

    if arguments.suite not in digits.SUITES:
        raise UserError(f"no suite '{arguments.suite}'. Choose one of {', '.join(digits.SUITES)}.")
    try:
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0:
        raise UserError(f"--seeds {arguments.seeds}: write whole numbers from 0 up with commas between them.")
    config = configs.parse_set(configs.find(arguments.preset)[0], arguments.set)
    if not isinstance(config, configs.TransferTraining) or config.task != "digits":
        raise UserError(f"--preset {arguments.preset}: no transfer of digits. Use digits-cpu or digits.")
    if arguments.checkpoint:
        checkpoint.find(arguments.checkpoint)  # a name that is mistyped would mean hours of training
    data, runs = _digit_data(arguments), Path(arguments.runs)
    tiny = "-tiny" * arguments.preset.endswith("-tiny")
    taught = configs.PRESETS["digits-f-adapted"]
    if tiny:
        taught = replace(configs.PRESETS["digits-f-tiny"], unlabelled=1.0)
    setup = digits.Setup(
        config, replace(configs.PRESETS[f"digits-f{tiny}"], absent=digits.ABSENT, steps=8 if tiny else 3000),
        taught, configs.PRESETS[f"digits-adapted{tiny}"], arguments.judge, data, runs,
        partial(_train_for_suite, runs, arguments.data), arguments.checkpoint or "digits", _say,
        arguments.limit,
    )  # fmt: skip
    output = Path(arguments.output or runs / "digits.json")
    figures = digits.run_suite(setup, arguments.suite, seeds, output)
    for path in digits_page.write(figures, digits.trained(setup, figures), output):
        _say(f"{path}: written")
    return figures, digits_page.markdown(figures)


def _train_for_suite(runs: Path, data: str | None, config: Any, name: str, resume: Path | None) -> Path:
    from .training import run_training

    return run_training(config, name, runs, data, resume)[0]


def _digit_data(arguments: argparse.Namespace) -> Path | None:
    """The folder of digits, or None for drawn ones."""
    from .domains import digits
    from .domains.portraits import optional_folder

    if arguments.download:
        if not arguments.data:
            raise UserError("--download needs --data DIR: where the pictures go.")
        digits.download(Path(arguments.data))
    return optional_folder(arguments.data)


if __name__ == "__main__":
    sys.exit(main())

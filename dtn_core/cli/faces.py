"""One picture of faces → files, messages and a record for the JSON report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import UserError
from . import runner

if TYPE_CHECKING:
    from ..core.types import Image, Kind, RefusedFace, Result, TransferredFace
    from ..pipeline.photo import Transferrer
    from ..pipeline.video.redraw import Mode

BLANK = {"note": "", "turned": 0, "faces": [], "refused": [], "outputs": [], "ms": {}}


class Request(NamedTuple):
    """What to make of every picture, and of every video. size: side of an emoji alone, in pixels; background: behind
    it, "#rrggbb"."""

    kind: Kind
    mode: Mode
    video_mode: Mode
    size: int
    all_faces: bool
    background: str | None


def convert(transferrer: Transferrer, request: Request, job: runner.Job, record: runner.Record) -> None:
    """Redraw one photo, write the results and fill the record. Raises UserError."""
    from ..core import images
    from ..faces.photos import load_photo

    source, target = job.source, job.target
    loaded = job.read(partial(load_photo, alpha=True))
    record["note"] = loaded.note
    result = transferrer(
        loaded.picture,
        kind=request.kind,
        upscale=request.size != 64,
        compose=request.mode == "paste",
        max_faces=None if request.all_faces else 1,
    )
    record["turned"] = result.rotation
    record["ms"] = {stage: round(ms, 2) for stage, ms in result.ms.items()}
    record["faces"] = [describe(face) for face in result.faces]
    record["refused"] = [describe(face) for face in result.refused]
    if loaded.note:
        runner.log(f"{source}: {loaded.note}")
    if not result.faces:
        reason = f"no face found. {loaded.note or 'Use a picture with a face that looks at the camera.'}"
        raise UserError(f"{source}: {result.refused[0].note if result.refused else reason}")
    if result.rotation:
        runner.log(f"{source}: turned by {result.rotation}° clockwise to find a face")
    for path, content, faces in outputs(target, result, request):
        runner.write(path, content) if isinstance(content, bytes) else images.save(path, content)
        record["outputs"].append(str(path))
        runner.log(f"{source} -> {path}{confidences(faces)}")
    for face in result.refused:
        runner.log(f"{source}: a face is left as it is. {face.note}")


def outputs(
    target: Path, result: Result, request: Request
) -> Iterator[tuple[Path, Image | bytes, Sequence[TransferredFace]]]:
    """Files, their pictures or content, and the faces redrawn in them."""
    from ..avatars.export import FORMATS, export
    from ..core.colors import to_rgb
    from ..core.images import composite_over
    from ..faces.compose import side_by_side

    if request.mode == "paste":
        yield target, result.composed, result.faces
    elif request.mode == "beside":
        yield target, side_by_side(result.frame, result.faces, result.refused), result.faces
    else:
        for path, face in zip(runner.numbered(target, len(result.faces)), result.faces):
            format = target.suffix.lower()[1:]
            if face.avatar and format in FORMATS:
                yield path, export(face.avatar.parameters, format, request.size, request.background), [face]
                continue
            small = request.size == 64 and face.kind == "painted"
            picture = face.raw if small else face.picture(request.size)
            yield path, composite_over(picture, to_rgb(request.background)) if request.background else picture, [face]


def confidences(faces: Sequence[TransferredFace]) -> str:
    """How well each face can be seen, and what is wrong; "" where no face was looked for."""
    judged = [face for face in faces if face.confidence is not None]
    shares = ", ".join(f"{face.confidence:.0%}" for face in judged)
    notes = "".join(f" {note}" for note in dict.fromkeys(face.note for face in judged) if note)
    return f" (how well the face can be seen: {shares}){notes}" if judged else ""


def describe(face: TransferredFace | RefusedFace) -> dict[str, Any]:
    """A face in the JSON report; of one that was redrawn also how, and the avatar's parameters."""
    from ..core.types import TransferredFace

    found = face.aligned.face
    record = {
        "box": [round(float(v), 1) for v in found.box],
        "points": [[round(float(v), 1) for v in point] for point in found.points],
        "score": round(float(found.score), 3),
        "confidence": None if face.confidence is None else round(face.confidence, 4),
        "note": face.note,
    }
    return record | face.describe() if isinstance(face, TransferredFace) else record

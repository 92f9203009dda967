"""Settings to and from plain dictionaries and ``--set key=value``; files of earlier versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..core.errors import UserError
from ..core.files import clean_path
from . import schema, transfers

Config = (
    schema.EncoderTraining
    | schema.ClassifierTraining
    | schema.FolderClassifierTraining
    | schema.JudgeTraining
    | transfers.FacesTransfer
    | transfers.DigitsTransfer
    | transfers.FoldersTransfer
    | transfers.StyleTransfer
    | schema.AvatarTraining
    | schema.UpscalerTraining
    | schema.ParserTraining
)
KINDS: dict[str, type[Config]] = {
    "encoder": schema.EncoderTraining,
    "classifier": schema.ClassifierTraining,
    "folder-classifier": schema.FolderClassifierTraining,
    "judge": schema.JudgeTraining,
    "faces": transfers.FacesTransfer,
    "digits": transfers.DigitsTransfer,
    "folders": transfers.FoldersTransfer,
    "style": transfers.StyleTransfer,
    "avatar": schema.AvatarTraining,
    "upscaler": schema.UpscalerTraining,
    "parser": schema.ParserTraining,
}
"""The word in files for each record."""


def kind_of(config: Config) -> str:
    """The word for a record in files."""
    return next(kind for kind, cls in KINDS.items() if type(config) is cls)


def to_dict(config: Config) -> dict[str, Any]:
    """Plain values only, with the kind."""
    return {"kind": kind_of(config), **asdict(config)}


def from_dict(values: Mapping[str, Any]) -> Config:
    """The inverse of `to_dict`; takes files of earlier versions too. Raises UserError with one line for an unknown
    kind or setting, a wrong type, or a value out of bounds."""
    if not isinstance(values, Mapping):
        raise UserError("a configuration is an object of settings and their values.")
    values = upgrade(values)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise UserError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    cls = KINDS[kind]
    _check_known(cls, values)
    try:
        return cls(**values)
    except ValidationError as error:
        raise UserError(_line(error)) from None


def parse_set(config: Config, assignments: list[str]) -> Config:
    """Apply ``--set key=value`` strings. Raises UserError with one line, as `from_dict`."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"{assignment!r} is no setting with its value. Write key=value.", code="bad_setting")
        key = _RENAMED.get(key, key)
        _check_known(type(config), [key])
        annotation = _annotations(type(config))[key]
        if text.lower() == "none" and _is_optional(annotation):
            changes[key] = None
            continue
        if key in PICTURE_PATHS:
            text = clean_path(text)
        choices = {str(choice): choice for choice in get_args(annotation)}
        try:
            changes[key] = _reader(annotation).validate_python(choices.get(text, text), strict=False)
        except ValidationError as error:
            raise UserError(_line(error, key)) from None
    try:
        return replace(config, **changes)
    except ValidationError as error:
        raise UserError(_line(error)) from None


PICTURE_PATHS = ("s", "t", "folder", "picture")
"""Settings that name the user's own pictures."""

CHECKPOINT_PATHS = ("encoder", "start", "avatar", "through")
"""Settings that name a shipped checkpoint or the folder of one."""


def with_absolute_paths(config: Config) -> Config:
    """Make paths independent of the working directory. Names of shipped checkpoints are kept."""
    changes = {}
    for name in (*PICTURE_PATHS, *CHECKPOINT_PATHS):
        value = getattr(config, name, None)
        if value and (name in PICTURE_PATHS or (Path(value) / "config.json").is_file()):
            changes[name] = str(Path(value).absolute())
    return replace(config, **changes)


def move_pictures(config: Config, assignments: list[str]) -> Config:
    """Apply ``--set`` to the paths of a run's pictures, which may have moved. Raises UserError for other settings."""
    for assignment in assignments:
        if assignment.partition("=")[0] not in PICTURE_PATHS:
            raise UserError(
                f"--set can't change a run that is resumed, except where its pictures are ({', '.join(PICTURE_PATHS)})."
            )
    return with_absolute_paths(parse_set(config, assignments))


def descriptions(kind: type[Config]) -> dict[str, str]:
    """Setting → what it means, in the order of the record."""
    found = {f.name: "" for f in fields(kind)}
    for cls in reversed(kind.__mro__):  # pydantic reads the docstrings of a class's own settings only
        for name, field in getattr(cls, "__pydantic_fields__", {}).items():
            found[name] = " ".join((field.description or "").split()) or found[name]
    return found


_RENAMED = {"wobble": "random_affine"}

_DELETED = {
    "avatar": {"reader", "through", "mlp", "logits_only", "sparsity", "alpha", "prior", "adversary"},
}
"""Kind → settings that it had before 0.3, which are ignored."""


def upgrade(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a file of any earlier version (a run's, or a checkpoint's "trained") with today's kinds and names.
    Once, one kind "transfer" had the settings of all three tasks, and one kind "classifier" those of digits and of
    folders: what a record doesn't have is dropped where it was at its default."""
    values = {_RENAMED.get(name, name): value for name, value in values.items()}
    kind = values.get("kind")
    if "folders" in (kind, values.get("task")):
        values.setdefault("generator", "upsample")  # all that there was before "auto"
    if kind == "transfer" or (kind is None and "task" in values):
        family = {kind: KINDS[kind] for kind in ("faces", "digits", "folders")}
        values["kind"] = values.pop("task", "faces")
    elif kind in (None, "classifier") and "domain" in values:
        family = {"classifier": schema.ClassifierTraining, "folder-classifier": schema.FolderClassifierTraining}
        values["kind"] = "folder-classifier" if values["domain"] == "folder" else "classifier"
        if values["domain"] == "folder":
            del values["domain"]
    else:
        return {name: value for name, value in values.items() if name not in _DELETED.get(str(kind), ())}
    known = family.get(values["kind"]) if isinstance(values["kind"], str) else None
    own = {f.name for f in fields(known)} if known else set()
    of_others = {f.name: f.default for cls in family.values() for f in fields(cls) if f.name not in own}
    return {name: value for name, value in values.items() if value != of_others.get(name, MISSING)}


def _check_known(cls: type[Config], names: Any) -> None:
    known = {f.name for f in fields(cls)}
    for name in names:
        if name not in known:
            reason = f"unknown setting '{name}'"
            raise UserError(
                f"{reason}; known: {', '.join(sorted(known))}.", code="unknown_setting", subject=name, reason=reason
            )


def _line(error: ValidationError, name: str = "") -> str:
    """A validation error in one line for people: the setting, its value, and what is wanted."""
    first = error.errors(include_url=False)[0]
    wanted = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
    if not name and not first["loc"]:  # of a cross-check, which names its settings
        return wanted
    return f"{name or first['loc'][0]}={first['input']!r}: {wanted}."


@cache
def _annotations(cls: type[Config]) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@cache
def _reader(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def _is_optional(annotation: Any) -> bool:
    options = get_args(annotation)
    return type(None) in options or any(_is_optional(option) for option in options if get_args(option))

"""The form of a training, without gradio: which presets a task has, which settings are fields of their own, and the
way from what the fields hold to a configuration."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, NamedTuple

from ...config import KINDS, PRESETS, Config, EncoderTraining, from_dict, kind_of, parse_set, to_dict
from ...errors import UserError

TASKS = {
    "faces": "Faces → emoji",
    "digits": "Digits",
    "folders": "My own two folders",
    "labelled": "f from my labelled folders",
    "further": "Other networks",
}
"""What can be trained: key → what the reader calls it."""

EXPLAINED = {
    "faces": "g and D learn to redraw photos of faces (s) as vector emoji (t), through a frozen f.",
    "digits": "g and D learn to redraw street numbers (s) as handwritten digits (t): the paper’s first experiment.",
    "folders": "g and D learn to redraw the pictures of one folder (s) as pictures of another (t). Nothing needs to be "
    "labelled or paired.",
    "labelled": "f, the network that reads a picture, learnt from a folder with a sub-folder for each class. "
    "Use it as the f of your own two folders.",
    "further": "The networks around g: f of faces and of digits, c that chooses avatars, judges, the upscaler.",
}

ABOUT = {
    "faces-tiny": "A try-out with a few pictures: seconds, and too short to learn anything.",
    "faces-cpu": "The shipped emoji: about 70 minutes on one CPU core.",
    "toon-cpu": "The shipped ToonHead: about 25 minutes on one CPU core.",
    "cartoon-cpu": "The shipped Cartoon Set: about 40 minutes on one CPU core.",
    "faces": "A larger g and D, for a CUDA GPU. Check tells how long.",
    "faces-tied": "Goes on from the shipped emoji, tied to what c draws: about 30 minutes on one CPU core.",
    "faces-paper": "The paper’s α = 100, β = 1, γ = 0.05, with dlib’s f, for a GPU.",
    "digits-tiny": "A try-out with a few pictures: seconds, and too short to learn anything.",
    "digits-cpu": "The DTN of the tables on the tab Digits: about 6 minutes on one CPU core.",
    "digits-best": "The shipped one: a better f and a random affine of G(s); ten minutes on one CPU core.",
    "digits": "The paper’s own g and D, α = β = 15, for a GPU.",
    "folders-tiny": "A try-out on at most 64 pictures of each: seconds, and too short to learn much.",
    "folders-cpu": "64 pixels, 2,000 steps, for a CPU; Check tells how long. Keeps the best g.",
    "folders": "A larger g and D, 20,000 steps, for a CUDA GPU; Check tells how long. Keeps the best g.",
    "folder-f-tiny": "A try-out: seconds, and too short to learn much.",
    "folder-f": "An f of 64 pixels, driven towards drawings. Check tells how long.",
    "encoder-tiny": "f of faces, a try-out: seconds.",
    "encoder": "f of faces, from the attributes of CelebA and CelebA-HQ, and UTKFace. Check tells how long.",
    "encoder-drawn": "f of faces, going on from the shipped one with faces drawn by other hands: it reads drawings.",
    "avatar-tiny": "c, which chooses an avatar’s parameters, a try-out: seconds.",
    "avatar-cpu": "c of the shipped emoji: some minutes on one CPU core, nearly all of it for what f sees.",
    "avatar": "c from many more drawings and photos, for a GPU.",
    "judge-tiny": "The judge of emoji, a try-out: seconds.",
    "judge": "The judge of emoji reads attributes off avatars; it measures, and trains nothing.",
    "judge-toon": "The judge of ToonHead.",
    "judge-cartoon": "The judge of the Cartoon Set.",
    "upscaler-tiny": "SR from 64 to 256 pixels, a try-out: seconds.",
    "upscaler": "SR: emoji from 64 to 256 pixels.",
    "digits-f-tiny": "f of digits, a try-out: seconds.",
    "digits-f": "f of digits, from street numbers: about 40 minutes on one CPU core.",
    "digits-f-adapted": "f of digits, going on from the shipped one with unlabelled handwriting beside.",
    "digits-f-paper": "f of digits with the paper’s four convolutions.",
    "digits-adapted-tiny": "A reader of handwriting taught by G(s) alone, a try-out: seconds.",
    "digits-adapted": "A reader of handwriting taught by G(s) alone: the paper’s Table 2.",
    "digits-judge": "The judge of digits, from handwriting: about 10 minutes on one CPU core.",
    "digits-judge-paper": "The judge of digits with the paper’s four convolutions.",
}


class Field(NamedTuple):
    """A setting with a field of its own. group: where it stands; wide: it takes a row."""

    name: str
    label: str
    info: str = ""
    group: Literal["source", "main", "more"] = "main"
    wide: bool = False


FIELDS = (
    Field("s", "s: pictures to redraw", "Folder or zip on the computer that runs this app", "source", True),
    Field("t", "t: what they shall look like", "Another folder or zip; nothing has to match", "source", True),
    Field("folder", "Labelled pictures", "Folder or zip with a sub-folder for each class", "source", True),
    Field("heads", "Faces: find the face in each picture, and crop its head", "", "source", True),
    Field("encoder", "f, which reads what to keep; frozen while g learns", "", "source", True),
    Field("alpha", "α"),
    Field("beta", "β"),
    Field("gamma", "γ"),
    Field("steps", "Steps"),
    Field("batch", "Batch"),
    Field("size", "Pixels a side"),
    Field("lr", "Learning rate"),
    Field("lr_d", "Learning rate, D"),
    Field("base", "Channels of g"),
    Field("width", "Channels"),
    Field("hidden", "Last layer"),
    Field("depth", "Layers"),
    Field("patch", "Pixels a patch"),
    Field("avatars", "Avatars"),
    Field("d_base", "Channels of D", "", "more"),
    Field("precision", "Precision", "", "more"),
    Field("seed", "Seed", "", "more"),
    Field("keep", "Keep", "", "more"),
    Field("limit", "Most pictures", "", "more"),
    Field("sample_every", "Sample every", "", "more"),
    Field("save_every", "Save every", "", "more"),
    Field("weight_decay", "Weight decay", "", "more"),
    Field("stylise", "Stylised share", "", "more"),
    Field("smoothing", "Label smoothing", "", "more"),
)
"""In the order of the page. All other settings are reached by the box of all settings."""

OF_G = "Learning rate, g"
"""What `lr` is called where D has one too."""

LETTERS = """<b>α</b> weighs L<sub>CONST</sub>: keep what f reads. <b>β</b> weighs L<sub>TID</sub>: leave targets as
they are. <b>γ</b> weighs L<sub>TV</sub>: smooth."""
"""What the paper's weights are for, as HTML."""

TUNABLE = ("alpha", "beta", "gamma", "lr", "lr_d", "seed")
"""What may differ from a tiny preset where only tiny trainings are allowed: nothing that makes a run longer or larger,
and no path."""


def task_of(config: Config) -> str:
    """Under which of `TASKS` a configuration stands."""
    kind = kind_of(config)
    return kind if kind in TASKS else {"folder-classifier": "labelled"}.get(kind, "further")


def presets(task: str, tiny: bool = False) -> list[str]:
    """Names of a task's presets. tiny: only those that take seconds and read none of the server's folders."""
    names = [name for name, config in PRESETS.items() if task_of(config) == task]
    return [name for name in names if name.endswith("-tiny") and task in PATHLESS] if tiny else names


PATHLESS = ("faces", "digits", "further")
"""Tasks without a path of the server's own."""


def tasks(tiny: bool = False) -> dict[str, str]:
    """The tasks that have presets: key → label."""
    return {key: label for key, label in TASKS.items() if presets(key, tiny)}


def first_choice(task: str, gpu: bool, tiny: bool = False) -> str:
    """The preset to offer first: a GPU's where there is one, else a CPU's."""
    names = presets(task, tiny)
    for name in names:
        if (name.endswith("-cpu") and not gpu) or (gpu and name == task):
            return name
    return next((name for name in names if not name.endswith("-tiny")), names[0])


def about(name: str) -> str:
    """One line of what a preset is and how long it takes."""
    config = PRESETS[name]
    return ABOUT.get(name, f"{config.steps:,} steps of {config.batch} pictures.")


def shown(config: Config) -> dict[str, Field]:
    """The fields of such a configuration, by name, in the page's order."""
    own = {field.name for field in fields(config)}
    if isinstance(config, EncoderTraining):
        own -= {"size"}  # any number, where others have a few to choose from
    found = {field.name: field for field in FIELDS if field.name in own}
    if "lr_d" in found:
        found["lr"] = found["lr"]._replace(label=OF_G)
    return found


def hint_of(name: str) -> Any:
    """The type of a field, the widest of the records that have it."""
    kind = next(kind for kind in reversed(KINDS.values()) if name in {f.name for f in fields(kind)})
    return typing.get_type_hints(kind)[name]


def choices(name: str) -> tuple[Any, ...] | None:
    """What a field can be where that is one of a few, else None."""
    hint = hint_of(name)
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else None


def plain_type(name: str) -> type:
    """bool, int, float or str: what a field holds where it isn't empty."""
    hint = hint_of(name)
    if typing.get_origin(hint) is Literal:
        return type(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType):
        return next(option for option in typing.get_args(hint) if option is not type(None))
    return hint


def to_config(preset: str, values: Mapping[str, Any], extra: str = "", device: str = "auto") -> Config:
    """The configuration that a form stands for: a preset, what its fields hold, and the box of all settings, which
    counts most. Raises UserError with one line for people."""
    if preset not in PRESETS:
        raise UserError(f"there is no preset '{preset}'. Choose one of the list.")
    base = PRESETS[preset]
    changes = {name: _clean(field, values[name]) for name, field in shown(base).items() if name in values}
    config = from_dict({**to_dict(base), **changes, "device": device})
    return _with_extra(config, extra)


def _clean(field: Field, value: Any) -> Any:
    """A field's value as the configuration wants it; empty text is None."""
    optional = type(None) in typing.get_args(hint_of(field.name))
    if isinstance(value, str):
        value = value.strip() or None
    if value is None and not optional:
        raise UserError(f"{field.label} ({field.name}) is empty. Fill it in.")
    if isinstance(value, float) and value.is_integer() and plain_type(field.name) is int:
        return int(value)
    return value


def _with_extra(config: Config, text: str) -> Config:
    """Apply the box of all settings: key=value, one a line or with commas between, or a JSON object."""
    text = text.strip()
    if not text.startswith("{"):
        lines = [part.strip() for part in text.replace("\n", ",").split(",")]
        try:
            return parse_set(config, [line for line in lines if line])
        except UserError as error:
            raise UserError(str(error).removeprefix("--set ")) from None
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"all settings: not JSON ({error}). Write key=value, one a line, or a JSON object.") from None
    return from_dict({**to_dict(config), **values})


def check_paths(config: Config) -> None:
    """Raise UserError if the user's own pictures aren't named."""
    for name, field in shown(config).items():
        if name in ("s", "t", "folder") and not getattr(config, name):
            raise UserError(f"which pictures? Write a folder or zip into the field “{field.label}”.")


def check_tiny(config: Config) -> None:
    """Raise UserError if a configuration is more than a tiny preset with other weights of the losses."""
    here = to_dict(config)
    for name in (name for task in TASKS for name in presets(task, tiny=True)):
        other = to_dict(PRESETS[name])
        differ = {key for key in here | other if here.get(key) != other.get(key)}
        if differ <= {*TUNABLE, "device"}:
            return
    raise UserError("only tiny trainings are allowed here: of a preset ending in -tiny, with its own steps and size.")

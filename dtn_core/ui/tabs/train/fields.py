"""The training form, without gradio: the presets of each task, the settings with a field of their own, and the
conversion of field values to a configuration."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ....avatars.styles import PACKS
from ....config import (
    KINDS,
    PICTURE_PATHS,
    PRESETS,
    ClassifierTraining,
    Config,
    DigitsTransfer,
    EncoderTraining,
    JudgeTraining,
    from_dict,
    kind_of,
    parse_set,
    to_dict,
)
from ....core.errors import UserError
from ....core.files import clean_path, parse_json
from ....data import digits
from ....training import NEEDS

TASKS = {
    "digits": "Digits",
    "faces": "Faces → emoji",
    "style": "Faces → a picture’s style",
    "folders": "My own two folders",
    "labelled": "f from labelled folders",
    "further": "Other networks",
}
"""Tasks that can be trained: key → label. The first one needs no data folder."""

EXPLAINED = {
    "digits": "Redraw street numbers (s) as handwritten digits (t): the paper’s first experiment. The generator g and "
    "the discriminator D learn; the feature extractor f is frozen. Without a data folder, digits are drawn.",
    "faces": "Redraw photos of faces (s) as vector emoji (t). The generator g and the discriminator D learn; the "
    "feature extractor f is frozen. Needs a data folder with photos.",
    "style": "Redraw photos of faces (s) like photos stylised from a single style picture (t): the paper’s style "
    "transfer. Needs a data folder with photos.",
    "folders": "Redraw the pictures of one folder (s) as pictures of another (t). No labels, no pairs.",
    "labelled": "Train a feature extractor f on a folder with one sub-folder per class, for use with your own two "
    "folders.",
    "further": "The other networks: f for faces and for digits, c that predicts avatars, judges, the upscaler.",
}

ABOUT = {
    "faces-tiny": "A test run on a few pictures: takes seconds, too short to learn anything.",
    "faces-cpu": "As shipped (emoji): about 70 minutes on one CPU core.",
    "toon-cpu": "ToonHead by a g that paints pixels: about 25 minutes on one CPU core.",
    "faces": "A larger g and D for a CUDA GPU. Check estimates the time.",
    "faces-layered-cpu": "As shipped (Avataaars): g paints flat layers, about 25 minutes on one CPU core.",
    "toon-layered-cpu": "The same for ToonHead: about 20 minutes on one CPU core.",
    "cartoon-layered-cpu": "As shipped (Cartoon Set): flat layers without an avatar to follow; about 30 minutes.",
    "faces-layered": "The same, larger and longer, for a GPU.",
    "faces-paper": "The paper’s α = 100, β = 1, γ = 0.05 with dlib’s f, for a GPU.",
    "style-tiny": "A test run on a few pictures: takes seconds, too short to learn anything.",
    "style-cpu": "As shipped (screen print): about an hour on two CPU cores.",
    "style": "A larger g and D, for a CUDA GPU. Check estimates the time.",
    "digits-tiny": "A test run on a few pictures: takes seconds, too short to learn anything.",
    "digits-cpu": "The DTN of the tables in the docs: about 6 minutes on one CPU core.",
    "digits-best": "As shipped: a better f and a random affine transform of G(s); ten minutes on one CPU core.",
    "digits": "The paper’s g and D, α = β = 15, for a GPU.",
    "folders-tiny": "A test run on at most 64 pictures of each folder: takes seconds, too short to learn much.",
    "folders-cpu": "64 pixels, 2,000 steps, for a CPU. Check estimates the time. Keeps the best g.",
    "folders": "A larger g and D, 20,000 steps, for a CUDA GPU. Check estimates the time. Keeps the best g.",
    "folder-f-tiny": "A test run: takes seconds, too short to learn much.",
    "folder-f": "64 pixels, with drawing-like augmentation, so that f works on drawings. Check estimates the time.",
    "encoder-tiny": "f for faces, a test run: takes seconds.",
    "encoder": "f for faces, on the attributes of CelebA, CelebA-HQ and UTKFace. Check estimates the time.",
    "encoder-drawn": "f for faces, fine-tuned on illustrations as well, so that it works on drawings.",
    "avatar-tiny": "c, which predicts an avatar’s parameters, a test run: takes seconds.",
    "avatar-cpu": "c of the shipped emoji: a few minutes on one CPU core, most of them to compute features.",
    "avatar": "c, trained on many more drawings and photos, for a GPU.",
    "parser-tiny": "The face parser, a test run: takes seconds.",
    "parser-cpu": "The face parser as shipped: about 45 minutes on one CPU core.",
    "parser": "The face parser, trained longer and on more pictures, for a GPU.",
    "judge-tiny": "The judge of emoji, a test run: takes seconds.",
    "judge": "The judge of emoji: an attribute classifier for evaluation only.",
    "judge-toon": "The judge of ToonHead.",
    "judge-lorelei": "The judge of Lorelei.",
    "judge-cartoon": "The judge of the Cartoon Set.",
    "upscaler-tiny": "SR from 64 to 256 pixels, a test run: takes seconds.",
    "upscaler": "SR: emoji from 64 to 256 pixels.",
    "digits-f-tiny": "f for digits, a test run: takes seconds.",
    "digits-f": "f for digits, on street numbers: about 40 minutes on one CPU core.",
    "digits-f-adapted": "f for digits, fine-tuned with unlabelled handwriting as well.",
    "digits-f-contrastive": "f for digits without labels (SimCLR): about 20 minutes on one CPU core.",
    "digits-judge-street": "The judge of street numbers, for t → s: about 15 minutes on one CPU core.",
    "digits-f-paper": "f for digits with the paper’s four convolutions.",
    "digits-adapted-tiny": "A classifier of handwriting trained only on G(s), a test run: takes seconds.",
    "digits-adapted": "A classifier of handwriting trained only on G(s): the paper’s Table 2.",
    "digits-judge": "The judge of digits, on handwriting: about 10 minutes on one CPU core.",
    "digits-judge-paper": "The judge of digits with the paper’s four convolutions.",
}


class Field(NamedTuple):
    """A setting with a field of its own.

    Attributes:
        name: of the setting.
        label: of the field.
        info: hint below the label.
        group: section of the form.
        wide: whether it takes a whole row.
    """

    name: str
    label: str
    info: str = ""
    group: Literal["source", "basic", "main", "more"] = "main"
    wide: bool = False


FIELDS = (
    Field("s", "Source pictures (s)", "Folder or zip, on the computer that runs this app", "source", True),
    Field("t", "Target pictures (t)", "The style to learn: another folder or zip; pairs aren’t needed", "source", True),
    Field(
        "picture",
        "Style picture",
        "PNG, JPEG or SVG, on the computer that runs this app; if empty: a sunset in five inks",
        "source",
        True,
    ),
    Field("folder", "Labelled pictures", "Folder or zip with one sub-folder per class", "source", True),
    Field("heads", "Find the face in each picture and crop its head", "", "source", True),
    Field(
        "encoder",
        "Feature extractor (f)",
        "What it recognises is preserved; it stays frozen while g learns",
        "source",
        True,
    ),
    Field("steps", "Steps", "", "basic"),
    Field("alpha", "Constancy (α)"),
    Field("beta", "Identity (β)"),
    Field("gamma", "Smoothness (γ)"),
    Field("batch", "Batch size"),
    Field("size", "Size in pixels"),
    Field("lr", "Learning rate"),
    Field("lr_d", "Learning rate of D"),
    Field("base", "Channels of g"),
    Field("width", "Channels"),
    Field("hidden", "Hidden units"),
    Field("depth", "Layers"),
    Field("patch", "Patch size in pixels"),
    Field("avatars", "Avatars"),
    Field("photos", "Stylised photos"),
    Field("d_base", "Channels of D", "", "more"),
    Field("precision", "Precision", "", "more"),
    Field("seed", "Seed", "", "more"),
    Field("keep", "Export", "", "more"),
    Field("limit", "Maximum pictures", "", "more"),
    Field("sample_every", "Sample every", "", "more"),
    Field("save_every", "Save every", "", "more"),
    Field("weight_decay", "Weight decay", "", "more"),
    Field("stylise", "Stylised share", "", "more"),
    Field("smoothing", "Label smoothing", "", "more"),
)
"""In the order of the page. Other settings can be entered in the box “All settings”."""

LR_OF_G = "Learning rate of g"
"""Label of `lr` if D has a learning rate too."""

DATA = "Data folder"
"""Label of the field for the folder of data packs."""

LETTERS = """Weights of the losses. <b>Constancy</b> (α, L<sub>CONST</sub>): f reads the same in s and G(s).
<b>Identity</b> (β, L<sub>TID</sub>): target pictures stay unchanged. <b>Smoothness</b> (γ, L<sub>TV</sub>): little
noise."""
"""Explanation of the paper's weights, as HTML."""

TUNABLE = ("alpha", "beta", "gamma", "lr", "lr_d", "seed")
"""Settings that may differ from a tiny preset if only tiny trainings are allowed: none that makes a run longer or
larger, and no path."""


def task_of(config: Config) -> str:
    """Return the key in `TASKS` of a configuration's task."""
    kind = kind_of(config)
    return kind if kind in TASKS else {"folder-classifier": "labelled"}.get(kind, "further")


def presets(task: str, tiny: bool = False) -> list[str]:
    """Return the names of a task's presets. tiny: only those that take seconds and read no folder of the server."""
    names = [name for name, config in PRESETS.items() if task_of(config) == task]
    return [name for name in names if name.endswith("-tiny") and task in PATHLESS] if tiny else names


PATHLESS = ("faces", "digits", "further")
"""Tasks that read no path on the server."""


def tasks(tiny: bool = False) -> dict[str, str]:
    """Return the tasks that have presets: key → label."""
    return {key: label for key, label in TASKS.items() if presets(key, tiny)}


def first_choice(task: str, gpu: bool, tiny: bool = False) -> str:
    """Return the default preset of a task: one for a GPU if there is one, else one for a CPU."""
    names = presets(task, tiny)
    for name in names:
        if name == task if gpu else name.endswith("-cpu"):
            return name
    return next((name for name in names if not name.endswith("-tiny")), names[0])


def about(name: str) -> str:
    """Describe a preset and how long it takes in one line."""
    config = PRESETS[name]
    return ABOUT.get(name, f"{config.steps:,} steps of {config.batch} pictures.")


def fields_of(config: Config) -> dict[str, Field]:
    """Return the fields that a kind of configuration has: name → field, in the page's order."""
    names = {field.name for field in fields(config)}
    if isinstance(config, EncoderTraining):
        names -= {"size"}  # a free number here, but a choice in other kinds
    used = {field.name: field for field in FIELDS if field.name in names}
    if "lr_d" in used:
        used["lr"] = used["lr"]._replace(label=LR_OF_G)
    return used


def hint_of(name: str) -> Any:
    """Return the type hint of a setting, the widest of all kinds of configurations."""
    kind = next(kind for kind in reversed(KINDS.values()) if any(field.name == name for field in fields(kind)))
    return typing.get_type_hints(kind)[name]


def choices(name: str) -> tuple[Any, ...] | None:
    """Return the values of a setting with a fixed set of them, else None."""
    hint = hint_of(name)
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else None


def plain_type(name: str) -> type:
    """Return the type of a field that isn't empty: bool, int, float or str."""
    hint = hint_of(name)
    if typing.get_origin(hint) is Literal:
        return type(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType):
        return next(option for option in typing.get_args(hint) if option is not type(None))
    return hint


def to_config(preset: str, values: Mapping[str, Any], extra: str = "", device: str = "auto") -> Config:
    """Return the configuration of a form.

    Args:
        preset: name of a preset.
        values: name of a setting → value of its field; overrides the preset.
        extra: text of the box "All settings"; overrides the fields.
        device: as in `config.Training`.

    Raises:
        UserError: if a value is invalid.
    """
    if preset not in PRESETS:
        raise UserError(f"there is no preset '{preset}'. Choose one from the list.")
    base = PRESETS[preset]
    changes = {name: _clean(field, values[name]) for name, field in fields_of(base).items() if name in values}
    config = from_dict({**to_dict(base), **changes, "device": device})
    return _with_extra(config, extra)


def _clean(field: Field, value: Any) -> Any:
    """Convert a field's value for the configuration; empty text becomes None."""
    optional = type(None) in typing.get_args(hint_of(field.name))
    if isinstance(value, str):
        value = (clean_path(value) if field.name in PICTURE_PATHS else value.strip()) or None
    if value is None and not optional:
        raise UserError(f"{field.label} ({field.name}) is empty. Fill it in.")
    if isinstance(value, float) and value.is_integer() and plain_type(field.name) is int:
        return int(value)
    return value


def _with_extra(config: Config, text: str) -> Config:
    """Apply the text of the box "All settings": key=value, separated by lines or commas, or a JSON object."""
    text = text.strip()
    if not text.startswith("{"):
        lines = [part.strip() for part in text.replace("\n", ",").split(",")]
        return parse_set(config, [line for line in lines if line])
    try:
        values = parse_json(text)
    except ValueError as error:
        raise UserError(f"all settings: not JSON ({error}). Enter key=value, one per line, or a JSON object.") from None
    return from_dict({**to_dict(config), **values})


def reads_data(config: Config) -> Literal["photos", "digits", "pack", ""]:
    """Return what a training reads from the data folder: "" for nothing.

    Photos and packs are required; digits are drawn if there is no folder.
    """
    if NEEDS[type(config)].data:
        return "photos"
    if isinstance(config, JudgeTraining):
        return "pack" if config.style in PACKS else ""
    return "digits" if isinstance(config, DigitsTransfer | ClassifierTraining) else ""


def check_sources(config: Config, data: str | None) -> None:
    """Raise UserError, naming the field to fill in, if the pictures of a training are missing. data: as in `Form`."""
    for name in NEEDS[type(config)].own_folders:
        if not getattr(config, name):
            label = fields_of(config)[name].label
            raise UserError(f"no pictures given. Enter a folder or zip in the field “{label}”.")
    wanted = reads_data(config)
    folder = data or os.environ.get("DTN_DATA")
    if not wanted or (wanted == "digits" and not folder):
        return
    if not folder or not Path(folder).is_dir():
        why = "this folder does not exist" if folder else "this training needs a data folder"
        raise UserError(f"{why}. Enter another one in the field “{DATA}”, or choose the task “{TASKS['digits']}”.")
    missing = [name for name in ("celeba.zip", "celeba_attributes.csv") if not Path(folder, name).is_file()]
    if wanted == "photos" and missing:
        raise UserError(f"the data folder lacks {' and '.join(missing)}. Enter another one in the field “{DATA}”.")
    if wanted == "digits" and not digits.files(Path(folder)):
        raise UserError(f"the data folder contains no digits (SVHN, MNIST). Enter another one in the field “{DATA}”.")


def check_tiny(config: Config) -> None:
    """Raise UserError if a configuration differs from every tiny preset in more than `TUNABLE`."""
    values = to_dict(config)
    for name in (name for task in TASKS for name in presets(task, tiny=True)):
        preset = to_dict(PRESETS[name])
        differ = {key for key in values | preset if values.get(key) != preset.get(key)}
        if differ <= {*TUNABLE, "device"}:
            return
    raise UserError(
        "only tiny trainings are allowed here: choose a preset ending in -tiny and keep its steps and size."
    )

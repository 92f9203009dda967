"""What there is to compute of a checkpoint, by what it is shown: each part is a function that is called once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...avatars import attributes as avatars
from ...avatars import styles
from ...avatars.choose import EXPRESSIONS, HAIR_READS, sigmoid
from ...config import FoldersTransfer, from_dict, upgrade
from ...core.errors import UserError
from ...core.images import to_float, to_rgb, to_tensor
from ...core.types import Image
from ...data import digits, folders, portraits, screen_print
from ...data.drawn_digits import draw_many
from ...data.portraits import UNKNOWN, Split
from ...networks import checkpoint
from ...networks.resnet import ATTRIBUTES, AttributeEncoder
from ...pipeline import model
from ...pipeline.model import Checkpoint
from ...training.feature_cache import read_folders
from .. import gallery, style_transfer
from .. import photos as held_out
from ..baselines import SEEDS
from ..digits import logits_of, rgb, transfer
from ..drawn.predictions import Portrayed, portray, portray_seen
from ..nets import batched, load_judge, over_grey, paint, style_of
from ..photos import Photos
from ..questions import Truth, hair_label, judge_scores, members
from .calibration import by_group
from .memorization import compared, nearest, pixels, plane

SHOWN = 300
"""Pictures of each domain on the map, and G(x) whose neighbours are sought."""

LEARNT = 3000
"""Pictures of t that g learnt from, among which neighbours are sought."""

PAIRS = 24
"""Free faces, or drawn numbers, of which the nearest picture of t is kept."""

Parts = dict[str, Callable[[], dict[str, Any]]]


@dataclass(frozen=True)
class Subject:
    """data: in words; n: how many of what; parts: reliability, neighbours, map, as far as they can be computed."""

    data: str
    n: dict[str, int]
    parts: Parts


def subject(directory: Path, data: Path | None, split: Split = "test", limit: int | None = None) -> Subject:
    """What can be computed of a checkpoint. data: folder of the packs; digits are drawn without one. Raises UserError
    where nothing can, or what is needed is missing."""
    info = checkpoint.read_config(directory)
    kind, encoder = info.get("kind"), info.get("encoder")
    if kind in checkpoint.TRANSLATIONS:
        trained = upgrade(info.get("trained") or {})
        if checkpoint.input_domain(info) == "digits":
            return _of_digits(model.load(directory), data, split, limit)
        if trained.get("kind") == "folders":
            return _of_folders(model.load(directory), trained, limit)
        faces = _Prints if trained.get("kind") == "style" else _Faces
        return faces(model.load(directory), _photos(data, split, limit), _folder(data), limit).subject()
    if kind == "encoder" and isinstance(encoder, dict):
        if str(encoder.get("name")).startswith("digits"):
            return _of_reader(checkpoint.load_encoder(directory), info, data, split, limit)
        f = checkpoint.load_encoder(directory)
        if isinstance(f, AttributeEncoder) and f.config["outputs"] == len(ATTRIBUTES):
            return _of_encoder(f, _photos(data, split, limit))
    raise UserError(
        f"{directory.name}: holds {kind or 'nothing known'!r}, of which there is nothing to compute here. "
        "Give a translation, such as emoji, or an encoder."
    )


def _folder(data: Path | None) -> Path:
    if data is None:
        raise UserError("no data folder: pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md).")
    return data


def _photos(data: Path | None, split: Split, limit: int | None) -> Photos:
    return held_out.labelled(_folder(data), split, limit)


# ── faces ───────────────────────────────────────────────────────────────────────────────────────────────────


TOLD_BY = (("male", "sex"), ("dark_skin", "group"), ("old", "age"))
"""Question and axis where the group is the answer."""

Told = dict[str, dict[str, NDArray[np.float64]]]
"""Set → question → (N,) probabilities of yes."""


def face_reliability(truth: dict[str, Truth], told: Told, by: str) -> dict[str, Any]:
    """`by_group` of every question that has labels. Hair: of the photos that show one of the four colours."""
    rows = {}
    wanted = hair_label(truth["celeba"])
    for which, questions in told.items():
        for name, p in questions.items():
            labels = truth[which].get(name)
            if name.startswith("hair_"):
                colour = name.removeprefix("hair_")
                labels = np.where(wanted == "", UNKNOWN, wanted == colour)
            if labels is None:
                continue
            axes = {axis: named for axis, named in members(truth[which]).items() if (name, axis) not in TOLD_BY}
            rows[name if name not in rows else f"{name} (UTKFace)"] = {"set": which, **by_group(labels, p, axes)}
    return {"by": by, "questions": rows}


def told_by_f(attributes: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """f's attributes as the questions of UTKFace."""
    dark = np.minimum(1, attributes["race_Black"] + attributes["race_Indian"])
    return {"dark_skin": dark, "old": attributes["age_60"], "male": attributes["Male"]}


class _Faces:
    """A translation of heads: photos, and a style's pictures."""

    def __init__(self, loaded: Checkpoint, photos: Photos, data: Path, limit: int | None) -> None:
        self.loaded, self.photos, self.data = loaded, photos, data
        self.style = style_of(loaded.info, loaded.name)
        self.shown, self.learnt = min(SHOWN, limit or SHOWN), min(LEARNT, 4 * (limit or LEARNT))

    def subject(self) -> Subject:
        n = {name: len(crops) for name, crops in self.photos.crops.items()}
        parts = {"reliability": self.reliability, "neighbours": self.neighbours, "map": self.map}
        return Subject(f"CelebA, UTKFace, {styles.STYLES[self.style].title}", n, parts)

    def reliability(self) -> dict[str, Any]:
        truth, predictor = self.photos.truth, self.loaded.predictor
        if predictor is None:
            return face_reliability(truth, self._judged(), "the judge of G(x)")
        seen = {name: self._portrayed(name) for name in ("celeba", "utkface")}
        told: Told = {"celeba": {}, "utkface": told_by_f(seen["utkface"].attributes)}
        for name, p in seen["celeba"].chances.items():
            told["celeba"][name.replace(":", "_")] = p
        told["celeba"] |= {name: seen["celeba"].attributes[a] for name, a in EXPRESSIONS.items()}
        return face_reliability(truth, told, "c")

    def _portrayed(self, name: str) -> Portrayed:
        predictor, crops = self.loaded.predictor, self.photos.crops[name]
        return portray_seen(predictor, batched(predictor.f, crops), ())

    def _judged(self) -> Told:
        style = styles.STYLES[self.style]
        judge, told = load_judge(style.judge), {}
        for name, asked in (("celeba", None), ("utkface", ("dark_skin", "male"))):
            logits = batched(judge, paint(self.loaded, self.photos.crops[name]))
            scores = judge_scores(logits, style.untold)
            scores.pop("old")
            kept = {k: v.astype(np.float64) for k, v in scores.items() if k in (asked or scores)}
            told[name] = {k: sigmoid(v) for k, v in kept.items()}
        return told

    def made(self, heads: Image) -> Tensor:
        """(N, S, S, 3) heads → (N, 3, 64, 64): painted, or drawn where there is no g."""
        if self.loaded.g is not None:
            return paint(self.loaded, heads)
        return portray(self.loaded.predictor, heads, ("sure",)).pictures("sure")

    @cached_property
    def targets(self) -> tuple[Tensor, Tensor]:
        """Pictures of t that g learnt from, and others that nothing learnt."""
        if self.style in styles.PACKS:
            learnt, unseen = styles.parts(self.style, self.data)
            return over_grey(learnt.pictures[: self.learnt]), over_grey(unseen.pictures[: self.shown])
        seeds = [*range(self.learnt), *range(SEEDS, SEEDS + self.shown)]
        drawn = over_grey(styles.draw(self.style, seeds, rates=avatars.RICH).pictures)
        return drawn[: self.learnt], drawn[self.learnt :]

    @cached_property
    def results(self) -> Tensor:
        return self.made(self.photos.crops["celeba"][: self.shown])

    def _z_t(self, pictures: Tensor) -> Tensor:
        return self.loaded.standardise_t(batched(self.loaded.f, pictures))

    def neighbours(self) -> dict[str, Any]:
        learnt, unseen = self.targets
        heads = [cv2.resize(head, (128, 128), interpolation=cv2.INTER_AREA) for head in gallery.free(PAIRS, 0)]
        pairs = self.made(np.stack(heads))
        distance, place = nearest(pixels(pairs), pixels(learnt))
        return {
            "n": {"made": len(self.results), "unseen": len(unseen), "learnt": len(learnt)},
            "pixels": compared(*map(pixels, (self.results, unseen, learnt))),
            "f": compared(*map(self._z_t, (self.results, unseen, learnt))),
            "pairs": {"seed": 0, "nearest": place.tolist(), "distance": [round(v, 4) for v in distance.tolist()]},
        }

    def map(self) -> dict[str, Any]:
        z_s = self.loaded.standardise_s(batched(self.loaded.f, self.photos.crops["celeba"][: self.shown]))
        return plane({"s": z_s, "t": self._z_t(self.targets[1]), "g": self._z_t(self.results)})


class _Prints(_Faces):
    """A style transfer: nothing reads the attributes of prints, and only the data folder can show its t."""

    def __init__(self, loaded: Checkpoint, photos: Photos, data: Path, limit: int | None) -> None:
        self.loaded, self.photos, self.data = loaded, photos, data
        self.shown, self.learnt = min(SHOWN, limit or SHOWN), min(LEARNT, 4 * (limit or LEARNT))

    def subject(self) -> Subject:
        parts = {"neighbours": self.neighbours, "map": self.map}
        return Subject("CelebA, stylised CelebA-HQ", {"celeba": len(self.photos.crops["celeba"])}, parts)

    @cached_property
    def targets(self) -> tuple[Tensor, Tensor]:
        """Prints that g learnt from, and of photos that nothing learnt."""
        config = style_transfer.config_of(self.loaded)
        inks = screen_print.read_inks(config.picture)
        learnt, unseen = (
            style_transfer.prints_of(style_transfer.heads_of(photos), inks, config.size)
            for photos in (
                portraits.celebahq(self.data, "train", (), min(self.learnt, config.photos)),
                portraits.celebahq(self.data, "test", (), self.shown),
            )
        )
        return learnt, unseen

    def neighbours(self) -> dict[str, Any]:
        found = super().neighbours()
        del found["pairs"]
        return found


def _of_encoder(f: AttributeEncoder, photos: Photos) -> Subject:
    """f alone: what it reads in photos."""

    def parts() -> dict[str, Any]:
        told: Told = {}
        for name in ("celeba", "utkface"):
            p = batched(lambda x: f.logits(f(x)).sigmoid(), photos.crops[name]).double().numpy()
            attributes = dict(zip(ATTRIBUTES, p.T))
            told[name] = told_by_f(attributes) if name == "utkface" else _named(attributes)
        return face_reliability(photos.truth, told, "f")

    n = {name: len(crops) for name, crops in photos.crops.items()}
    return Subject("CelebA, UTKFace", n, {"reliability": parts})


def _named(attributes: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """f's attributes as the questions of CelebA."""
    names = {"glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "male": "Male", **EXPRESSIONS}
    told = {name: attributes[attribute] for name, attribute in names.items()}
    told["beard"] = np.maximum(1 - attributes["No_Beard"], attributes["Mustache"])
    return told | {f"hair_{name}": attributes[attribute] for name, attribute in HAIR_READS.items()}


# ── digits ──────────────────────────────────────────────────────────────────────────────────────────────────


def digit_reliability(logits: Tensor, y: NDArray[np.int64]) -> dict[str, Any]:
    """Of the digit that is read: its probability against whether it is right, of all and of each digit."""
    p = logits.softmax(1).double()
    sure, read = (part.numpy() for part in p.max(1))
    return by_group(read == y, sure, {"digit": {str(d): y == d for d in range(10)}})


def _of_digits(loaded: Checkpoint, data: Path | None, split: Split, limit: int | None) -> Subject:
    """A translation of street numbers, and handwriting; the judge is the shipped one."""
    shown = min(SHOWN, limit or SHOWN)
    s, t = digits.svhn(data, split, limit), digits.mnist(data, "train", min(LEARNT, 4 * (limit or LEARNT)))
    unseen = rgb(digits.mnist(data, "test", shown))
    x, made = rgb(s), transfer(loaded, rgb(s))

    def reliability() -> dict[str, Any]:
        judge = checkpoint.load_encoder("digits-judge")
        rows = {
            "f reads s": {"set": s.source, **digit_reliability(logits_of(loaded.f, x), s.y)},
            "the judge reads G(s)": {"set": s.source, **digit_reliability(logits_of(judge, made), s.y)},
        }
        return {"by": "f and the judge", "questions": rows}

    def z(pictures: Tensor, standardise: nn.Module = loaded.standardise_t) -> Tensor:
        floats = to_float(pictures) if pictures.dtype == torch.uint8 else pictures
        return standardise(batched(lambda part: loaded.f(to_rgb(part)), floats))

    def neighbours() -> dict[str, Any]:
        learnt = rgb(t)
        drawn, _ = draw_many("street", 0, PAIRS)
        pairs = to_rgb(loaded.transfer(to_tensor(drawn)))
        small = [pixels(part) for part in (to_rgb(made[:shown]), to_float(unseen), to_float(learnt))]
        distance, place = nearest(pixels(pairs), small[2])
        return {
            "n": {"made": shown, "unseen": len(unseen), "learnt": len(learnt)},
            "pixels": compared(*small),
            "f": compared(z(made[:shown]), z(unseen), z(learnt)),
            "pairs": {"seed": 0, "nearest": place.tolist(), "distance": [round(v, 4) for v in distance.tolist()]},
        }

    def chart() -> dict[str, Any]:
        points = {"s": z(x[:shown], loaded.standardise_s), "t": z(unseen), "g": z(made[:shown])}
        return plane(points) | {"labels": {"s": s.y[:shown].tolist(), "g": s.y[:shown].tolist()}}

    parts: Parts = {"reliability": reliability, "neighbours": neighbours, "map": chart}
    return Subject(f"{s.source}, {t.source}", {"s": len(s.x), "t": len(t.x)}, parts)


def _of_reader(f: nn.Module, info: dict[str, Any], data: Path | None, split: Split, limit: int | None) -> Subject:
    """An f of digits or the judge, each on what it was made for, and an f on handwriting too."""
    of_s = (info.get("trained") or {}).get("domain", "svhn") == "svhn"
    read = {"handwriting": digits.mnist(data, "test", limit)}
    if of_s:
        read = {"street numbers": digits.svhn(data, split, limit), **read}

    def reliability() -> dict[str, Any]:
        rows = {k: {"set": v.source, **digit_reliability(logits_of(f, rgb(v)), v.y)} for k, v in read.items()}
        return {"by": "it", "questions": rows}

    sources = ", ".join(part.source for part in read.values())
    return Subject(sources, {k: len(v.x) for k, v in read.items()}, {"reliability": reliability})


# ── the user's own pictures ─────────────────────────────────────────────────────────────────────────────────


def _of_folders(loaded: Checkpoint, trained: dict[str, Any], limit: int | None) -> Subject:
    """A translation of the user's own folders, which carry no labels."""
    known = {key: trained[key] for key in ("kind", "s", "t", "heads", "size") if key in trained}
    config = from_dict(known | ({"limit": limit} if limit else {}))
    if not isinstance(config, FoldersTransfer):
        raise UserError(f"{loaded.name}: its settings aren't those of two folders. Train it again.")
    s, t = read_folders(config)
    (_, held_s), (learn_t, held_t) = folders.split(len(s.x)), folders.split(len(t.x))
    x, learnt, unseen = s.x[held_s][:SHOWN], *(_over_grey(t.x[part]) for part in (learn_t[:LEARNT], held_t[:SHOWN]))
    z_t = lambda pictures: loaded.standardise_t(batched(loaded.f, pictures))  # noqa: E731
    made = partial(paint, loaded, x)

    def neighbours() -> dict[str, Any]:
        return {
            "n": {"made": len(x), "unseen": len(unseen), "learnt": len(learnt)},
            "pixels": compared(*map(pixels, (made(), unseen, learnt))),
            "f": compared(*map(z_t, (made(), unseen, learnt))),
        }

    def chart() -> dict[str, Any]:
        z_s = loaded.standardise_s(batched(loaded.f, x))
        return plane({"s": z_s, "t": z_t(unseen), "g": z_t(made())})

    return Subject("own folders", {"s": len(s.x), "t": len(t.x)}, {"neighbours": neighbours, "map": chart})


def _over_grey(pictures: Image) -> Tensor:
    return to_tensor(pictures)[:, :3]

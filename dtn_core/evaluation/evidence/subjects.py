"""What can be computed of a checkpoint, by its input domain: each part is a function that is called once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...avatars import attributes as avatars
from ...avatars import rendering, styles
from ...avatars.choose import EXPRESSION_ATTRIBUTES, HAIR_ATTRIBUTES, sigmoid
from ...config import FoldersTransfer, Style, StyleTransfer, from_dict, upgrade
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
from ..baselines import FIRST_SEED
from ..digits import logits_of, rgb, transfer
from ..drawn.predictions import make_predictions, predict_avatars
from ..nets import batched, load_judge, over_grey, paint, style_of
from ..photos import Photos
from ..questions import Truth, hair_label, judge_scores, members
from .calibration import by_group
from .samples import LEARNT, MAX_SAMPLES, PAIRS, Samples

Parts = dict[str, Callable[[], dict[str, Any]]]

ANSWERED_BY_GROUP = (("male", "sex"), ("dark_skin", "group"), ("old", "age"))
"""(question, axis) pairs where belonging to a group is the answer."""

Probabilities = dict[str, dict[str, NDArray[np.float64]]]
"""Dataset → question → (N,) probabilities of yes."""


@dataclass(frozen=True)
class Subject:
    """What can be computed of a checkpoint.

    Attributes:
        data: Names of the datasets.
        n: Dataset or domain → how many pictures.
        parts: "reliability", "neighbours" and "map", as far as they can be computed → the function that does it.
    """

    data: str
    n: dict[str, int]
    parts: Parts


def subject(directory: Path, data: Path | None, split: Split = "test", limit: int | None = None) -> Subject:
    """Find out what can be computed of a checkpoint.

    Args:
        directory: The checkpoint's folder.
        data: Folder of the datasets; digits are drawn without one.
        split: Part of the datasets.
        limit: At most so many pictures of each dataset.

    Raises:
        UserError: Nothing can be computed, or data is missing.
    """
    info = checkpoint.read_config(directory)
    kind, encoder = info.get("kind"), info.get("encoder")
    if kind in checkpoint.TRANSLATIONS:
        return _of_translation(directory, info, data, split, limit)
    if kind == "encoder" and isinstance(encoder, dict):
        if str(encoder.get("name")).startswith("digits"):
            return _of_digit_encoder(checkpoint.load_encoder(directory), info, data, split, limit)
        f = checkpoint.load_encoder(directory)
        if isinstance(f, AttributeEncoder) and f.config["outputs"] == len(ATTRIBUTES):
            return _of_attribute_encoder(f, held_out.labelled(_required(data), split, limit))
    raise UserError(
        f"{directory.name}: holds {kind or 'nothing known'!r}, of which there is nothing to compute here. "
        "Give a translation, such as emoji, or an encoder."
    )


def _of_translation(
    directory: Path, info: dict[str, Any], data: Path | None, split: Split, limit: int | None
) -> Subject:
    loaded = model.load(directory)
    trained = upgrade(info.get("trained") or {})
    if checkpoint.input_domain(info) == "digits":
        return _of_digits(loaded, data, split, limit)
    if trained.get("kind") == "folders":
        return _of_folders(loaded, trained, limit)
    photos = held_out.labelled(_required(data), split, limit)
    if trained.get("kind") == "style":
        return _of_prints(loaded, photos, _required(data), limit)
    return _of_faces(loaded, photos, _required(data), limit)


def _required(data: Path | None) -> Path:
    if data is None:
        raise UserError("no data folder: pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md).")
    return data


def _counts(limit: int | None) -> tuple[int, int]:
    """Return how many pictures to show, and among how many training pictures to search for neighbours."""
    return min(MAX_SAMPLES, limit or MAX_SAMPLES), min(LEARNT, 4 * (limit or LEARNT))


# ── faces ───────────────────────────────────────────────────────────────────────────────────────────────────


def _of_faces(loaded: Checkpoint, photos: Photos, data: Path, limit: int | None) -> Subject:
    """A translation of faces into a style's avatars."""
    style = style_of(loaded.info, loaded.name)
    shown, n_learnt = _counts(limit)

    @cache
    def samples() -> Samples:
        heads = photos.crops["celeba"][:shown]
        learnt, unseen = _style_pictures(style, data, n_learnt, shown)
        return Samples(loaded, heads, _translate(loaded, heads), unseen, learnt)

    def reliability() -> dict[str, Any]:
        if loaded.predictor is None:
            return face_reliability(photos.truth, _judge_probabilities(loaded, photos, style), "the judge of G(x)")
        return face_reliability(photos.truth, _predictor_probabilities(loaded, photos), "c")

    def neighbours() -> dict[str, Any]:
        free = [
            cv2.resize(head, (128, 128), interpolation=cv2.INTER_AREA) for head in gallery.public_domain_heads(PAIRS, 0)
        ]
        return {**samples().neighbours(), "pairs": samples().pairs(_translate(loaded, np.stack(free)))}

    n = {name: len(crops) for name, crops in photos.crops.items()}
    parts: Parts = {"reliability": reliability, "neighbours": neighbours, "map": lambda: samples().map()}
    return Subject(f"CelebA, UTKFace, {styles.STYLES[style].title}", n, parts)


def _of_prints(loaded: Checkpoint, photos: Photos, data: Path, limit: int | None) -> Subject:
    """A style transfer: no judge reads the attributes of prints, and free faces aren't paired with them."""
    shown, n_learnt = _counts(limit)

    @cache
    def samples() -> Samples:
        config = style_transfer.config_of(loaded)
        heads = photos.crops["celeba"][:shown]
        learnt = _prints(config, portraits.celebahq(data, "train", (), min(n_learnt, config.photos)))
        unseen = _prints(config, portraits.celebahq(data, "test", (), shown))
        return Samples(loaded, heads, _translate(loaded, heads), unseen, learnt)

    parts: Parts = {"neighbours": lambda: samples().neighbours(), "map": lambda: samples().map()}
    return Subject("CelebA, stylised CelebA-HQ", {"celeba": len(photos.crops["celeba"])}, parts)


def _of_attribute_encoder(f: AttributeEncoder, photos: Photos) -> Subject:
    """An f of faces: what it reads in photos."""

    def reliability() -> dict[str, Any]:
        attributes = {}
        for name in ("celeba", "utkface"):
            p = batched(lambda x: f.logits(f(x)).sigmoid(), photos.crops[name]).double().numpy()
            attributes[name] = dict(zip(ATTRIBUTES, p.T))
        probabilities = {
            "celeba": _celeba_questions(attributes["celeba"]),
            "utkface": _utkface_questions(attributes["utkface"]),
        }
        return face_reliability(photos.truth, probabilities, "f")

    n = {name: len(crops) for name, crops in photos.crops.items()}
    return Subject("CelebA, UTKFace", n, {"reliability": reliability})


def face_reliability(truth: dict[str, Truth], probabilities: Probabilities, by: str) -> dict[str, Any]:
    """Compute `by_group` of every question that has labels.

    Hair colours are asked of the photos that show exactly one of the four.

    Args:
        truth: Dataset → labels.
        probabilities: Dataset → question → probabilities.
        by: Whose probabilities they are.
    """
    rows = {}
    hair = hair_label(truth["celeba"])
    for dataset, questions in probabilities.items():
        for name, p in questions.items():
            labels = truth[dataset].get(name)
            if name.startswith("hair_"):
                labels = np.where(hair == "", UNKNOWN, hair == name.removeprefix("hair_"))
            if labels is None:
                continue
            axes = members(truth[dataset])
            axes = {axis: groups for axis, groups in axes.items() if (name, axis) not in ANSWERED_BY_GROUP}
            key = f"{name} (UTKFace)" if name in rows else name
            rows[key] = {"set": dataset, **by_group(labels, p, axes)}
    return {"by": by, "questions": rows}


def _predictor_probabilities(loaded: Checkpoint, photos: Photos) -> Probabilities:
    """Return c's probabilities on CelebA, and f's on UTKFace and of expressions."""
    predictor = loaded.predictor
    celeba, utkface = (
        make_predictions(predictor, batched(predictor.f, photos.crops[name]), ()) for name in ("celeba", "utkface")
    )
    asked = {name.replace(":", "_"): p for name, p in celeba.chances.items()}
    asked |= {name: celeba.attributes[attribute] for name, attribute in EXPRESSION_ATTRIBUTES.items()}
    return {"celeba": asked, "utkface": _utkface_questions(utkface.attributes)}


def _judge_probabilities(loaded: Checkpoint, photos: Photos, style: Style) -> Probabilities:
    """Return the judge's probabilities on what is painted."""
    record = styles.STYLES[style]
    judge = load_judge(record.judge)
    probabilities: Probabilities = {}
    for dataset, asked in (("celeba", None), ("utkface", ("dark_skin", "male"))):
        logits = batched(judge, paint(loaded, photos.crops[dataset]))
        scores = judge_scores(logits, record.unlabelled)
        del scores["old"]
        names = [name for name in scores if asked is None or name in asked]
        probabilities[dataset] = {name: sigmoid(scores[name].astype(np.float64)) for name in names}
    return probabilities


def _celeba_questions(attributes: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return f's attributes as the questions of CelebA."""
    names = {"glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "male": "Male", **EXPRESSION_ATTRIBUTES}
    questions = {name: attributes[attribute] for name, attribute in names.items()}
    questions["beard"] = np.maximum(1 - attributes["No_Beard"], attributes["Mustache"])
    return questions | {f"hair_{name}": attributes[attribute] for name, attribute in HAIR_ATTRIBUTES.items()}


def _utkface_questions(attributes: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return f's attributes as the questions of UTKFace."""
    dark = np.minimum(1, attributes["race_Black"] + attributes["race_Indian"])
    return {"dark_skin": dark, "old": attributes["age_60"], "male": attributes["Male"]}


def _translate(loaded: Checkpoint, heads: Image) -> Tensor:
    """(N, S, S, 3) heads → (N, 3, 64, 64): painted, or drawn where there is no g."""
    if loaded.g is not None:
        return paint(loaded, heads)
    return predict_avatars(loaded.predictor, heads, ("sure",)).pictures("sure")


def _style_pictures(style: Style, data: Path, n_learnt: int, n_unseen: int) -> tuple[Tensor, Tensor]:
    """Return pictures of a style that g learnt from, and others that nothing learnt."""
    if style in styles.PACKS:
        learnt, unseen = rendering.split_pack(style, data)
        return over_grey(learnt.pictures[:n_learnt]), over_grey(unseen.pictures[:n_unseen])
    seeds = [*range(n_learnt), *range(FIRST_SEED, FIRST_SEED + n_unseen)]
    pictures = over_grey(rendering.draw(style, seeds, rates=avatars.ENRICHED_RATES).pictures)
    return pictures[:n_learnt], pictures[n_learnt:]


def _prints(config: StyleTransfer, photos: portraits.Portraits) -> Tensor:
    inks = screen_print.read_inks(config.picture)
    return style_transfer.prints_of(style_transfer.heads_of(photos), inks, config.size)


# ── digits ──────────────────────────────────────────────────────────────────────────────────────────────────


def digit_reliability(logits: Tensor, y: NDArray[np.int64]) -> dict[str, Any]:
    """Compute `by_group` of the read digit's probability, over all pictures and for each digit."""
    confidence, digit = (part.numpy() for part in logits.softmax(1).double().max(1))
    return by_group(digit == y, confidence, {"digit": {str(d): y == d for d in range(10)}})


def _of_digits(loaded: Checkpoint, data: Path | None, split: Split, limit: int | None) -> Subject:
    """A translation of street numbers into handwriting; the judge is the shipped one."""
    shown, n_learnt = _counts(limit)
    s = digits.svhn(data, split, limit)
    t = digits.mnist(data, "train", n_learnt)
    unseen = digits.mnist(data, "test", shown)
    x = rgb(s)

    @cache
    def translated() -> Tensor:
        return transfer(loaded, x)

    @cache
    def samples() -> Samples:
        shown_s, unseen_t, learnt_t = (to_float(part) for part in (x[:shown], rgb(unseen), rgb(t)))
        return Samples(loaded, shown_s, to_rgb(translated()[:shown]), unseen_t, learnt_t)

    def reliability() -> dict[str, Any]:
        judge = checkpoint.load_encoder("digits-judge")
        rows = {
            "f reads s": {"set": s.source, **digit_reliability(logits_of(loaded.f, x), s.y)},
            "the judge reads G(s)": {"set": s.source, **digit_reliability(logits_of(judge, translated()), s.y)},
        }
        return {"by": "f and the judge", "questions": rows}

    def neighbours() -> dict[str, Any]:
        drawn, _ = draw_many("street", 0, PAIRS)
        pairs = samples().pairs(to_rgb(loaded.transfer(to_tensor(drawn))))
        return {**samples().neighbours(), "pairs": pairs}

    def feature_map() -> dict[str, Any]:
        labels = s.y[:shown].tolist()
        return {**samples().map(), "labels": {"s": labels, "g": labels}}

    parts: Parts = {"reliability": reliability, "neighbours": neighbours, "map": feature_map}
    return Subject(f"{s.source}, {t.source}", {"s": len(s.x), "t": len(t.x)}, parts)


def _of_digit_encoder(
    f: nn.Module, info: dict[str, Any], data: Path | None, split: Split, limit: int | None
) -> Subject:
    """An f of digits, or a judge: on street numbers if it learnt them, and on handwriting."""
    datasets = {}
    if (info.get("trained") or {}).get("domain", "svhn") == "svhn":
        datasets["street numbers"] = digits.svhn(data, split, limit)
    datasets["handwriting"] = digits.mnist(data, "test", limit)

    def reliability() -> dict[str, Any]:
        rows = {
            name: {"set": part.source, **digit_reliability(logits_of(f, rgb(part)), part.y)}
            for name, part in datasets.items()
        }
        return {"by": "it", "questions": rows}

    sources = ", ".join(part.source for part in datasets.values())
    return Subject(sources, {name: len(part.x) for name, part in datasets.items()}, {"reliability": reliability})


# ── the user's own pictures ─────────────────────────────────────────────────────────────────────────────────


def _of_folders(loaded: Checkpoint, trained: dict[str, Any], limit: int | None) -> Subject:
    """A translation of the user's own folders, which have no labels."""
    known = {key: trained[key] for key in ("kind", "s", "t", "heads", "size") if key in trained}
    config = from_dict(known | ({"limit": limit} if limit else {}))
    if not isinstance(config, FoldersTransfer):
        raise UserError(f"{loaded.name}: its settings aren't those of two folders. Train it again.")
    s, t = read_folders(config)
    _, held_s = folders.split(len(s.x))
    learnt_t, held_t = folders.split(len(t.x))

    @cache
    def samples() -> Samples:
        x = s.x[held_s][:MAX_SAMPLES]
        learnt, unseen = (to_tensor(t.x[part])[:, :3] for part in (learnt_t[:LEARNT], held_t[:MAX_SAMPLES]))
        return Samples(loaded, x, paint(loaded, x), unseen, learnt)

    parts: Parts = {"neighbours": lambda: samples().neighbours(), "map": lambda: samples().map()}
    return Subject("own folders", {"s": len(s.x), "t": len(t.x)}, parts)

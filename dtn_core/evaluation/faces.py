"""How well faces become emoji, on held-out photos of CelebA and UTKFace and on LFW's pairs: does G(x) show the person's
attributes, can the person be found again, is it drawn cleanly, does f stay the same, and for whom is it worse?

The photos' labels are used for nothing else here; the judge (`networks.judge`) has seen rendered avatars only.
Beside each checkpoint: a random avatar, the avatar whose f is nearest, and a supervised ceiling (`matching_avatars`).
The avatars are of the checkpoint's style, and so is the judge. What a style can't show, or its pack doesn't tell
(`styles.UNTOLD`), isn't asked, so means of different styles can't be compared.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import checkpoint, images
from ..checkpoint import Checkpoint
from ..config import Style
from ..domains import avatars, portraits, styles
from ..domains.avatars import Attributes
from ..domains.portraits import UNKNOWN, Split
from ..domains.styles import Drawn
from ..metrics import auc, balanced_accuracy, mean_pairwise_distance
from ..networks.encoders import ATTRIBUTES, CELEBA, AttributeEncoder, DlibEncoder, Standardise
from ..networks.generator import FromPicture
from ..networks.judge import JUDGED, Judge
from .cleanliness import cleanliness, looks
from .retrieval import chance, pairs, retrieval

TOLD = {
    "glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "beard": "No_Beard", "male": "Male",
    "hair_black": "Black_Hair", "hair_brown": "Brown_Hair", "hair_blond": "Blond_Hair", "hair_grey": "Gray_Hair",
}  # fmt: skip
"""Judged attribute → CelebA's. No_Beard is turned round."""

HAIR = ("hair_black", "hair_brown", "hair_blond", "hair_grey")

QUESTIONS = {
    "celeba": {**{name: (name,) for name in ("glasses", "bald", "hat", "beard", "male")}, "hair": HAIR},
    "utkface": {name: (name,) for name in ("dark_skin", "old", "male")},
}
"""Set → what is asked of G(x) there → the attributes whose mean answers it."""

EIGHT = (*(("celeba", name) for name in QUESTIONS["celeba"]), ("utkface", "dark_skin"), ("utkface", "old"))
"""The questions whose mean balanced accuracy is the one number of a translation."""

GROUPS = ("White", "Black", "Asian", "Indian", "others")
"""UTKFace's, in the order of its numbers. dark_skin: Black and Indian against White and Asian; others are left out."""

AGES = {"0-12": 0, "13-29": 13, "30-44": 30, "45-59": 45, "60+": 60}
"""Band → its first year. old: the last band; G(x) says so by grey hair or a bald head."""

FEWEST = 5
"""A label that fewer people of a group have says nothing of the group."""

JUDGES: dict[Style, str] = {
    "avataaars": "judge",
    "toon-head": "judge-toon-head",
    "cartoon-set": "judge-cartoon-set",
}
"""The shipped judge of each style."""

SEEDS = 50_000_000
"""Seeds of the avatars used here start at this; training never draws from there."""
_CLEAN, _MATCHING = SEEDS + 200_000, SEEDS + 400_000  # what cleanliness is compared with; what the ceiling picks from

CEILING, NEAREST, RANDOM = "supervised_ceiling", "nearest_avatar", "random_avatar"
BASELINES = {NEAREST: "nearest avatar", RANDOM: "random avatar", CEILING: "supervised ceiling"}

Truth = dict[str, NDArray[np.float32]]
"""Attribute → (N,) of 0, 1 or `UNKNOWN`; or its scores, above 0 meaning yes, without those that can't be asked."""


def evaluate(
    name: str,
    data: Path,
    judge: str | None = None,
    split: Split = "test",
    limit: int | None = None,
    avatars_n: int = 6000,
    compare: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a checkpoint as a JSON-ready dictionary, with n, seeds and hashes.

    judge: None for the shipped one of the checkpoint's style; limit: at most so many photos of a set, and fewer
    avatars; avatars_n: pool of the baselines; compare: further checkpoints of the same style, measured beside it. The
    figures under "measure" are the rows of all tables but the first.

    Of a drawn style, pool and reference are drawn for this alone, thousands of each. Of one that comes as a pack, the
    pool, and what the ceiling picks from, are the pictures that g and the judge learnt; cleanliness is compared with
    its last `styles.HELD_OUT`, which neither has seen, and with so few is noisier.
    Raises ValueError for what is missing, is no translation of faces, or is of another style.
    """
    if len({name, *compare}) <= len(compare) or {name, *compare} & set(BASELINES):
        raise ValueError("--compare: name every checkpoint once, and none as a baseline is named.")
    loaded = {given: _translation(given) for given in (name, *compare)}
    first = loaded[name]
    style = style_of(first.info, name)
    for given, other in loaded.items():
        if (drawn := style_of(other.info, given)) != style:
            raise ValueError(f"--compare {given}: draws {drawn}, but {name} draws {style}. Compare within one style.")
    judge = judge or JUDGES[style]
    tell, info = load_judge(judge), checkpoint.read_config(checkpoint.find(judge))
    if (judged := style_of(info, judge)) != style:
        raise ValueError(f"{judge}: judges {judged}, but {name} draws {style}. Use {JUDGES[style]}.")
    untold = styles.UNTOLD[style]
    sets = {"celeba": _celeba(data, split, limit), "utkface": portraits.utkface(data, split, (), limit)}
    for which, photos in sets.items():
        if not len(photos):
            raise ValueError(f"{which}.zip: no pictures of the {split} part. Raise --limit or get the pack again.")
    truth = {"celeba": _celeba_truth(sets["celeba"]), "utkface": utkface_truth(sets["utkface"].names)}
    crops = {k: np.stack([portraits.head_crop(p, v.eyes, 128) for p in v.pictures]) for k, v in sets.items()}
    people = pairs(data, split, limit)
    if people:
        crops["pairs"] = people.queries
    pool_n, clean_n = (avatars_n, 2000) if limit is None else (min(avatars_n, 10 * limit), min(2000, 4 * limit))
    learnt, unseen = _drawn(style, data, pool_n, clean_n)
    pool, clean = (images.to_tensor(part.pictures)[:, :3].contiguous() for part in (learnt, unseen))
    reference, others = (looks(tell, part) for part in clean.chunk(2))

    against = Against(truth, crops, people.targets if people else None, tell, pool, reference, seed, untold)
    z_first = {k: first.standardise_s(seen(first.f, v)) for k, v in crops.items()}
    logits, rows = {}, {}
    for row, ckpt, pictures in _translations(loaded, first, crops, z_first, pool, data, seed, learnt):
        heard = ckpt or first
        z = z_first["celeba"] if heard is first else heard.standardise_s(seen(heard.f, crops["celeba"]))
        logits[row], measured = against.measure(pictures)
        rows[row] = {
            "hash": ckpt.hash if ckpt else None,
            "emphasis": ckpt.emphasis if ckpt else None,
            "dlib_is_in_f": bool(ckpt) and any(isinstance(m, DlibEncoder) for m in ckpt.f.modules()),
            **measured,
            "f_constancy": _distance(heard.standardise_t(batched(heard.f, pictures["celeba"])), z),
        }
        del pictures
    old = {"dtn": name, NEAREST: NEAREST, RANDOM: RANDOM}
    nine = np.stack([truth["celeba"][f"only_{a}" if a == "beard" else a] for a in TOLD], 1)
    n = {k: len(v) for k, v in crops.items()}
    return {
        "checkpoint": first.name,
        "style": style,
        "hash": first.hash,
        "emphasis": first.emphasis,
        "judge_hash": checkpoint.weights_hash(checkpoint.find(judge)),
        "judge_balanced_accuracy_on_held_out_avatars": info["trained"]["balanced_accuracy_on_held_out_avatars"],
        "data": {"set": "CelebA", "split": split, "n": n["celeba"], "positives": _positives(nine)},
        "seed": seed,
        "avatar_pool": len(pool),
        **{key: agreement(nine, logits[row], untold) for key, row in old.items()},
        "diversity": {
            "dtn": rows[name]["diversity"],
            "avatars": round(against.spread, 4),
            "share": rows[name]["diversity_share"],
        },
        "f_constancy": {key: rows[row]["f_constancy"] for key, row in old.items()},
        "measure": {
            "n": {**n, "gallery": 0 if against.gallery is None else len(against.gallery)},
            "pairs_without_a_face": people.missed if people else None,
            "avatars_compared_with": len(reference[0]),
            "rows": rows,
            "real_avatars": {"cleanliness": cleanliness(others, reference, seed)},
            "photo_itself": against.found(against.photos["pairs"]) if people else None,
            "chance": chance(len(against.gallery)) if people else None,
        },
    }


class Against:
    """What every translation is held against: the labels, the gallery of photos, rendered avatars.

    truth: set → labels; crops: set → (N, 128, 128, 3) photos; targets: further photos of those in "pairs", or None;
    pool: (M, 3, 64, 64) avatars, whose statistics are those of t; reference: `looks` of other avatars; untold: what
    the judge can't be asked.
    """

    def __init__(
        self,
        truth: dict[str, Truth],
        crops: dict[str, NDArray[np.uint8]],
        targets: NDArray[np.uint8] | None,
        judge: Judge,
        pool: Tensor,
        reference: tuple[Tensor, Tensor],
        seed: int,
        untold: Sequence[str] = (),
    ) -> None:
        self.truth, self.judge, self.reference, self.seed = truth, judge, reference, seed
        self.untold = untold
        self.spread = mean_pairwise_distance(images.to_images(pool))
        # dlib's embedding: what identity is found by, and an f that g never heard (unless its f holds it).
        self.dlib = DlibEncoder().eval().requires_grad_(False)
        self.to_t = Standardise.of(batched(self.dlib, pool[:1000]))
        raw = {k: seen(self.dlib, v) for k, v in crops.items()}
        photos = torch.cat([*([] if targets is None else [seen(self.dlib, targets)]), raw["celeba"], raw["utkface"]])
        to_s = Standardise.of(photos)
        self.photos = {k: to_s(v) for k, v in raw.items()}
        self.gallery = None if targets is None else to_s(photos)

    def found(self, queries: Tensor) -> dict[str, Any] | None:
        """Retrieval by (Q, 128) standardised embeddings of the people in "pairs"; None without a gallery."""
        return None if self.gallery is None else retrieval(queries, self.gallery)

    def measure(self, pictures: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        """The judge's logits on CelebA and all figures of a translation that needn't know its f; pictures: set →
        (N, 3, 64, 64) in the photos' places."""
        judged = {k: batched(self.judge, pictures[k]) for k in self.truth}
        said = {k: scores(v, self.untold) for k, v in judged.items()}
        z = {k: self.to_t(batched(self.dlib, v)) for k, v in pictures.items() if k != "utkface"}
        spread = mean_pairwise_distance(images.to_images(pictures["celeba"]), seed=self.seed)
        return judged["celeba"], {
            "agreement": answers(self.truth, said),
            "people": by_people(self.truth, said),
            "retrieval": self.found(z["pairs"]) if "pairs" in z else None,
            "cleanliness": cleanliness(looks(self.judge, pictures["celeba"]), self.reference, self.seed),
            "diversity": round(spread, 4),
            "diversity_share": round(spread / self.spread, 3),
            "dlib_constancy": _distance(z["celeba"], self.photos["celeba"]),
        }


def style_of(info: dict[str, Any], name: str) -> Style:
    """The style that a checkpoint draws or judges, by its config.json; older ones name none and are of avataaars.
    Raises ValueError if it is unknown."""
    style = info.get("trained", {}).get("style", "avataaars")
    if style not in get_args(Style):
        raise ValueError(f"{name}: style {style!r} is unknown. Update DTN Studio.")
    return style


def _drawn(style: Style, data: Path, pool: int, clean: int) -> tuple[Drawn, Drawn]:
    """At most so many pictures of a style for the baselines, and others that nothing has learnt."""
    if style in styles.PACKS:
        learnt, held_out = styles.parts(style, data)
        return learnt.part(0, pool), held_out.part(0, clean)
    drawn = styles.draw(style, [*range(SEEDS, SEEDS + pool), *range(_CLEAN, _CLEAN + clean)])
    return drawn.part(0, pool), drawn.part(pool)


def _translation(given: str) -> Checkpoint:
    """A checkpoint that makes emoji of heads. Raises ValueError if it makes anything else."""
    loaded = checkpoint.load(given)
    try:
        shape = tuple(loaded.transfer(torch.zeros(1, 3, 128, 128)).shape[1:])
    except RuntimeError:  # an f or a g that takes pictures of one size only
        shape = ()
    if shape not in ((3, 64, 64), (4, 64, 64)):
        raise ValueError(f"{given}: doesn't make 64×64 emoji of faces. Choose a checkpoint that does.")
    return loaded


def _translations(
    loaded: dict[str, Checkpoint],
    first: Checkpoint,
    crops: dict[str, NDArray[np.uint8]],
    z_first: dict[str, Tensor],
    pool: Tensor,
    data: Path,
    seed: int,
    learnt: Drawn,
) -> Iterator[tuple[str, Checkpoint | None, dict[str, Tensor]]]:
    """Every row of the tables: its name, its checkpoint if it is one, and for each set the (N, 3, 64, 64) pictures it
    puts in the photos' place. One at a time, so that memory holds one."""
    for given, ckpt in loaded.items():
        if isinstance(ckpt.g, FromPicture):
            yield given, ckpt, {k: seen(ckpt.g, v)[:, :3] for k, v in crops.items()}
        else:
            heard = z_first if ckpt is first else {k: ckpt.standardise_s(seen(ckpt.f, v)) for k, v in crops.items()}
            yield given, ckpt, {k: generate(ckpt, z)[:, :3] for k, z in heard.items()}
    z_pool = first.standardise_t(batched(first.f, pool))
    nearest = {k: torch.cat([torch.cdist(p, z_pool).argmin(1) for p in z.split(256)]) for k, z in z_first.items()}
    yield NEAREST, None, {k: pool[index] for k, index in nearest.items()}
    rng = np.random.default_rng(seed)
    yield RANDOM, None, {k: pool[rng.integers(0, len(pool), len(v))] for k, v in crops.items()}
    f = attribute_encoder(first)
    limits = base_rates(data)
    wanted = {k: wants(f.logits(seen(f, v)), limits) for k, v in crops.items()}
    style = style_of(first.info, first.name)
    among = learnt if style in styles.PACKS else None
    count = min(4000, len(pool))
    yield CEILING, None, {k: matching_avatars(v, seed, count, style, among) for k, v in wanted.items()}


# --- labels and answers ---------------------------------------------------------------------------------------


def _celeba(data: Path, split: Split, limit: int | None) -> portraits.Portraits:
    return portraits.celeba(data, split, (*TOLD.values(), "Mustache"), limit)


def _celeba_truth(photos: portraits.Portraits) -> Truth:
    """CelebA's labels as the judge names them. beard: a beard or a moustache, as in the avatars; only_beard: as the
    first table has it."""
    columns = dict(zip((*TOLD.values(), "Mustache"), photos.labels.T))
    truth = {name: columns[label].copy() for name, label in TOLD.items()}
    truth["only_beard"] = 1 - columns["No_Beard"]
    truth["beard"] = np.maximum(truth["only_beard"], columns["Mustache"])
    return truth


def utkface_truth(names: Sequence[str]) -> Truth:
    """Labels from file names ``age_sex_group_…``, and among them the numbers themselves: age, group."""
    age, sex, group = np.array([[int(v) for v in name.split("_")[:3]] for name in names], np.float32).T
    dark = np.where(group >= len(GROUPS) - 1, UNKNOWN, np.isin(group, (1, 3))).astype(np.float32)
    old = (age >= AGES["60+"]).astype(np.float32)
    return {"dark_skin": dark, "old": old, "male": (sex == 0).astype(np.float32), "age": age, "group": group}


def scores(logits: Tensor, untold: Sequence[str] = ()) -> Truth:
    """(N, len(JUDGED)) logits of the judge → each attribute's but the untold ones', and old: the surer of grey hair and
    a bald head."""
    said = dict(zip(JUDGED, logits.numpy().T))
    told = {name: values for name, values in said.items() if name not in untold}
    return {**told, "old": np.maximum(said["hair_grey"], said["bald"])}


def answers(truth: dict[str, Truth], said: dict[str, Truth]) -> dict[str, Any]:
    """AUC and balanced accuracy of `EIGHT` questions and their means. None where only one class is there or nothing is
    said; the means are over what is known."""
    rows: dict[str, Any] = {}
    for which, question in EIGHT:
        attributes = QUESTIONS[which][question]
        both = []
        for a in attributes:
            known = truth[which][a] != UNKNOWN
            y = truth[which][a][known]
            figures: tuple[float | None, float | None] = (None, None)
            if a in said[which]:
                s = said[which][a][known]
                figures = (auc(y, s), balanced_accuracy(y, s > 0))
            both.append((*figures, int(y.sum()), len(y)))
        rows[question] = {
            "auc": _mean([b[0] for b in both]),
            "balanced_accuracy": _mean([b[1] for b in both]),
            "positives": sum(b[2] for b in both),
            "n": both[0][3],
        }
    means = {k: _mean([row[k] for row in rows.values()]) for k in ("auc", "balanced_accuracy")}
    return {**means, "questions": rows}


def by_people(truth: dict[str, Truth], said: dict[str, Truth]) -> dict[str, Any]:
    """How well G(x) shows the people of each group: sex (CelebA), UTKFace's groups, age.

    agreement: the mean, over what is asked of the set, of the share judged right, mean over the labels (yes, no) that
    at least `FEWEST` of the group have; same_labels: what everybody with these labels gets, so their difference isn't
    for a label's being hard; average: of the groups; largest_gap: how far the worst group falls below it.
    """
    male, age, group = truth["celeba"]["male"], truth["utkface"]["age"], truth["utkface"]["group"]
    edges = [*AGES.values(), np.inf]
    axes = {
        "sex": ("celeba", {"female": male == 0, "male": male == 1}),
        "group": ("utkface", {name: group == i for i, name in enumerate(GROUPS)}),
        "age": ("utkface", {name: (age >= a) & (age < b) for name, a, b in zip(AGES, edges, edges[1:])}),
    }
    result: dict[str, Any] = {}
    for axis, (which, members) in axes.items():
        groups = {name: _group(truth[which], said[which], QUESTIONS[which], who) for name, who in members.items()}
        known = {name: g["agreement"] for name, g in groups.items() if g["agreement"] is not None}
        average = _mean(list(known.values()))
        worst = min(known, key=known.__getitem__, default=None)
        gap = {"group": worst, "gap": round(average - known[worst], 4)} if worst else None
        result[axis] = {"set": which, "groups": groups, "average": average, "largest_gap": gap}
    return result


def _group(truth: Truth, said: Truth, questions: dict[str, tuple[str, ...]], who: NDArray[np.bool_]) -> dict[str, Any]:
    theirs, everyones = [], []
    for attributes in questions.values():
        answers = []
        for a in (a for a in attributes if a in said):
            cells = [(truth[a] == label, (said[a] > 0) == label) for label in (0, 1)]
            told = [
                (right[mask & who].mean(), right[mask].mean()) for mask, right in cells if (mask & who).sum() >= FEWEST
            ]
            if told:
                answers.append(np.mean(told, axis=0))
        if answers:
            mine, all_of_them = np.mean(answers, axis=0)
            theirs.append(float(mine))
            everyones.append(float(all_of_them))
    return {"n": int(who.sum()), "agreement": _mean(theirs), "same_labels": _mean(everyones)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None and np.isfinite(v)]
    return round(float(np.mean(known)), 4) if known else None


def _distance(a: Tensor, b: Tensor) -> float:
    return round(float((a - b).square().mean()), 4)


def _positives(labels: NDArray[np.float32]) -> dict[str, int]:
    return {name: int(labels[:, i].sum()) for i, name in enumerate(TOLD)}


def agreement(labels: NDArray[np.float32], judged: Tensor, untold: Sequence[str] = ()) -> dict[str, Any]:
    """AUC and balanced accuracy of the judge's (N, len(JUDGED)) logits against (N, len(TOLD)) labels, each
    attribute and their means; None for untold ones and where only one class is there."""
    rows: dict[str, dict[str, float | None]] = {}
    for i, name in enumerate(TOLD):
        if name in untold:
            rows[name] = {"auc": None, "balanced_accuracy": None}
            continue
        s = judged[:, JUDGED.index(name)].numpy()
        rows[name] = {
            "auc": _mean([auc(labels[:, i], s)]),
            "balanced_accuracy": _mean([balanced_accuracy(labels[:, i], s > 0)]),
        }
    means = {k: _mean([row[k] for row in rows.values()]) for k in ("auc", "balanced_accuracy")}
    return {**means, "attributes": rows}


# --- the ceiling: attributes told by f, drawn by the artist ----------------------------------------------------

WANTED = ("glasses", "bald", "hat", "beard", "male", *HAIR, "dark_skin", "old")
"""What the ceiling reads off the photo and looks for in an avatar."""


def attribute_encoder(loaded: Checkpoint) -> AttributeEncoder:
    """The part of f that tells the named attributes, or the shipped encoder where f has none."""
    for module in loaded.f.modules():
        if isinstance(module, AttributeEncoder) and module.config["outputs"] == len(ATTRIBUTES):
            return module
    return checkpoint.load_encoder("encoder")


def base_rates(data: Path) -> NDArray[np.float64]:
    """(len(WANTED),) shares of the training photos that have each: the thresholds at which telling an attribute is
    best in balanced accuracy."""
    with (data / "celeba_attributes.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if portraits.split_of(r["file"]) == "train"]
    celeba = {a: np.mean([float(r[a]) for r in rows]) for a in CELEBA}
    with zipfile.ZipFile(data / "utkface.zip") as pack:
        names = [n for n in pack.namelist() if portraits.split_of(n) == "train" and len(n.split("_")) == 4]
    told = utkface_truth(names)
    dark = told["dark_skin"][told["dark_skin"] != UNKNOWN].mean()
    return np.array([*_as_wanted(celeba), dark, told["old"].mean()], np.float64)


def _as_wanted(celeba: dict[str, Any]) -> list[Any]:
    """CelebA's chances or shares in the order of `WANTED`."""
    return [1 - celeba[label] if label == "No_Beard" else celeba[label] for label in TOLD.values()]


def wants(logits: Tensor, rates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, len(ATTRIBUTES)) logits of photos and base rates → (N, len(WANTED)): is it likelier than in any photo?"""
    chances = dict(zip(ATTRIBUTES, logits.sigmoid().numpy().T))
    dark = chances["race_Black"] + chances["race_Indian"]
    return np.stack([*_as_wanted(chances), dark, chances["age_60"]], 1) > rates


def shows(attributes: Attributes) -> list[float]:
    """`WANTED` of an avatar: 0, 1, or .5 where the drawing leaves it open. Hair under a hat has no colour."""
    a = attributes
    # Without a hat, a head of which it isn't told whether it is bald may have hair of any colour.
    unseen = a.bald is None and not a.hat
    told = (a.glasses, a.bald, a.hat, a.beard, a.male)
    glasses, bald, hat, beard, male = (0.5 if v is None else float(v) for v in told)
    hair = [0.5 if unseen else float(a.hair == name.removeprefix("hair_")) for name in HAIR]
    old = 0.5 if unseen else float(bool(a.bald) or a.hair == "grey")
    dark = 0.5 if a.skin is None else float(a.skin in ("brown", "dark"))
    return [glasses, bald if unseen else float(bool(a.bald)), hat, beard, male, *hair, dark, old]


def matching_avatars(
    wanted: NDArray[np.bool_],
    seed: int = 0,
    count: int = 4000,
    style: Style = "avataaars",
    among: Drawn | None = None,
) -> Tensor:
    """For each of (N, len(WANTED)) wishes, of so many avatars with rare attributes made common, one of those that meet
    most: (N, 3, 64, 64). A translation that knew what f's logits know, and drew as the artist does. among: pick from
    these pictures instead, by what of them is told."""
    seeds = range(_MATCHING, _MATCHING + count)
    if among is None:
        told = [avatars.sample(s, avatars.BALANCED, style).attributes for s in seeds]
    else:
        told = among.attributes[:count]
    there = np.array([shows(attributes) for attributes in told])
    # |w − t| summed, for w of 0 and 1, without an (N, count, len(WANTED)) array.
    misses = wanted @ (1 - there).T + (1 - wanted) @ there.T
    ties = np.random.default_rng(seed).uniform(0, 0.01, misses.shape)
    picked, index = np.unique((misses + ties).argmin(1), return_inverse=True)
    if among is None:
        drawn = styles.draw(style, (_MATCHING + picked).tolist(), rates=avatars.BALANCED).pictures
    else:
        drawn = among.pictures[picked]
    return images.to_tensor(drawn)[index, :3]


# --- networks ---------------------------------------------------------------------------------------------------


def load_judge(name: str = "judge") -> Judge:
    """The shipped judge, or one in a folder. Raises ValueError if missing or damaged."""
    directory = checkpoint.find(name)
    info = checkpoint.read_config(directory)
    if info.get("kind") != "judge":
        raise ValueError(f"{directory}: is no judge. Train one: python -m dtn_core train judge")
    judge = checkpoint.fill(Judge(**info["judge"]), directory, "judge")
    return judge.eval().requires_grad_(False)


@torch.no_grad()
def batched(net: torch.nn.Module, x: Tensor, size: int = 64) -> Tensor:
    """net on (N, ...) in parts, so that memory stays small."""
    return torch.cat([net(part) for part in x.split(size)])


@torch.no_grad()
def seen(net: torch.nn.Module, pictures: NDArray[np.uint8], size: int = 64) -> Tensor:
    """net on (N, S, S, 3) pictures in parts; as floats all of them would take four times the memory."""
    return torch.cat([net(images.to_tensor(pictures[i : i + size])) for i in range(0, len(pictures), size)])


def generate(loaded: Checkpoint, z: Tensor) -> Tensor:
    """(N, dim) standardised → (N, 4, 64, 64), with the checkpoint's emphasis."""
    return batched(loaded.g, loaded.stress(z))


# --- tables -----------------------------------------------------------------------------------------------------


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown tables; of an earlier version's, without "measure", the nine attributes alone."""
    if "measure" in figures:
        untold = styles.UNTOLD[figures.get("style", "avataaars")]
        return "\n".join([*_measure_table(figures["measure"], untold), "", *_people_table(figures["measure"])])
    kinds = ("dtn", NEAREST, RANDOM)
    lines = ["| AUC / balanced accuracy | DTN | nearest avatar | random avatar |", "|---|---|---|---|"]
    for name in TOLD:
        cells = [figures[k]["attributes"][name] for k in kinds]
        lines.append(f"| {name} | " + " | ".join(_pair(c, ".2f") for c in cells) + " |")
    means = " | ".join(f"**{_pair(figures[k], '.3f')}**" for k in kinds)
    lines.append(f"| **mean** | {means} |")
    constancy = " | ".join(f"{figures['f_constancy'][k]:.3f}" for k in kinds)
    lines.append(f"| f-constancy (lower is better) | {constancy} |")
    share = figures["diversity"]["share"]
    lines.append(f"| diversity, share of real avatars' | {share:.2f} | | 1.00 |")
    return "\n".join(lines)


def _pair(row: dict[str, float | None], digits: str) -> str:
    return f"{_shown(row['auc'], digits)} / {_shown(row['balanced_accuracy'], digits)}"


def _shown(value: float | None, digits: str) -> str:
    return "—" if value is None else f"{value:{digits}}"


_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")


def _line(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | " + " | ".join(cells) + " |"


def _measure_table(measure: dict[str, Any], untold: Sequence[str]) -> list[str]:
    """A column for each translation; the last is what the figure is without one."""
    rows, n, real = list(measure["rows"].values()), measure["n"], measure["real_avatars"]["cleanliness"]
    columns = [*(BASELINES.get(name, name) for name in measure["rows"]), "reference"]
    lines = [_line("AUC / balanced accuracy", columns), "|---" * (len(columns) + 1) + "|"]
    for which, name in EIGHT:
        cells = [row["agreement"]["questions"][name] for row in rows]
        title = f"{name} ({'UTKFace' if which == 'utkface' else 'CelebA'}, {cells[0]['positives']} of {cells[0]['n']})"
        lines.append(_line(title, [*(_pair(c, ".2f") for c in cells), ""]))
    silent = [name for which, name in EIGHT if all(a in untold for a in QUESTIONS[which][name])]
    many = _WORDS[len(EIGHT) - len(silent)]
    lines.append(_line(f"**mean of the {many}**", [*(f"**{_pair(r['agreement'], '.3f')}**" for r in rows), ".5 / .5"]))
    if measure["chance"]:
        found = [*(row["retrieval"] for row in rows), measure["chance"]]
        lines += [
            _line(
                f"median rank of {n['pairs']} people among {n['gallery']} photos",
                [f"{c['median_rank']:g} ({100 * c['share']:.1f}%)" for c in found],
            ),
            _line("found first / in five", [f"{100 * c['rank_1']:.1f}% / {100 * c['rank_5']:.1f}%" for c in found]),
        ]
    clean = [*(row["cleanliness"] for row in rows), real]
    lines += [
        _line("KID × 1000 to held-out avatars", [_kid(c) for c in clean]),
        _line("taken for rendered (.5: can't be told)", [_shown(c["taken_for_rendered"], ".2f") for c in clean]),
        _line("diversity, share of real avatars'", [*(f"{row['diversity_share']:.2f}" for row in rows), "1.00"]),
        _line("f-constancy, f of the checkpoint", [*(f"{row['f_constancy']:.3f}" for row in rows), ""]),
        _line("constancy of dlib's embedding", [*(f"{row['dlib_constancy']:.3f}" for row in rows), ""]),
    ]
    photo = measure["photo_itself"]
    notes = [
        "Reference: chance, and other real avatars. Baselines' f is the first checkpoint's. KID and what tells "
        "rendered from generated look through the judge's layers; ranks are by dlib's embedding."
    ]
    if silent:
        notes.append(f"Not asked, since the style can't show it or its pack doesn't tell: {', '.join(silent)}.")
    if photo:
        found = f"median rank {photo['median_rank']:g}, first {100 * photo['rank_1']:.1f}%"
        notes.append(f"The photo itself, in place of its emoji: {found}.")
    if any(row["dlib_is_in_f"] for row in rows):
        notes.append("A checkpoint's f holds dlib's embedding: its ranks and its dlib constancy aren't independent.")
    return [*lines, "", " ".join(notes)]


def _kid(row: dict[str, float | None]) -> str:
    return "—" if row["kid"] is None else f"{1000 * row['kid']:.1f} ± {1000 * row['kid_std']:.1f}"


def _people_table(measure: dict[str, Any]) -> list[str]:
    """Agreement by group, and beside it what everybody with the same labels gets; checkpoints only."""
    rows = {name: row["people"] for name, row in measure["rows"].items() if row["hash"]}
    lines = [_line("agreement (same labels, everybody)", ["n", *rows]), "|---" * (len(rows) + 2) + "|"]
    for axis, told in next(iter(rows.values())).items():
        for group, cell in told["groups"].items():
            cells = [people[axis]["groups"][group] for people in rows.values()]
            shown = [f"{_shown(c['agreement'], '.3f')} ({_shown(c['same_labels'], '.3f')})" for c in cells]
            lines.append(_line(f"{axis}: {group}", [str(cell["n"]), *shown]))
        gaps = [people[axis]["largest_gap"] for people in rows.values()]
        told_gaps = [f"**{g['gap']:.3f}** ({g['group']})" if g else "—" for g in gaps]
        lines.append(_line(f"{axis}: largest gap below the average", ["", *told_gaps]))
    return lines

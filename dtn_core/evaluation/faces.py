"""How well faces become emoji, on held-out photos of CelebA and UTKFace and on LFW's pairs: is the person's look shown,
can the person be found again, is it drawn cleanly, does f stay the same, and for whom is it worse?

The photos' labels are used for nothing else here; the judge (`networks.judge`) has seen rendered avatars only. Each
checkpoint is measured as it paints, G(x), where it has a g, and, where it has a c, as it draws. Beside them: a random
avatar, the avatar whose f is nearest, and a supervised ceiling (`baselines.matching_avatars`). The avatars are of the
checkpoint's style, and so is the judge. What a drawing's parameters tell is measured in `drawn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..avatars import styles
from ..config import Style
from ..core.errors import UserError
from ..core.types import Image
from ..data.portraits import Split
from ..networks import checkpoint
from ..networks.encoders import DlibEncoder
from ..networks.judge import Judge
from ..pipeline import model
from ..pipeline.model import Checkpoint
from . import tables
from .baselines import BASELINES, CEILING, NEAREST, RANDOM, ceiling, drawn_pool, nearest
from .drawn import page
from .drawn.measure import POINTS, measure
from .drawn.predictions import AvatarPredictions, Point, predict_avatars
from .measures import agreement, positives
from .nets import batched, load_judge, over_grey, paint, style_of
from .photos import load
from .reference import Reference, distance
from .schema import Metrics, upgrade
from .table import Table, to_markdown


def evaluate(
    name: str,
    data: Path,
    judge: str | None = None,
    split: Split = "test",
    limit: int | None = None,
    avatars_n: int = 6000,
    compare: Sequence[str] = (),
    seed: int = 0,
) -> Metrics:
    """All figures of a checkpoint, JSON-ready.

    judge: None for the shipped one of the checkpoint's style; limit: at most so many photos of a set, and fewer
    avatars; avatars_n: pool of the baselines; compare: further checkpoints of the same style, measured beside it.

    Of a drawn style, pool and reference are drawn for this alone. Of one that comes as a pack, the
    pool, and what the ceiling picks from, are the pictures that g and the judge learnt; cleanliness is compared with
    its last `styles.HELD_OUT`, which neither has seen, and with so few is noisier.
    Raises UserError for what is missing, is no translation of faces, or is of another style.
    """
    loaded = _loaded(name, compare)
    first, style = loaded[name], style_of(loaded[name].info, name)
    judge_net, provenance = _judge(judge or styles.STYLES[style].judge, style, name)
    photos, unasked = load(data, split, limit), styles.STYLES[style].untold
    pool_n, clean_n = (avatars_n, 2000) if limit is None else (min(avatars_n, 10 * limit), min(2000, 4 * limit))
    learnt, unseen = drawn_pool(style, data, pool_n, clean_n)
    pool = over_grey(learnt.pictures)
    reference = Reference(photos, judge_net, pool, over_grey(unseen.pictures), seed, unasked)
    z = {k: first.standardise_s(batched(first.f, v)) for k, v in photos.crops.items()}
    index, mine = nearest(first, z, pool), make(first, photos.crops)
    best = partial(ceiling, first, photos.crops, data, learnt, style, seed)
    rows, nine = {}, {}
    for row in chain(_made(loaded, mine, photos.crops), _baselines(pool, index, best, seed)):
        by = row.checkpoint or first
        z_s = z["celeba"] if by is first else by.standardise_s(batched(by.f, photos.crops["celeba"]))
        judged, figures = reference.measure(row.pictures)
        z_t = by.standardise_t(batched(by.f, row.pictures["celeba"]))
        rows[row.name] = {**_provenance(row), **figures, "f_constancy": distance(z_t, z_s)}
        nine[row.name] = agreement(photos.nine(), judged, unasked)
    near, own = [learnt.attributes[i] for i in index["celeba"]], next(iter(rows))
    return {
        "checkpoint": first.name,
        "style": style,
        "hash": first.hash,
        "emphasis": first.emphasis,
        **provenance,
        "data": {"set": "CelebA", "split": split, "n": len(z["celeba"]), "positives": positives(photos.nine())},
        "seed": seed,
        "avatar_pool": len(pool),
        **{key: nine[row] for key, row in (("dtn", own), (NEAREST, NEAREST), (RANDOM, RANDOM))},
        "diversity": {
            "dtn": rows[own]["diversity"],
            "avatars": round(reference.spread, 4),
            "share": rows[own]["diversity_share"],
        },
        "f_constancy": {"dtn": rows[own]["f_constancy"], **{k: rows[k]["f_constancy"] for k in (NEAREST, RANDOM)}},
        "measure": reference.summary(rows),
        "drawn": measure(first, photos, mine.painted, mine.drawn, near, judge_net, seed) if first.predictor else None,
    }


class Made(NamedTuple):
    """What a checkpoint makes of photos: set → (N, 3, 64, 64) painted, empty without g; set → what c says and draws,
    empty without c."""

    painted: dict[str, Tensor]
    drawn: dict[str, AvatarPredictions]


def make(loaded: Checkpoint, crops: dict[str, Image]) -> Made:
    """G and c of every set of head crops."""
    painted = {k: paint(loaded, v) for k, v in crops.items()} if loaded.g else {}
    predictor = loaded.predictor
    return Made(painted, {k: predict_avatars(predictor, v) for k, v in crops.items()} if predictor else {})


class Translation(NamedTuple):
    """Pictures in the photos' places: set → (N, 3, 64, 64). checkpoint: whose, or None; point: drawn at this operating
    point, or painted."""

    name: str
    pictures: dict[str, Tensor]
    checkpoint: Checkpoint | None = None
    point: Point | None = None


def _made(loaded: dict[str, Checkpoint], first: Made, crops: dict[str, Image]) -> Iterator[Translation]:
    """Each checkpoint as it paints and as it draws, where it can; the first, which has been made, at both points. One
    row at a time, so that memory holds one."""
    for place, (name, one) in enumerate(loaded.items()):
        made = make(one, crops) if place else first
        if made.painted:
            yield Translation(name, made.painted, one)
        for what, point in POINTS.items() if made.drawn else ():
            if point == "sure" or not place:
                pictures = {k: v.pictures(point) for k, v in made.drawn.items()}
                yield Translation(f"{name}, {what.replace('_', ' ')}", pictures, one, point)


def _baselines(
    pool: Tensor, index: dict[str, Tensor], best: Callable[[], dict[str, Tensor]], seed: int
) -> Iterator[Translation]:
    yield Translation(NEAREST, {k: pool[places] for k, places in index.items()})
    rng = np.random.default_rng(seed)
    yield Translation(RANDOM, {k: pool[rng.integers(0, len(pool), len(places))] for k, places in index.items()})
    yield Translation(CEILING, best())


def _provenance(row: Translation) -> dict[str, Any]:
    made = row.checkpoint
    if made is None:
        return {"hash": None, "emphasis": None, "dlib_is_in_f": False}
    predictor = made.predictor if row.point else None
    f = predictor.f if predictor else made.f
    drawn = {"drawer": predictor.hash, "point": row.point} if predictor else {}
    uses_dlib = any(isinstance(m, DlibEncoder) for m in f.modules())
    return {"hash": made.hash, "emphasis": made.emphasis, "dlib_is_in_f": uses_dlib, **drawn}


def table(figures: dict[str, Any]) -> str:
    """Render `figure_tables` as Markdown."""
    return to_markdown(figure_tables(figures))


def figure_tables(figures: dict[str, Any]) -> list[Table]:
    """Return all tables of a metrics.json, the summary first if the checkpoint draws; older files have fewer."""
    figures = upgrade(figures)
    measured = tables.measure_tables(figures)
    if not figures.get("drawn"):
        return measured
    return [tables.summary_table(figures), *measured, *page.tables(figures["drawn"])]


def _loaded(name: str, compare: Sequence[str]) -> dict[str, Checkpoint]:
    """The checkpoints, the first before those it is compared with, all of one style. Raises UserError otherwise."""
    if len({name, *compare}) <= len(compare) or {name, *compare} & set(BASELINES):
        raise UserError("--compare: name every checkpoint once, and none as a baseline is named.")
    loaded = {given: _translation(given) for given in (name, *compare)}
    style = style_of(loaded[name].info, name)
    for given, other in loaded.items():
        if (drawn := style_of(other.info, given)) != style:
            raise UserError(f"--compare {given}: draws {drawn}, but {name} draws {style}. Compare within one style.")
        if other.predictor and other.predictor.style != style:
            raise UserError(f"{given}: its c draws {other.predictor.style}, but G paints {style}. Join c of one style.")
    return loaded


def _judge(judge: str, style: Style, name: str) -> tuple[Judge, dict[str, Any]]:
    """The judge, and what its figures rest on. Raises UserError if it judges another style."""
    info = checkpoint.read_config(checkpoint.find(judge))
    if (judged := style_of(info, judge)) != style:
        raise UserError(f"{judge}: judges {judged}, but {name} draws {style}. Use {styles.STYLES[style].judge}.")
    return load_judge(judge), {
        "judge_hash": checkpoint.weights_hash(checkpoint.find(judge)),
        "judge_balanced_accuracy_on_held_out_avatars": info["trained"]["balanced_accuracy_on_held_out_avatars"],
    }


def _translation(given: str) -> Checkpoint:
    """A checkpoint that makes emoji of heads. Raises UserError if it makes anything else."""
    loaded = model.load(given)
    if loaded.g is None:
        return loaded
    try:
        shape = tuple(loaded.transfer(torch.zeros(1, 3, 128, 128)).shape[1:])
    except RuntimeError:  # an f or a g that takes pictures of one size only
        shape = ()
    if shape not in ((3, 64, 64), (4, 64, 64)):
        raise UserError(f"{given}: doesn't make 64×64 emoji of faces. Choose a checkpoint that does.")
    return loaded

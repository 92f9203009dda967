"""Evaluation of face → emoji translations, on held-out photos of CelebA and UTKFace and on LFW's pairs.

Measured are: attributes that the emoji shows, retrieval of the person, cleanliness, f-constancy, and the differences
between groups of people. Labels are used for measuring only; the judge (`networks.judge`) learnt from rendered avatars
only. Each checkpoint is measured as it paints, G(x), if it has a g, and as it draws, if it has a c. Baselines: a random
avatar, the avatar whose f is nearest, and a supervised ceiling (`baselines.matching_avatars`). Avatars and judge are of
the checkpoint's style. What parameters tell is measured in `drawn`.
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

CLEAN_AVATARS = 2000
"""How many avatars cleanliness is compared with."""


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
    """Measure a checkpoint; the figures are JSON-ready.

    The avatars of a drawn style are drawn for the measurement. For a style that comes as a pack, the baselines pick
    from the pictures that g and the judge learnt, and cleanliness is compared with its last `rendering.HELD_OUT`
    pictures, which neither learnt.

    Args:
        name: Checkpoint.
        data: Folder of the datasets.
        judge: Judge; by default the shipped one of the style.
        split: Part of the datasets.
        limit: At most so many photos of a dataset, and fewer avatars.
        avatars_n: How many avatars the baselines pick from.
        compare: Further checkpoints of the same style, measured in the same way.
        seed: Seed of every random choice.

    Raises:
        UserError: Something is missing, is no translation of faces, or is of another style.
    """
    loaded = _loaded(name, compare)
    first = loaded[name]
    style = style_of(first.info, name)
    judge_net, provenance = _judge(judge or styles.STYLES[style].judge, style, name)
    photos = load(data, split, limit)
    unasked = styles.STYLES[style].unlabelled
    pool_n, clean_n = avatars_n, CLEAN_AVATARS
    if limit is not None:
        pool_n, clean_n = min(pool_n, 10 * limit), min(clean_n, 4 * limit)
    learnt, unseen = drawn_pool(style, data, pool_n, clean_n)
    pool = over_grey(learnt.pictures)
    reference = Reference(photos, judge_net, pool, over_grey(unseen.pictures), seed, unasked)
    z = {k: first.standardise_s(batched(first.f, v)) for k, v in photos.crops.items()}
    index = nearest(first, z, pool)
    results = translate(first, photos.crops)
    best = partial(ceiling, first, photos.crops, data, learnt, style, seed)
    rows, nine = {}, {}
    for row in chain(_translations(loaded, results, photos.crops), _baselines(pool, index, best, seed)):
        reader = row.checkpoint or first
        z_s = z["celeba"] if reader is first else reader.standardise_s(batched(reader.f, photos.crops["celeba"]))
        judged, figures = reference.measure(row.pictures)
        z_t = reader.standardise_t(batched(reader.f, row.pictures["celeba"]))
        rows[row.name] = {**_provenance(row), **figures, "f_constancy": distance(z_t, z_s)}
        nine[row.name] = agreement(photos.nine(), judged, unasked)
    own = next(iter(rows))
    drawn = None
    if first.predictor:
        nearest_attributes = [learnt.attributes[i] for i in index["celeba"]]
        drawn = measure(first, photos, results.painted, results.drawn, nearest_attributes, judge_net, seed)
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
        "drawn": drawn,
    }


class Results(NamedTuple):
    """What a checkpoint makes of photos.

    Attributes:
        painted: Dataset → (N, 3, 64, 64) G(x); empty without g.
        drawn: Dataset → c's predictions; empty without c.
    """

    painted: dict[str, Tensor]
    drawn: dict[str, AvatarPredictions]


def translate(loaded: Checkpoint, crops: dict[str, Image]) -> Results:
    """Run G and c on the head crops of every dataset."""
    painted = {k: paint(loaded, v) for k, v in crops.items()} if loaded.g else {}
    predictor = loaded.predictor
    return Results(painted, {k: predict_avatars(predictor, v) for k, v in crops.items()} if predictor else {})


class Translation(NamedTuple):
    """Pictures of one row of the figures.

    Attributes:
        name: Name of the row.
        pictures: Dataset → (N, 3, 64, 64), in the photos' order.
        checkpoint: Whose they are; None for a baseline.
        point: Operating point they are drawn at; None if painted.
    """

    name: str
    pictures: dict[str, Tensor]
    checkpoint: Checkpoint | None = None
    point: Point | None = None


def _translations(loaded: dict[str, Checkpoint], first: Results, crops: dict[str, Image]) -> Iterator[Translation]:
    """Yield each checkpoint as it paints and as it draws; the first, whose results are given, at both points.

    A generator, so that memory holds one row at a time.
    """
    for i, (name, one) in enumerate(loaded.items()):
        results = translate(one, crops) if i else first
        if results.painted:
            yield Translation(name, results.painted, one)
        for title, point in POINTS.items():
            if results.drawn and (point == "sure" or i == 0):
                pictures = {dataset: drawn.pictures(point) for dataset, drawn in results.drawn.items()}
                yield Translation(f"{name}, {title.replace('_', ' ')}", pictures, one, point)


def _baselines(
    pool: Tensor, index: dict[str, Tensor], best: Callable[[], dict[str, Tensor]], seed: int
) -> Iterator[Translation]:
    yield Translation(NEAREST, {k: pool[places] for k, places in index.items()})
    rng = np.random.default_rng(seed)
    yield Translation(RANDOM, {k: pool[rng.integers(0, len(pool), len(places))] for k, places in index.items()})
    yield Translation(CEILING, best())


def _provenance(row: Translation) -> dict[str, Any]:
    loaded = row.checkpoint
    if loaded is None:
        return {"hash": None, "emphasis": None, "dlib_is_in_f": False}
    predictor = loaded.predictor if row.point else None
    f = predictor.f if predictor else loaded.f
    drawn = {"drawer": predictor.hash, "point": row.point} if predictor else {}
    uses_dlib = any(isinstance(m, DlibEncoder) for m in f.modules())
    return {"hash": loaded.hash, "emphasis": loaded.emphasis, "dlib_is_in_f": uses_dlib, **drawn}


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
    """Load the checkpoint and those it is compared with. Raises UserError unless all are of one style."""
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
    """Load the judge, with its provenance. Raises UserError if it judges another style."""
    info = checkpoint.read_config(checkpoint.find(judge))
    if (judged := style_of(info, judge)) != style:
        raise UserError(f"{judge}: judges {judged}, but {name} draws {style}. Use {styles.STYLES[style].judge}.")
    return load_judge(judge), {
        "judge_hash": checkpoint.weights_hash(checkpoint.find(judge)),
        "judge_balanced_accuracy_on_held_out_avatars": info["trained"]["balanced_accuracy_on_held_out_avatars"],
    }


def _translation(given: str) -> Checkpoint:
    """Load a checkpoint. Raises UserError unless it makes emoji of heads."""
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

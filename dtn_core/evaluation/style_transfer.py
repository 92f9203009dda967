"""Evaluation of style transfer (paper, Sec. 5.3) on held-out photos of CelebA and pairs of LFW: distance to the style,
retrieval of the person, and f-constancy.

Baselines: the direct filter, which made t and is the ceiling; the same of another person, the floor; and the emoji of
other checkpoints. People are identified by dlib's embedding; rows say whether f contains it, since G was then trained
towards it. `own_print` needs no network: the print nearest to G(x), in pixels, should be that of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import StyleTransfer, from_dict
from ..core.errors import UserError
from ..core.metrics import kid, ranks
from ..core.types import Image
from ..data import portraits, screen_print
from ..data.portraits import Split
from ..networks import checkpoint
from ..networks.encoders import DlibEncoder, Standardise
from ..pipeline import model
from ..pipeline.model import Checkpoint
from .drawn.predictions import predict_avatars
from .nets import batched, over_grey, paint
from .photos import CROP, Photos, load
from .reference import distance
from .retrieval import chance, retrieval, summary
from .table import Table, to_markdown

FORMAT = 1
KID_ENCODER = "encoder"
"""Checkpoint of the features for KID: an f of faces that no style transfer is trained towards."""

FILTER, OTHER = "direct filter", "direct filter, another person"


def evaluate(
    name: str, data: Path, split: Split = "test", limit: int | None = None, compare: Sequence[str] = (), seed: int = 0
) -> dict[str, Any]:
    """Measure a style transfer; the figures are JSON-ready.

    Args:
        name: Checkpoint.
        data: Folder of the datasets.
        split: Part of the datasets.
        limit: At most so many photos of a dataset.
        compare: Checkpoints of emoji to compare with.
        seed: Seed of every random choice.

    Raises:
        UserError: Something is missing, or the checkpoint is no style transfer.
    """
    loaded = model.load(name)
    config = config_of(loaded)
    inks = screen_print.read_inks(config.picture)
    photos = load(data, split, limit)
    crops = {key: photos.crops[key] for key in ("celeba", "pairs") if key in photos.crops}
    prints = {key: prints_of(value, inks, config.size) for key, value in crops.items()}
    people = _People(photos, prints["celeba"])
    reader = checkpoint.load_encoder(KID_ENCODER)
    unseen = portraits.celebahq(data, split, (), limit)
    raw = batched(reader, prints_of(heads_of(unseen), inks, config.size))
    standardise = Standardise.of(raw)
    reference = standardise(raw)
    others = {key: value[torch.from_numpy(_deranged(len(value), seed))] for key, value in prints.items()}
    z_s = loaded.standardise_s(batched(loaded.f, crops["celeba"]))
    rows: dict[str, Any] = {}
    made = {key: paint(loaded, value) for key, value in crops.items()}
    for row, pictures in ((loaded.name, made), (FILTER, prints), (OTHER, others)):
        x = pictures["celeba"]
        mean, spread = kid(standardise(batched(reader, x)).numpy(), reference.numpy(), seed=seed)
        rows[row] = {
            "f_constancy": distance(loaded.standardise_t(batched(loaded.f, x)), z_s),
            "kid": {"mean": round(mean, 4), "std": round(spread, 4)},
            "retrieval": people.retrieve(pictures["pairs"]) if "pairs" in pictures else None,
        }
    rows[loaded.name] |= {"hash": loaded.hash, "own_print": _own_print(made["celeba"], prints["celeba"])}
    for other in (model.load(given) for given in compare):
        rows |= _emoji(other, crops, people)
    return {
        "format": FORMAT, "checkpoint": loaded.name, "hash": loaded.hash, "dlib_is_in_f": _has_dlib(loaded),
        "data": {"set": "CelebA", "split": split, "n": len(crops["celeba"]), "pairs": len(crops.get("pairs", ())),
                 "gallery": people.n, "reference": len(reference)},
        "seed": seed, "steps": config.steps, "rows": rows,
        "photo_itself": people.itself, "chance": chance(people.n) if people.n else None,
    }  # fmt: skip


def table(figures: dict[str, Any]) -> str:
    """Render `figure_table`; empty cells of the header and of the last rows are one space wide, as in the docs."""
    header, rule, *rows = to_markdown([figure_table(figures)]).splitlines()
    measured = len(figures["rows"])
    references = [row.replace("|  |", "| |").replace("|  |", "| |") for row in rows[measured:]]
    return "\n".join([header.replace("|  |", "| |"), rule, *rows[:measured], *references])


def figure_table(figures: dict[str, Any]) -> Table:
    """Return a row per translation, and one each for the photo itself and for chance."""
    rows = [(name, *_cells(row, figures["data"]["n"])) for name, row in figures["rows"].items()]
    for name in ("photo_itself", "chance"):
        if figures[name]:
            rows.append((name.replace("_", " "), "", "", *_retrieval_cells(figures[name]), ""))
    columns = ("f-constancy", "KID to the style", "median rank", "in the first 5", "own print, median rank")
    return Table("", columns, tuple(rows))


def _cells(row: dict[str, Any], photos: int) -> list[str]:
    distance_to_style, own = row.get("kid"), row.get("own_print")
    return [
        f"{row['f_constancy']:.2f}",
        f"{distance_to_style['mean']:.2f} ± {distance_to_style['std']:.2f}" if distance_to_style else "",
        *_retrieval_cells(row.get("retrieval")),
        f"{own['median_rank']:.0f} of {photos}" if own else "",
    ]


def _retrieval_cells(figures: dict[str, float] | None) -> list[str]:
    if not figures:
        return ["", ""]
    return [f"{figures['median_rank']:.0f}", f"{100 * figures['rank_5']:.1f}%"]


class _People:
    """Who is who, by dlib's embedding, standardised for photos and for each kind of pictures."""

    def __init__(self, photos: Photos, prints: Tensor) -> None:
        self.dlib = DlibEncoder().eval().requires_grad_(False)
        self.to_print = Standardise.of(batched(self.dlib, prints))
        self.gallery, self.itself, self.n = None, None, 0
        if photos.targets is not None:
            gallery = torch.cat(
                [batched(self.dlib, part) for part in (photos.targets, photos.crops["celeba"], photos.crops["utkface"])]
            )
            to_s = Standardise.of(gallery)
            self.gallery, self.n = to_s(gallery), len(gallery)
            self.itself = retrieval(to_s(batched(self.dlib, photos.crops["pairs"])), self.gallery)

    def retrieve(self, pictures: Tensor, standardise: Standardise | None = None) -> Any:
        """Retrieval by pictures in the pairs' places; standardise: of their kind, if they aren't prints."""
        if self.gallery is None:
            return None
        return retrieval((standardise or self.to_print)(batched(self.dlib, pictures)), self.gallery)


def _emoji(other: Checkpoint, crops: dict[str, Image], people: _People) -> dict[str, Any]:
    """Rows of a checkpoint of emoji, as it paints and as it draws."""
    rows = {}
    painted = {key: paint(other, value) for key, value in crops.items()} if other.g else {}
    kinds = {f"{other.name}, painted": painted} if painted else {}
    if other.predictor:
        kinds[f"{other.name}, drawn"] = {
            key: predict_avatars(other.predictor, value, ("sure",)).pictures("sure") for key, value in crops.items()
        }
    for name, pictures in kinds.items():
        of_kind = Standardise.of(batched(people.dlib, pictures["celeba"]))
        z_s = other.standardise_s(batched(other.f, crops["celeba"]))
        rows[name] = {
            "hash": other.hash,
            "f_constancy": distance(other.standardise_t(batched(other.f, pictures["celeba"])), z_s),
            "retrieval": people.retrieve(pictures["pairs"], of_kind) if "pairs" in pictures else None,
        }
    return rows


def _own_print(made: Tensor, prints: Tensor) -> dict[str, float]:
    """Rank the print of the photo itself among all prints, by distance in pixels to G(x)."""
    similar = -torch.cdist(made.flatten(1), prints.flatten(1))
    return dict(summary(ranks(similar.numpy(), np.arange(len(made))), len(prints)))


def config_of(loaded: Checkpoint) -> StyleTransfer:
    """Return the settings of a style transfer. Raises UserError if it is another translation."""
    trained = {k: v for k, v in loaded.info.get("trained", {}).items() if k not in ("step", "data", "timing")}
    config = from_dict(trained) if trained.get("kind") == "style" else None
    if not isinstance(config, StyleTransfer):
        raise UserError(
            f"{loaded.name}: is no style transfer. Give one, such as screen-print, or measure it with faces."
        )
    return config


def _has_dlib(loaded: Checkpoint) -> bool:
    return any(isinstance(module, DlibEncoder) for module in loaded.f.modules())


def heads_of(photos: portraits.Portraits) -> Image:
    """(N, 128, 128, 3) uint8."""
    return np.stack([portraits.head_crop(picture, photos.eyes, CROP) for picture in photos.pictures])


def prints_of(heads: Image, inks: screen_print.Inks, size: int) -> Tensor:
    """(N, S, S, 3) heads → (N, 3, size, size), by the direct filter, over mid-grey."""
    return over_grey(np.stack([screen_print.screen_print(head, inks, size) for head in heads]))


def _deranged(n: int, seed: int) -> np.ndarray:
    """Return a random permutation of n without fixed points."""
    order = np.random.default_rng(seed).permutation(n)
    result = np.empty(n, int)
    result[order] = np.roll(order, 1)
    return result

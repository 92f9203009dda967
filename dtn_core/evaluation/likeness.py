"""Evaluation of likeness: the face parser's masks, and the colours of drawn avatars against the photo's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..avatars.appearance import measure
from ..core.colors import to_lab, to_rgb
from ..core.errors import UserError
from ..core.images import to_tensor
from ..core.types import Image
from ..data.face_parts import LabelledHeads, labelled_heads, near_duplicates, unlabelled_heads
from ..data.portraits import Split
from ..faces.align import CROP
from ..faces.parse import load, parse
from ..networks import checkpoint
from ..networks.parser import PARTS, iou
from ..pipeline.photo import Transferrer
from . import retrieval
from .table import Table, number, to_markdown

ROWS = {
    "measured": "as drawn (ours)",
    "palette": "as drawn in the palette's colours",
    "mean": "one mean colour for everybody",
}

BATCH = 64


def evaluate(name: str, data: Path, split: Split = "test", limit: int | None = None) -> dict[str, Any]:
    """Measure the parser and the colours of avatars on held-out photos.

    The parser's intersection over union, and the colours against ground-truth masks, are measured on CelebAMask-HQ,
    without the pictures that the parser was trained on without labels; the colours against the same person's other
    photo on pairs of LFW, whose masks are the parser's.

    Args:
        name: Checkpoint that draws.
        data: Folder of the packs.
        split: "val" to choose by, "test" to report.
        limit: At most so many photos and pairs.

    Raises:
        UserError: The checkpoint can't draw, or a pack is missing.
    """
    transferrer = Transferrer.from_checkpoint(name)
    if not transferrer.draws:
        raise UserError(f"checkpoint '{name}' can't draw avatars. Give one that does, such as emoji.")
    net = load("parser")
    heads = labelled_heads(data, split, CROP, limit)
    small = labelled_heads(data, split, net.size, limit)
    unlabelled = checkpoint.read_config(checkpoint.find("parser"))["trained"]["unlabelled"]
    is_new = ~near_duplicates(small.pictures, unlabelled_heads(data, net.size, unlabelled))
    heads, small = (LabelledHeads(h.pictures[is_new], h.labels[is_new], ()) for h in (heads, small))
    truth = np.stack([small.labels == part for part in range(len(PARTS))], 1).astype(np.float32)
    predicted = np.concatenate([parse(x).probabilities.argmax(1) for x in to_tensor(heads.pictures).split(BATCH)])
    people = retrieval.pairs(data, split, limit, CROP)
    return {
        "checkpoint": transferrer.checkpoint.name,
        "hash": transferrer.checkpoint.hash,
        "parser_hash": checkpoint.weights_hash(checkpoint.find("parser")),
        "split": split,
        "n": len(heads.pictures),
        "left_out": int((~is_new).sum()),
        "pairs": len(people) if people else 0,
        "iou": _rounded(iou(torch.from_numpy(predicted), torch.from_numpy(small.labels).long())),
        "same_photo": compare(transferrer, heads.pictures, measure(small.pictures, truth)),
        "other_photo": compare(transferrer, people.queries, _read_hair(people.targets)) if people else {},
    }


def compare(
    transferrer: Transferrer, heads: Image, truth: Mapping[str, NDArray[np.float32]]
) -> dict[str, dict[str, Any]]:
    """Compare the colours of avatars with given colours.

    Args:
        transferrer: Draws the avatars.
        heads: (N, S, S, 3) uint8 head crops.
        truth: Palette → (N, 3) CIELAB; rows of NaN are left out.

    Returns:
        Palette → n, and the mean ΔE (CIEDE2000) and ΔE76 of each of `ROWS`. A palette that the style lacks is left out.
    """
    from skimage.color import deltaE_cie76, deltaE_ciede2000

    drawn = {"measured": _drawn_colours(transferrer, heads, True), "palette": _drawn_colours(transferrer, heads, False)}
    result = {}
    for name in sorted(truth.keys() & drawn["palette"].keys()):
        known = ~np.isnan(truth[name]).any(1)
        if not known.any():
            continue
        target = truth[name][known]
        colours = {row: values[name][known] for row, values in drawn.items()}
        colours["mean"] = np.broadcast_to(target.mean(0), target.shape)
        result[name] = {"n": int(known.sum())} | {
            row: {
                "delta_e": round(float(deltaE_ciede2000(target, values).mean()), 2),
                "delta_e76": round(float(deltaE_cie76(target, values).mean()), 2),
            }
            for row, values in colours.items()
        }
    return result


def _drawn_colours(transferrer: Transferrer, heads: Image, measures_colours: bool) -> dict[str, NDArray[np.float32]]:
    """Palette → (N, 3) CIELAB of the avatars of N heads."""
    drawer = Transferrer(transferrer.checkpoint, transferrer.device, measures_colours)
    avatars = []
    for x in to_tensor(heads).split(BATCH):
        avatars += drawer.checkpoint.predictor.decide(drawer.read(x))
    names = avatars[0].parameters.colours
    return {name: to_lab(np.array([to_rgb(a.parameters.colours[name]) for a in avatars], np.float32)) for name in names}


def _read_hair(heads: Image) -> dict[str, NDArray[np.float32]]:
    """The colour of the hair in (N, S, S, 3) head crops, by the parser. Other parts differ from day to day."""
    return {"hair": np.concatenate([measure(*parse(x))["hair"] for x in to_tensor(heads).split(BATCH)])}


def _rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else round(value, 3) for name, value in figures.items()}


def table(figures: dict[str, Any]) -> str:
    """Render the figures as Markdown tables."""
    return to_markdown(tables(figures))


def tables(figures: dict[str, Any]) -> list[Table]:
    """Return the tables of `table`: of the parser, of the same photo, and of the other photo, if there are pairs."""
    parts = figures["iou"]
    masks = Table(
        "face parser",
        tuple(parts),
        (("intersection over union", *(number(value, ".3f") for value in parts.values())),),
        note=f"CelebAMask-HQ, {figures['split']} part, n = {figures['n']}, parser {figures['parser_hash']}; "
        f"{figures['left_out']} pictures that are among its unlabelled training pictures are left out.",
    )
    same = _colour_table(
        "against the photo, by ground-truth masks",
        figures["same_photo"],
        f"ΔE (CIEDE2000) / ΔE76 of {figures['checkpoint']} {figures['hash']}, same photos.",
    )
    other = _colour_table(
        "against the person's other photo",
        figures["other_photo"],
        f"The same on {figures['pairs']} pairs of LFW, {figures['split']} part, by the parser's masks.",
    )
    return [masks, same, other] if figures["other_photo"] else [masks, same]


def _colour_table(title: str, figures: Mapping[str, Any], note: str) -> Table:
    columns = tuple(f"{name} (n = {row['n']})" for name, row in figures.items())
    rows = tuple(
        (label, *(f"{row[key]['delta_e']:.1f} / {row[key]['delta_e76']:.1f}" for row in figures.values()))
        for key, label in ROWS.items()
    )
    return Table(title, columns, rows, note=note)

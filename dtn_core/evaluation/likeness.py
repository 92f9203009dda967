"""Evaluation of likeness: the parser's masks, and avatars against the photo: colours, skin, haircut and identity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..avatars.appearance import entries, measure
from ..avatars.avatar import Avatar
from ..avatars.outlines import overlap, shrink, variants_of
from ..avatars.skin import lit_skin
from ..avatars.styles import DRAWINGS
from ..core.colors import to_lab, to_rgb
from ..core.errors import UserError
from ..core.images import to_tensor
from ..core.metrics import auc, ranks
from ..core.types import Image
from ..data.face_parts import labelled_heads
from ..data.portraits import Split
from ..faces.align import CROP
from ..faces.parse import load, parse
from ..networks import checkpoint
from ..networks.parser import PARTS, iou
from ..pipeline.photo import Transferrer
from . import photos
from .questions import members
from .table import Table, number, to_markdown

ROWS = {
    "measured": "as drawn (ours)",
    "palette": "as drawn by c and f alone",
    "mean": "one mean colour for everybody",
}

BATCH = 64

MIN_HAIR = 0.02
"""Share of the head crop that must be hair for a haircut to be compared."""

COLOUR_SCALE = 15.0
"""ΔE76 at which two colours of avatars are e times less alike."""

IDENTITY_ROLES = ("hair", "facial hair", "glasses")
"""Roles of slots that show who it is; clothes and expressions differ between photos of a person."""


def evaluate(name: str, data: Path, split: Split = "test", limit: int | None = None) -> dict[str, Any]:
    """Measure the parser, and how alike avatars and people are, on held-out photos.

    The parser, colours and haircuts are measured against the masks of CelebAMask-HQ; the skin on UTKFace; colours
    against the person's other photo, and identity, on pairs of LFW, whose masks are the parser's.

    Args:
        name: Checkpoint that draws.
        data: Folder of the packs.
        split: "val" to choose by, "test" to report.
        limit: At most so many photos of each set.

    Raises:
        UserError: The checkpoint can't draw, or a pack is missing.
    """
    transferrer = Transferrer.from_checkpoint(name)
    if not transferrer.draws:
        raise UserError(f"checkpoint '{name}' can't draw avatars. Give one that does, such as emoji.")
    size = load("parser").size
    heads = labelled_heads(data, split, CROP, limit)
    small = labelled_heads(data, split, size, limit)
    truth = np.stack([small.labels == part for part in range(len(PARTS))], 1).astype(np.float32)
    predicted = np.concatenate([parse(x).probabilities.argmax(1) for x in to_tensor(heads.pictures).split(BATCH)])
    colours = entries(measure(small.pictures, truth), "colour") | {"skin": lit_skin(small.pictures, truth)}
    drawn = draw(transferrer, heads.pictures)
    held_out = photos.load(data, split, limit)
    utkface = held_out.crops["utkface"]
    groups = members(held_out.truth["utkface"])["group"]
    figures = {
        "checkpoint": transferrer.checkpoint.name,
        "hash": transferrer.checkpoint.hash,
        "parser_hash": checkpoint.weights_hash(checkpoint.find("parser")),
        "split": split,
        "n": len(heads.pictures),
        "iou": _rounded(iou(torch.from_numpy(predicted), torch.from_numpy(small.labels).long())),
        "same_photo": compare_colours(drawn, colours),
        "haircut": compare_haircuts(drawn, truth[:, PARTS.index("hair")]),
        "skin": compare_skin(draw(transferrer, utkface)["measured"], _lit_skin(utkface), groups),
    }
    if held_out.targets is None:
        return figures | {"pairs": 0, "other_photo": {}, "identity": {}}
    queries = draw(transferrer, held_out.crops["pairs"])
    targets = draw(transferrer, held_out.targets)
    other = _read_colours(held_out.targets)
    others = np.concatenate([held_out.crops["celeba"], utkface])
    return figures | {
        "pairs": len(held_out.targets),
        "other_photo": compare_colours(queries, other),
        "skin_r": round(_correlation(skin_of(queries["measured"])[:, 0], other["skin"][:, 0]), 3),
        "identity": identity(queries, targets, draw(transferrer, others)),
    }


def draw(transferrer: Transferrer, heads: Image) -> dict[str, list[Avatar]]:
    """Draw the avatars of (N, S, S, 3) head crops: "measured" as in the app, "palette" without the face parser."""
    result = {}
    for row, measures in (("measured", True), ("palette", False)):
        drawer = Transferrer(transferrer.checkpoint, transferrer.device, measures)
        parts = [heads[i : i + BATCH] for i in range(0, len(heads), BATCH)]
        result[row] = [a for part in parts for a in drawer.checkpoint.predictor.decide(drawer.read(to_tensor(part)))]
    return result


def compare_colours(
    drawn: Mapping[str, list[Avatar]], truth: Mapping[str, NDArray[np.floating]]
) -> dict[str, dict[str, Any]]:
    """Compare the colours of avatars with given colours.

    Args:
        drawn: See `draw`.
        truth: Palette → (N, 3) CIELAB; rows of NaN are left out.

    Returns:
        Palette → n, and the mean ΔE (CIEDE2000) and ΔE76 of each of `ROWS`. A palette that the style lacks is left out.
    """
    from skimage.color import deltaE_cie76, deltaE_ciede2000

    result = {}
    for name in sorted(truth.keys() & drawn["measured"][0].parameters.colours.keys()):
        known = ~np.isnan(truth[name]).any(1)
        if not known.any():
            continue
        target = truth[name][known]
        colours = {row: colours_of(avatars, name)[known] for row, avatars in drawn.items()}
        colours["mean"] = np.broadcast_to(target.mean(0), target.shape)
        result[name] = {"n": int(known.sum())} | {
            row: {
                "delta_e": round(float(deltaE_ciede2000(target, values).mean()), 2),
                "delta_e76": round(float(deltaE_cie76(target, values).mean()), 2),
            }
            for row, values in colours.items()
        }
    return result


def compare_haircuts(drawn: Mapping[str, list[Avatar]], hair: NDArray[np.floating]) -> dict[str, Any]:
    """Compare the hair of avatars with (N, S, S) masks of hair: the mean intersection over union.

    Returns:
        n; each row of drawn; best: that of the variant with the largest one. Heads with little hair are left out.
    """
    seen = np.stack([shrink(mask) for mask in hair])
    known = seen.mean((1, 2)) >= MIN_HAIR
    variants = variants_of(drawn["measured"][0].parameters.style, "hair")
    overlaps = overlap(seen, variants.outlines)
    result = {"n": int(known.sum())}
    for row, avatars in drawn.items():
        index = [variants.choices.index(tuple(a.parameters.variants[s] for s in variants.slots)) for a in avatars]
        result[row] = round(float(overlaps[np.arange(len(seen)), index][known].mean()), 3)
    return result | {"best": round(float(overlaps.max(1)[known].mean()), 3)}


def compare_skin(
    avatars: list[Avatar], lit: NDArray[np.float32], groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    """Compare the drawn skin with the (N, 3) lit skin of the photos.

    Returns:
        Mean signed difference of L*: of all, of each group, and of each tenth of the photos by L*, darkest first.
    """
    known = ~np.isnan(lit).any(1)
    lightness = lit[known, 0]
    difference = skin_of(avatars)[known, 0] - lightness
    tenths = np.array_split(np.argsort(lightness), 10)
    return {
        "n": int(known.sum()),
        "all": round(float(difference.mean()), 1),
        "groups": {name: round(float(difference[mask[known]].mean()), 1) for name, mask in groups.items()},
        "tenths": [round(float(difference[tenth].mean()), 1) for tenth in tenths if len(tenth)],
    }


def identity(
    queries: Mapping[str, list[Avatar]], targets: Mapping[str, list[Avatar]], others: Mapping[str, list[Avatar]]
) -> dict[str, Any]:
    """Compare avatars of two photos of each of Q people, and of other people.

    Returns:
        Row → auc: of two photos of one person against those of two people; the median rank of the person's other photo
        among the targets and the others, and its share; and gallery: how many these are.
    """
    result: dict[str, Any] = {"gallery": len(targets["measured"]) + len(others["measured"])}
    for row in queries:
        similar = similarity(queries[row], [*targets[row], *others[row]])
        n = len(queries[row])
        rank = float(np.median(ranks(similar, np.arange(n))))
        result[row] = {
            "auc": round(auc(np.eye(n).ravel(), similar[:, :n].ravel()), 3),
            "median_rank": rank,
            "share": round(rank / result["gallery"], 3),
        }
    return result


def similarity(a: list[Avatar], b: list[Avatar]) -> NDArray[np.float64]:
    """(N, M) how alike avatars are in hair, beard, glasses, the colours of hair and skin, and shape: 0..1."""
    style = a[0].parameters.style
    slots = [slot for role in IDENTITY_ROLES for slot in DRAWINGS[style].roles.get(role, ())]
    parts = []
    for slot in slots:
        first, second = (np.array([avatar.parameters.variants[slot] for avatar in side]) for side in (a, b))
        parts.append((first[:, None] == second[None]).astype(np.float64))
    for name in ("hair", "skin"):
        distance = np.linalg.norm(colours_of(a, name)[:, None] - colours_of(b, name)[None], axis=2)
        parts.append(np.exp(-distance / COLOUR_SCALE))
    for name in a[0].parameters.shape:
        first, second = (np.array([avatar.parameters.shape[name] for avatar in side]) for side in (a, b))
        parts.append(1 - np.abs(first[:, None] - second[None]) / 2)
    return np.mean(parts, axis=0)


def colours_of(avatars: list[Avatar], name: str) -> NDArray[np.float32]:
    """(N, 3) CIELAB of a colour of avatars."""
    return to_lab(np.array([to_rgb(avatar.parameters.colours[name]) for avatar in avatars], np.float32))


def skin_of(avatars: list[Avatar]) -> NDArray[np.float32]:
    """(N, 3) CIELAB of the drawn skins."""
    return colours_of(avatars, "skin")


def _lit_skin(heads: Image) -> NDArray[np.float32]:
    return np.concatenate([lit_skin(*parse(x)) for x in to_tensor(heads).split(BATCH)])


def _read_colours(heads: Image) -> dict[str, NDArray[np.floating]]:
    """Hair and lit skin of (N, S, S, 3) head crops, by the parser. Other colours differ from day to day."""
    hair = [measure(*parse(x))["colour:hair"] for x in to_tensor(heads).split(BATCH)]
    return {"hair": np.concatenate(hair), "skin": _lit_skin(heads)}


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    known = ~np.isnan(b)
    return float(np.corrcoef(a[known], b[known])[0, 1])


def _rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else round(value, 3) for name, value in figures.items()}


def table(figures: dict[str, Any]) -> str:
    """Render the figures as Markdown tables."""
    return to_markdown(tables(figures))


def tables(figures: dict[str, Any]) -> list[Table]:
    """Return the tables of `table`; those of pairs only if there are pairs."""
    parts = figures["iou"]
    source = f"{figures['checkpoint']} {figures['hash']}"
    masks = Table(
        "face parser",
        tuple(parts),
        (("intersection over union", *(number(value, ".3f") for value in parts.values())),),
        note=f"CelebAMask-HQ, {figures['split']} part, n = {figures['n']}, parser {figures['parser_hash']}.",
    )
    same = _colour_table(
        "against the photo, by ground-truth masks", figures["same_photo"], f"ΔE (CIEDE2000) / ΔE76 of {source}."
    )
    haircut = figures["haircut"]
    cut = Table(
        "haircut, intersection over union",
        ("as drawn (ours)", "by c and f alone", "best variant"),
        (("drawn and photographed hair", *(number(haircut[k], ".3f") for k in ("measured", "palette", "best"))),),
        note=f"The same photos, ground-truth masks, n = {haircut['n']}.",
    )
    skin = figures["skin"]
    signed = Table(
        "skin, drawn less photographed L*",
        ("all", *skin["groups"], "darkest tenth", "2nd", "5th", "9th", "lightest"),
        (
            (
                "mean",
                *(number(v, "+.1f") for v in (skin["all"], *skin["groups"].values())),
                *(number(skin["tenths"][i], "+.1f") for i in (0, 1, 4, 8, 9)),
            ),
        ),
        note=f"UTKFace, {figures['split']} part, against lit skin, n = {skin['n']}. Groups are UTKFace's labels.",
    )
    if not figures["other_photo"]:
        return [masks, same, cut, signed]
    other = _colour_table(
        "against the person's other photo",
        figures["other_photo"],
        f"The same on {figures['pairs']} pairs of LFW, {figures['split']} part, by the parser's masks. Correlation of "
        f"the skin's L*: {figures['skin_r']:.2f}.",
    )
    who = figures["identity"]
    same_person = Table(
        "the same person, by avatars",
        ("AUC", "median rank", "share of the gallery"),
        tuple((ROWS[row], *_identity_cells(who[row])) for row in ("measured", "palette")),
        note=f"The same pairs; the other photo's avatar among those of {who['gallery']:,} photos.",
    )
    return [masks, same, cut, signed, other, same_person]


def _identity_cells(row: Mapping[str, float]) -> tuple[str, str, str]:
    return number(row["auc"], ".3f"), f"{row['median_rank']:.0f}", f"{100 * row['share']:.1f}%"


def _colour_table(title: str, figures: Mapping[str, Any], note: str) -> Table:
    columns = tuple(f"{name} (n = {row['n']})" for name, row in figures.items())
    rows = tuple(
        (label, *(f"{row[key]['delta_e']:.1f} / {row[key]['delta_e76']:.1f}" for row in figures.values()))
        for key, label in ROWS.items()
    )
    return Table(title, columns, rows, note=note)

"""What the confidence of a face is worth: ``python -m benchmarks.confidence --data DATA [-o results/confidence.json]``.

Faces are found, aligned and judged as in the app, on ordinary photos and on the same photos spoilt on purpose:

people    photos of LFW (lfw_pairs.zip), people split by name, as they are and spoilt in each way of `SPOILT`
groups    CelebA and UTKFace as they are, by label: who gets a note more often than others
drawings  Google's cartoon set, where the folder has it

For each: the shares that are shown as fine, shown with a note, refused, and not found at all, which the app says too.
kept: how alike f reads a photo before and after it was spoilt, the correlation of what it says of 48 attributes.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from benchmarks import save
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_tensor
from dtn_core.core.types import Face, Image
from dtn_core.data import portraits
from dtn_core.evaluation.retrieval import split_of_person
from dtn_core.faces.align import align, eye_centres
from dtn_core.faces.detect import detect
from dtn_core.faces.quality import MIN_CONFIDENCE, NOTE_CONFIDENCE, Quality, judge
from dtn_core.networks import checkpoint
from dtn_core.networks.resnet import ATTRIBUTES

GROUPS = {
    "celeba": ("Eyeglasses", "Wearing_Hat", "Heavy_Makeup", "Gray_Hair", "Bald", "Goatee"),
    "utkface": ("race_White", "race_Black", "race_Asian", "race_Indian", "age_under_13", "age_60"),
}


def _cover(picture, face, left, top, right, bottom, colour=(128, 128, 128), round_=False):
    """A copy with a patch over the face; its sides in distances of the eyes, from their middle, along their line."""
    eyes = eye_centres(face.points)
    along = eyes[1] - eyes[0]
    axes = np.stack([along, (-along[1], along[0])])
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) @ axes + eyes.mean(0)
    out = picture.copy()
    if round_:
        middle, (wide, high) = (
            corners.mean(0),
            (np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])),
        )
        angle = np.degrees(np.arctan2(along[1], along[0]))
        cv2.ellipse(out, (tuple(middle), (wide, high), angle), colour, cv2.FILLED)
    else:
        cv2.fillPoly(out, [corners.round().astype(np.int32)], colour)
    return out


def _dark_glasses(picture, face):
    black = (15, 15, 18)
    out = _cover(picture, face, -0.95, -0.28, -0.12, 0.36, black, True)
    out = _cover(out, face, 0.12, -0.28, 0.95, 0.36, black, True)
    return _cover(out, face, -1.1, -0.16, 1.1, -0.06, black)


def _blur(picture, face, share):
    return cv2.GaussianBlur(picture, (0, 0), share * _distance(face))


def _shrink(picture, face, pixels):
    scale = pixels / _distance(face)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _distance(face):
    return float(np.linalg.norm(np.subtract(*eye_centres(face.points))))


def _gain(picture, factor):
    return np.clip(picture * float(factor), 0, 255).astype(np.uint8)


SPOILT = {
    "gain 0.08": lambda x, face: _gain(x, 0.08),
    "gain 0.3": lambda x, face: _gain(x, 0.3),
    "gain 3": lambda x, face: _gain(x, 3),
    "gain 5": lambda x, face: _gain(x, 5),
    "blur of 0.12 eye distances": lambda x, face: _blur(x, face, 0.12),
    "blur of 0.2 eye distances": lambda x, face: _blur(x, face, 0.2),
    "20 pixels between the eyes": lambda x, face: _shrink(x, face, 20),
    "14 pixels between the eyes": lambda x, face: _shrink(x, face, 14),
    "grey box over nose and mouth": lambda x, face: _cover(x, face, -0.85, 0.25, 0.85, 1.75),
    "blue box over nose and mouth": lambda x, face: _cover(x, face, -0.85, 0.25, 0.85, 1.75, (150, 190, 215)),
    "grey box over the eyes": lambda x, face: _cover(x, face, -1, -0.35, 1, 0.3),
    "dark glasses": _dark_glasses,
    "squeezed to 0.6 of the width": lambda x, face: cv2.resize(x, None, fx=0.6, fy=1, interpolation=cv2.INTER_AREA),
    "squeezed to 0.45 of the width": lambda x, face: cv2.resize(x, None, fx=0.45, fy=1, interpolation=cv2.INTER_AREA),
    "cut through the middle": lambda x, face: np.ascontiguousarray(x[:, : round(float(face.points[:, 0].mean()))]),
}
"""(H, W, 3) RGB and its face → the photo spoilt. A mask, dark glasses and a profile are stand-ins, not real ones."""


class Look(NamedTuple):
    """What the app sees in a picture. crop: (64, 64, 3) as f gets it."""

    face: Face
    quality: Quality
    crop: Image


def look(picture):
    """The face nearest to the middle of a picture, judged as in the app; None where none is found."""
    found = detect(picture)
    if not found:
        return None
    middle = np.array(picture.shape[1::-1]) / 2
    face = min(found, key=lambda f: float(np.linalg.norm(eye_centres(f.points).mean(0) - middle)))
    return Look(face, judge(picture, align(picture, face)), align(picture, face, 64).image)


def band(seen):
    """fine, note, refused or not_found."""
    if seen is None:
        return "not_found"
    return "refused" if seen.quality.refused else "note" if seen.quality.note else "fine"


def shares(looks):
    """What became of faces, as shares, and the reasons that were given, by how often."""
    n, bands = len(looks), Counter(map(band, looks))
    notes = Counter(seen.quality.note.split(": ")[1].split(";")[0] for seen in looks if seen and seen.quality.note)
    ways = ("fine", "note", "refused", "not_found")
    return {"n": n, **{way: round(bands[way] / max(n, 1), 4) for way in ways}, "reasons": dict(notes.most_common())}


def people(data, split, limit, seed, ways=tuple(SPOILT)):
    """Looks at photos of LFW by way of spoiling, as they are first."""
    path = data / "lfw_pairs.zip"
    if not path.is_file():
        raise UserError(f"{path}: missing. The data folder needs lfw_pairs.zip.")
    looks = {name: [] for name in ("as they are", *ways)}
    with zipfile.ZipFile(path) as pack:
        names = [
            n for n in sorted(pack.namelist()) if n.endswith(".jpg") and split_of_person(n.rsplit("_", 1)[0]) == split
        ]
        for name in np.random.default_rng(seed).permutation(names)[:limit]:
            picture = cv2.imdecode(np.frombuffer(pack.read(name), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].copy()
            plain = look(picture)
            looks["as they are"].append(plain)
            for way in ways:
                looks[way].append(look(SPOILT[way](picture, plain.face)) if plain else None)
    return looks


def groups(data, split, limit, seed):
    """{set: (looks, labels)} of photos as they are. CelebA's are enlarged twice, their eyes being 19 pixels apart;
    UTKFace's end at the chin and get a border."""
    seen = {}
    for name, read, times, border in (("celeba", portraits.celeba, 2, 0), ("utkface", portraits.utkface, 1, 25)):
        photos = read(data, split, ATTRIBUTES)
        chosen = np.random.default_rng(seed).permutation(len(photos))[:limit]
        looks = []
        for picture in photos.pictures[chosen]:
            large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
            looks.append(look(cv2.copyMakeBorder(large, *[border] * 4, cv2.BORDER_REPLICATE)))
        seen[name] = looks, photos.labels[chosen]
    return seen


def drawings(data, limit, seed):
    """Looks at cartoons; none where the folder lacks them."""
    path = data / "cartoonset.zip"
    if not path.is_file():
        return []
    with zipfile.ZipFile(path) as pack:
        names = np.random.default_rng(seed).permutation(sorted(n for n in pack.namelist() if n.endswith(".jpg")))
        pictures = [cv2.imdecode(np.frombuffer(pack.read(n), np.uint8), cv2.IMREAD_COLOR) for n in names[:limit]]
    return [look(cv2.resize(p[..., ::-1], (256, 256), interpolation=cv2.INTER_CUBIC)) for p in pictures]


def kept(looks, f):
    """How alike f reads a photo before and after each way of spoiling: the mean correlation of the attributes' logits,
    standardised over the unspoilt photos. ``another``: two different people's photos, for comparison."""

    @torch.no_grad()
    def read(seen):
        return f.logits(f(to_tensor([look.crop for look in seen]))).numpy()

    plain = looks["as they are"]
    before = read([seen for seen in plain if seen])
    mean, deviation = before.mean(0), before.std(0)
    rows = iter(before)
    before = [next(rows) if seen else None for seen in plain]

    def alike(pairs):
        scores = [np.corrcoef((x - mean) / deviation, (y - mean) / deviation)[0, 1] for x, y in pairs]
        return round(float(np.mean(scores)), 3)

    scores = {}
    for way in SPOILT:
        pairs = [(x, seen) for x, seen in zip(before, looks[way]) if seen]
        if pairs:
            scores[way] = alike(zip([x for x, _ in pairs], read([seen for _, seen in pairs])))
    found = [x for x in before if x is not None]
    return {**scores, "another": alike(zip(found, found[1:]))}


def main(argv=None):
    parser = argparse.ArgumentParser(description="What the confidence of a face is worth, on real photos.")
    parser.add_argument("--data", help="folder of the data packs (default: $DTN_DATA)")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="val to choose by, test to report")
    parser.add_argument("-n", type=int, default=200, help="photos of people, each spoilt in every way (default 200)")
    parser.add_argument("--groups", type=int, default=1000, help="photos of each set of the groups (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="which photos (default 0)")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        data = portraits.data_folder(arguments.data)
        f = checkpoint.load_encoder("encoder")
        looks = people(data, arguments.split, arguments.n, arguments.seed)
        sets = groups(data, arguments.split, arguments.groups, arguments.seed)
        drawn = drawings(data, arguments.n, arguments.seed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "split": arguments.split,
        "seed": arguments.seed,
        "thresholds": {"refused": MIN_CONFIDENCE, "unsure": NOTE_CONFIDENCE},
        "encoder": checkpoint.weights_hash(checkpoint.find("encoder")),
        "people": {way: shares(seen) for way, seen in looks.items()},
        "kept": kept(looks, f),
        "groups": {
            f"{name}: {group}": shares([seen for seen, row in zip(found, labels) if row[ATTRIBUTES.index(group)] == 1])
            for name, (found, labels) in sets.items()
            for group in GROUPS[name]
        },
        "sets": {name: shares(found) for name, (found, _) in sets.items()},
        "drawings": shares(drawn),
    }
    rows = report["people"] | report["sets"] | report["groups"] | {"drawings": report["drawings"]}
    print(table({name: row for name, row in rows.items() if row["n"]}))
    if arguments.output:
        save(report, arguments.output)
    return 0


def table(rows):
    """Shares by name as Markdown."""
    lines = ["| % of faces | n | fine | with a note | refused | not found |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        cells = " | ".join(f"{100 * row[key]:.1f}" for key in ("fine", "note", "refused", "not_found"))
        lines.append(f"| {name} | {row['n']} | {cells} |")
    return "\n".join(lines)


def by_label(report):
    """The shares of the groups that are called fine, in words."""
    shares = {name.split(": ")[1].removeprefix("race_"): row for name, row in report["groups"].items()}
    return ", ".join(f"{name.replace('_', ' ')} {row['fine']:.0%} ({row['n']})" for name, row in shares.items())


if __name__ == "__main__":
    sys.exit(main())

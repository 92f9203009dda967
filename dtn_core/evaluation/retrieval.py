"""Retrieval of the person by the emoji: the paper's Table 4, on pairs of photos.

The emoji of one photo is the query; the gallery has a second photo of each person, and photos of other people. The
descriptor is dlib's face embedding (`networks.encoders.DlibEncoder`), standardised per domain, compared by cosine.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.metrics import ranks
from ..core.types import Image
from ..data.portraits import Split
from ..faces.align import align, eye_centres
from ..faces.detect import detect
from .schema import Retrieval


@dataclass(frozen=True)
class Pairs:
    """Two photos of each of N people.

    Attributes:
        queries: (N, S, S, 3) uint8 head crops.
        targets: The same of the second photos.
        missed: How many people were left out because no face was detected.
    """

    queries: Image
    targets: Image
    missed: int

    def __len__(self) -> int:
        return len(self.queries)


def split_of_person(person: str) -> Split:
    """Return the part a person belongs to, by the name: 30% val, the rest test; nothing is trained on them."""
    return "val" if zlib.crc32(person.encode()) % 100 < 30 else "test"


def pairs(data: Path, split: Split, limit: int | None = None, size: int = 128) -> Pairs | None:
    """Load the people of ``lfw_pairs.zip``, with faces detected and aligned as in the app.

    ``First_Last_0001.jpg`` is the query, ``First_Last_0002.jpg`` the target. None if the folder has no pack.

    Raises:
        UserError: The pack is damaged.
    """
    path = data / "lfw_pairs.zip"
    if not path.is_file():
        return None
    queries, targets, missed = [], [], 0
    try:
        with zipfile.ZipFile(path) as pack:
            people: dict[str, list[str]] = {}
            for name in sorted(n for n in pack.namelist() if n.endswith(".jpg")):
                people.setdefault(name.rsplit("_", 1)[0], []).append(name)
            chosen = [names for person, names in people.items() if split_of_person(person) == split and len(names) > 1]
            for names in chosen[:limit]:
                heads = [_head(pack.read(name), size) for name in names[:2]]
                if any(head is None for head in heads):
                    missed += 1
                    continue
                queries.append(heads[0])
                targets.append(heads[1])
    except (OSError, zipfile.BadZipFile, cv2.error) as error:
        raise UserError(f"{path}: damaged ({str(error).splitlines()[0]}). Get the pack again.") from None
    if not queries:
        return None
    return Pairs(np.stack(queries), np.stack(targets), missed)


def _head(jpeg: bytes, size: int) -> Image | None:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise zipfile.BadZipFile("a picture can't be read")
    picture = np.ascontiguousarray(picture[..., ::-1])
    faces = detect(picture)
    if not faces:
        return None
    middle = np.array(picture.shape[1::-1]) / 2  # the pack centres each picture on its person
    face = min(faces, key=lambda f: float(np.linalg.norm(eye_centres(f.points).mean(0) - middle)))
    return align(picture, face, size).image


def retrieval(queries: Tensor, gallery: Tensor) -> Retrieval:
    """Rank (N, d) standardised photos by cosine to (Q, d) standardised queries; query i looks for photo i."""
    similar = F.normalize(queries, dim=1) @ F.normalize(gallery, dim=1).T
    return summary(ranks(similar.numpy(), np.arange(len(queries))), len(gallery))


def summary(places: np.ndarray, n: int) -> Retrieval:
    """Summarise (Q,) ranks among n."""
    median = float(np.median(places))
    return {
        "median_rank": median,
        "share": round(median / n, 4),
        "rank_1": round(float((places <= 1).mean()), 4),
        "rank_5": round(float((places <= 5).mean()), 4),
    }


def chance(n: int) -> Retrieval:
    """Return the expected figures of random guessing among n photos."""
    return {
        "median_rank": (n + 1) / 2,
        "share": round((n + 1) / 2 / n, 4),
        "rank_1": round(1 / n, 4),
        "rank_5": round(min(1.0, 5 / n), 4),
    }

"""Identity: can the person be found again from the emoji? The paper's Table 4, on pairs of photos.

The emoji of one photo is the query; the gallery is another photo of everybody asked for, and photos of strangers. The
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
    """Two head crops of each person, (N, S, S, 3) uint8. missed: people left out, no face being found in a picture."""

    queries: Image
    targets: Image
    missed: int

    def __len__(self) -> int:
        return len(self.queries)


def half_of(person: str) -> Split:
    """The part a person of the pairs belongs to, from the name alone: 30% val, the rest test. None are trained on."""
    return "val" if zlib.crc32(person.encode()) % 100 < 30 else "test"


def pairs(data: Path, split: Split, limit: int | None = None, size: int = 128) -> Pairs | None:
    """People of ``lfw_pairs.zip`` (``First_Last_0001.jpg`` and ``…_0002.jpg``: the query and the sought), faces found
    and aligned as in the app. None where the folder lacks the pack. Raises UserError if it is damaged."""
    path = data / "lfw_pairs.zip"
    if not path.is_file():
        return None
    queries, targets, missed = [], [], 0
    try:
        with zipfile.ZipFile(path) as pack:
            people: dict[str, list[str]] = {}
            for name in sorted(n for n in pack.namelist() if n.endswith(".jpg")):
                people.setdefault(name.rsplit("_", 1)[0], []).append(name)
            chosen = [names for person, names in people.items() if half_of(person) == split and len(names) > 1]
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
    found = detect(picture)
    if not found:
        return None
    middle = np.array(picture.shape[1::-1]) / 2  # the pack centres each picture on its person; others stand aside
    face = min(found, key=lambda f: float(np.linalg.norm(eye_centres(f.points).mean(0) - middle)))
    return align(picture, face, size).image


def retrieval(queries: Tensor, gallery: Tensor) -> Retrieval:
    """Figures of (Q, d) standardised queries among (N, d) standardised photos; query i seeks photo i.

    median_rank: 1 is best; share: of N; rank_1, rank_5: shares of the queries found in the first place, in five.
    """
    similar = F.normalize(queries, dim=1) @ F.normalize(gallery, dim=1).T
    return summary(ranks(similar.numpy(), np.arange(len(queries))), len(gallery))


def summary(places: np.ndarray, n: int) -> Retrieval:
    """The figures of (Q,) ranks among n."""
    median = float(np.median(places))
    return {
        "median_rank": median,
        "share": round(median / n, 4),
        "rank_1": round(float((places <= 1).mean()), 4),
        "rank_5": round(float((places <= 5).mean()), 4),
    }


def chance(n: int) -> Retrieval:
    """What blind guessing among n photos is expected to score."""
    return {
        "median_rank": (n + 1) / 2,
        "share": round((n + 1) / 2 / n, 4),
        "rank_1": round(1 / n, 4),
        "rank_5": round(min(1.0, 5 / n), 4),
    }

"""The reference that translations are measured against, and all measures of their pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.metrics import mean_pairwise_distance
from ..networks.encoders import DlibEncoder, Standardise
from ..networks.judge import Judge
from .cleanliness import cleanliness, flatness, judge_features
from .measures import by_people, judge_all_right, judge_confusion, question_accuracy
from .nets import batched, to_images
from .photos import Photos
from .questions import judge_scores
from .retrieval import chance, retrieval
from .schema import Figures, Measure, Retrieval, Row


class Reference:
    """The labels, the gallery of photos and the rendered avatars that translations are measured against.

    Args:
        photos: Held-out photos.
        judge: Judge of the style.
        pool: (M, 3, 64, 64) avatars, which give the statistics of t.
        clean: (C, 3, 64, 64) others; cleanliness is measured against one half, and of the other half for comparison.
        seed: Seed of every random choice.
        unasked: Attributes that the judge can't be asked for.
    """

    def __init__(
        self, photos: Photos, judge: Judge, pool: Tensor, clean: Tensor, seed: int, unasked: Sequence[str] = ()
    ) -> None:
        self.photos = photos
        self.truth = photos.truth
        self.judge = judge
        self.seed = seed
        self.unasked = unasked
        self.reference, self.others = (judge_features(judge, part) for part in clean.chunk(2))
        self.flatness = flatness(clean, seed)
        self.spread = mean_pairwise_distance(to_images(pool))
        # dlib's embedding identifies people; g wasn't trained towards it, unless its f contains it.
        self.dlib = DlibEncoder().eval().requires_grad_(False)
        self.to_t = Standardise.of(batched(self.dlib, pool[:1000]))
        raw = {k: batched(self.dlib, v) for k, v in photos.crops.items()}
        targets = [] if photos.targets is None else [batched(self.dlib, photos.targets)]
        gallery = torch.cat([*targets, raw["celeba"], raw["utkface"]])
        to_s = Standardise.of(gallery)
        self.embedded = {k: to_s(v) for k, v in raw.items()}
        self.gallery = to_s(gallery) if targets else None

    def retrieve(self, queries: Tensor) -> Retrieval | None:
        """Retrieval by (Q, 128) standardised embeddings of the people in "pairs"; None without a gallery."""
        return None if self.gallery is None else retrieval(queries, self.gallery)

    def measure(self, pictures: dict[str, Tensor]) -> tuple[Tensor, Figures]:
        """The judge's logits on CelebA and all figures of a translation that needn't know its f; pictures: set →
        (N, 3, 64, 64) in the photos' places."""
        judged = {k: batched(self.judge, pictures[k]) for k in self.truth}
        scores = {k: judge_scores(v, self.unasked) for k, v in judged.items()}
        z = {k: self.to_t(batched(self.dlib, v)) for k, v in pictures.items() if k != "utkface"}
        spread = mean_pairwise_distance(to_images(pictures["celeba"]), seed=self.seed)
        return judged["celeba"], {
            "agreement": question_accuracy(self.truth, scores),
            "all_right": judge_all_right(self.truth["celeba"], scores["celeba"]),
            "judged": judge_confusion(self.truth["celeba"], scores["celeba"]),
            "people": by_people(self.truth, scores),
            "retrieval": self.retrieve(z["pairs"]) if "pairs" in z else None,
            "cleanliness": cleanliness(judge_features(self.judge, pictures["celeba"]), self.reference, self.seed),
            "flatness": flatness(pictures["celeba"], self.seed),
            "diversity": round(spread, 4),
            "diversity_share": round(spread / self.spread, 3),
            "dlib_constancy": distance(z["celeba"], self.embedded["celeba"]),
        }

    def summary(self, rows: dict[str, Row]) -> Measure:
        """Rows of figures, how many pictures each is of, and what a figure is without a translation."""
        gallery = 0 if self.gallery is None else len(self.gallery)
        return {
            "n": {**{k: len(v) for k, v in self.photos.crops.items()}, "gallery": gallery},
            "pairs_without_a_face": self.photos.missed,
            "avatars_compared_with": len(self.reference[0]),
            "rows": rows,
            "real_avatars": {
                "cleanliness": cleanliness(self.others, self.reference, self.seed),
                "flatness": self.flatness,
            },
            "photo_itself": self.retrieve(self.embedded["pairs"]) if gallery else None,
            "chance": chance(gallery) if gallery else None,
        }


def distance(a: Tensor, b: Tensor) -> float:
    """Return the mean squared difference."""
    return round(float((a - b).square().mean()), 4)

"""All figures of the avatars that a checkpoint draws."""

from __future__ import annotations

import statistics
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ...avatars.attributes import Attributes
from ...avatars.predict import AvatarPredictor
from ...core import images
from ...core.types import Image
from ...networks.judge import Judge
from ...pipeline.model import Checkpoint
from ..baselines import NEAREST
from ..cleanliness import cleanliness, judge_features
from ..measures import all_right
from ..nets import to_images
from ..photos import Photos
from ..questions import Truth, members
from . import lighting_robustness, people
from .accuracy import probability_aucs, question_confusions
from .attribute_matching import FIRST_SEED, POOL_SIZE, matching_drawings
from .depicted_attributes import answers_of, answers_of_f, of_attributes, supported_questions
from .likeness import likeness
from .predictions import AvatarPredictions, Point, predict_avatars

POINTS: dict[str, Point] = {"drawn": "sure", "drawn_balanced": "balanced"}
"""Name of the figures → operating point."""

TIMED_RUNS = 50
WARM_UP_RUNS = 3


def measure(
    loaded: Checkpoint,
    photos: Photos,
    painted: dict[str, Tensor],
    predictions: dict[str, AvatarPredictions],
    nearest: list[Attributes],
    judge: Judge,
    seed: int,
) -> dict[str, Any]:
    """Measure everything that parameters and probabilities tell; JSON-ready.

    Args:
        loaded: The checkpoint.
        photos: Held-out photos.
        painted: Dataset → G of its photos; empty without g.
        predictions: Dataset → c's predictions.
        nearest: Attributes of the avatars whose f is nearest to CelebA's photos.
        judge: Judge of the style.
        seed: Seed of every random choice.
    """
    predictor, truth, style = loaded.predictor, photos.truth, loaded.predictor.style
    celeba, utkface = predictions["celeba"], predictions["utkface"]
    answers = {name: celeba.answers(point) for name, point in POINTS.items()}
    answers[NEAREST] = answers_of(style, [of_attributes(a) for a in nearest])
    answers["f"] = answers_of_f(style, celeba.attributes)
    groups = members(truth["utkface"])["group"]
    heads = lighting_robustness.sample_heads({name: photos.crops[name] for name in ("celeba", "utkface")}, seed)
    luminance = lighting_robustness.luminances(photos.crops["utkface"])
    return {
        "hash": loaded.hash,
        "drawer": predictor.hash,
        "style": style,
        "seed": seed,
        "asked": supported_questions(style),
        "all_right": {name: all_right(truth["celeba"], *one) for name, one in answers.items()},
        "questions": {name: question_confusions(truth["celeba"], one) for name, one in answers.items()},
        "soft": probability_aucs(truth, celeba, utkface),
        "people": _people(truth, celeba, utkface),
        "skin": _skin(photos, painted, utkface),
        "light": lighting_robustness.light_ranges(loaded, heads),
        "brown_skin": lighting_robustness.brown_skin(utkface.skin()[:, 0], luminance, groups),
        "cleanliness": {name: matched_cleanliness(celeba, point, judge, seed) for name, point in POINTS.items()},
        "same_person": same_person(predictor, photos, predictions),
        "ms": speed(predictor, photos.crops["celeba"]),
    }


def _people(truth: dict[str, Truth], celeba: AvatarPredictions, utkface: AvatarPredictions) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, point in POINTS.items():
        figures[name] = {}
        for dataset, predictions in (("utkface", utkface), ("celeba", celeba)):
            read = answers_of_f(predictions.predictor.style, predictions.attributes)
            figures[name][dataset] = people.drawn_by_group(truth[dataset], predictions.answers(point), read)
    return figures


def _skin(photos: Photos, painted: dict[str, Tensor], utkface: AvatarPredictions) -> dict[str, Any]:
    groups = members(photos.truth["utkface"])["group"]
    cheeks = people.cheek_colors(photos.crops["utkface"])
    skins = {"drawn": utkface.skin()}
    if painted:
        skins["painted"] = people.cheek_colors(to_images(painted["utkface"]))
    return {name: people.skin_errors(lab, cheeks, groups) for name, lab in skins.items()}


def matched_cleanliness(celeba: AvatarPredictions, point: Point, judge: Judge, seed: int) -> dict[str, Any]:
    """Return `cleanliness` of drawings against avatars with the same attributes.

    Returns:
        The figures, with real: the same of other such avatars; matched: the share of drawings with an exact match.
    """
    drawings = [avatar.parameters for avatar in celeba.avatars[point]]
    matches, share = matching_drawings(drawings, seed)
    others, _ = matching_drawings(drawings, seed, FIRST_SEED + POOL_SIZE)
    reference = judge_features(judge, matches)
    drawn = cleanliness(judge_features(judge, celeba.pictures(point)), reference, seed)
    real = cleanliness(judge_features(judge, others), reference, seed)
    return {**drawn, "real": real, "matched": share, "n": len(drawings)}


def same_person(
    predictor: AvatarPredictor, photos: Photos, predictions: dict[str, AvatarPredictions]
) -> dict[str, Any] | None:
    """Return `likeness` of the pairs; None without pairs."""
    if photos.targets is None:
        return None
    return likeness(predictions["pairs"], predict_avatars(predictor, photos.targets, ("sure",)))


def speed(predictor: AvatarPredictor, crops: Image, runs: int = TIMED_RUNS) -> dict[str, Any]:
    """Return median milliseconds on one thread of what c adds to f: its choice, and resvg's picture of 256 px."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = [_timed(predictor, images.to_tensor([crops[i % len(crops)]])) for i in range(runs + WARM_UP_RUNS)]
    finally:
        torch.set_num_threads(threads)
    times = times[WARM_UP_RUNS:]
    choice, picture = (statistics.median(column) for column in zip(*times))
    both = statistics.median(a + b for a, b in times)
    return {"choice": round(choice, 2), "picture": round(picture, 2), "both": round(both, 2), "n": runs, "threads": 1}


def _timed(predictor: AvatarPredictor, x: Tensor) -> tuple[float, float]:
    """Return milliseconds of c's choice and of the picture."""
    with torch.no_grad():
        features = predictor.f(x)
    start = perf_counter()
    (avatar,) = predictor.decide(predictor.read(features))
    chosen = perf_counter()
    avatar.image(256)
    return 1000 * (chosen - start), 1000 * (perf_counter() - chosen)

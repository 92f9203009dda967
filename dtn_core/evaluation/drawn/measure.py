"""All figures of what a checkpoint's c draws."""

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
from ..questions import members
from . import lighting_robustness as light
from . import people
from .accuracy import questions, soft
from .attribute_matching import COUNT, MATCHED, matched
from .depicted_attributes import answers, asked, of_attributes, read
from .likeness import likeness
from .predictions import Point, Portrayed, portray

POINTS: dict[str, Point] = {"drawn": "sure", "drawn_balanced": "balanced"}
"""Name of the figures → operating point."""

TURNS = 50


def measure(
    made: Checkpoint,
    photos: Photos,
    painted: dict[str, Tensor],
    portrayed: dict[str, Portrayed],
    nearest: list[Attributes],
    judge: Judge,
    seed: int,
) -> dict[str, Any]:
    """A JSON-ready dictionary.

    painted, portrayed: set → what G makes of its photos (empty without g), and what c does; nearest: of the avatars
    whose f is nearest to CelebA's photos.
    """
    predictor, celeba, utkface = made.predictor, portrayed["celeba"], portrayed["utkface"]
    style, truth = predictor.style, photos.truth
    said = {name: celeba.answers(point) for name, point in POINTS.items()}
    read_celeba, read_utkface = read(style, celeba.attributes), read(style, utkface.attributes)
    beside = {NEAREST: answers(style, [of_attributes(a) for a in nearest]), "f": read_celeba}
    groups = members(truth["utkface"])["group"]
    cheeks = people.cheeks(photos.crops["utkface"])
    skins = {"drawn": utkface.skin()}
    if painted:
        skins["painted"] = people.cheeks(to_images(painted["utkface"]))
    both = {k: photos.crops[k] for k in ("celeba", "utkface")}
    return {
        "hash": made.hash,
        "drawer": predictor.hash,
        "style": style,
        "seed": seed,
        "asked": asked(style),
        "all_right": {name: all_right(truth["celeba"], *told) for name, told in (said | beside).items()},
        "questions": {name: questions(truth["celeba"], told) for name, told in (said | beside).items()},
        "soft": soft(truth, celeba, utkface),
        "people": {
            name: {
                "utkface": people.given(truth["utkface"], utkface.answers(point), read_utkface),
                "celeba": people.given(truth["celeba"], said[name], read_celeba),
            }
            for name, point in POINTS.items()
        },
        "skin": {name: people.skin_errors(lab, cheeks, groups) for name, lab in skins.items()},
        "light": light.steadiness(made, light.some(both, seed)),
        "brown_skin": light.brown_skin(utkface.skin()[:, 0], light.luminances(photos.crops["utkface"]), groups),
        "cleanliness": {name: clean(celeba, point, judge, seed) for name, point in POINTS.items()},
        "same_person": same_person(predictor, photos, portrayed),
        "ms": speed(predictor, photos.crops["celeba"]),
    }


def clean(celeba: Portrayed, point: Point, judge: Judge, seed: int) -> dict[str, Any]:
    """`cleanliness` of drawings beside avatars with the same attributes; real: of other such avatars beside them;
    matched: the share of drawings one of which has all of its attributes."""
    drawings = [avatar.parameters for avatar in celeba.avatars[point]]
    alike, share = matched(drawings, seed)
    others, _ = matched(drawings, seed, MATCHED + COUNT)
    reference = judge_features(judge, alike)
    drawn = cleanliness(judge_features(judge, celeba.pictures(point)), reference, seed)
    real = cleanliness(judge_features(judge, others), reference, seed)
    return {**drawn, "real": real, "matched": share, "n": len(drawings)}


def same_person(predictor: AvatarPredictor, photos: Photos, portrayed: dict[str, Portrayed]) -> dict[str, Any] | None:
    """`likeness` of the pairs; None without any."""
    if photos.targets is None:
        return None
    return likeness(portrayed["pairs"], portray(predictor, photos.targets, ("sure",)))


def speed(predictor: AvatarPredictor, crops: Image, turns: int = TURNS) -> dict[str, Any]:
    """Median milliseconds on one thread of what c adds to f: the choice, f in even light among it, and resvg's 256
    px."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = [_once(predictor, images.to_tensor([crops[i % len(crops)]])) for i in range(turns + 3)][3:]
    finally:
        torch.set_num_threads(threads)
    choice, picture = (statistics.median(column) for column in zip(*times))
    whole = statistics.median(a + b for a, b in times)
    return {"choice": round(choice, 2), "picture": round(picture, 2), "both": round(whole, 2), "n": turns, "threads": 1}


def _once(predictor: AvatarPredictor, x: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        features = predictor.f(x)
    start = perf_counter()
    (avatar,) = predictor.choose(features, predictor.skin_features(x))
    chosen = perf_counter()
    avatar.image(256)
    return 1000 * (chosen - start), 1000 * (perf_counter() - chosen)

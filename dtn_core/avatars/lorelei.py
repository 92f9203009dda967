"""Lorelei's definition with its layers side by side: DiceBear's nests the face in the head and the head in the hair."""

from __future__ import annotations

from typing import Any


def flat(definition: dict[str, Any]) -> dict[str, Any]:
    """The same drawing: what hair lies behind the head becomes the layer rearHair, and the mouth that shows through a
    beard the layer lips."""
    parts = definition["components"]
    hair, head = parts["hair"]["variants"], parts["head"]["variants"]
    whole, *above = definition["canvas"]["elements"]
    split = {name: _split(variant["elements"]) for name, variant in hair.items()}
    inner = next(iter(split.values()))[1][0]
    features = _split(next(iter(head.values()))["elements"])[1]
    rear = {name: {"elements": behind} for name, (behind, _, _) in split.items()}
    front = {name: {"elements": before} for name, (_, _, before) in split.items()}
    skulls = {name: {"elements": _split(variant["elements"])[0]} for name, variant in head.items()}
    beards = {name: {"elements": variant["elements"][:1]} for name, variant in parts["beard"]["variants"].items()}
    lips = {name: {"elements": _pale(variant["elements"])} for name, variant in parts["mouth"]["variants"].items()}
    made = {
        **parts,
        "hair": {**parts["hair"], "variants": front},
        "rearHair": {**parts["hair"], "variants": rear},
        "head": {**parts["head"], "variants": skulls},
        "beard": {**parts["beard"], "variants": beards},
        "lips": {**parts["mouth"], "variants": lips},
    }
    placed = [_placed("rearHair", whole), _placed("head", whole, inner)]
    for feature in features:
        placed.append(_placed(feature["name"], whole, inner, feature))
        if feature["name"] == "beard":
            mouth = next(other for other in features if other["name"] == "mouth")
            placed.append(_placed("lips", whole, inner, mouth))
    canvas = {**definition["canvas"], "elements": [*placed, _placed("hair", whole), *above]}
    return {**definition, "components": made, "canvas": canvas}


def _split(elements: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], ...]:
    """(what is drawn before the nested components, these, what is drawn after them)"""
    at = [i for i, element in enumerate(elements) if element["type"] == "component"]
    return elements[: at[0]], elements[at[0] : at[-1] + 1], elements[at[-1] + 1 :]


def _placed(name: str, *places: dict[str, Any]) -> dict[str, Any]:
    """A component on the canvas; places: the components that it lay in, and where."""
    transform = " ".join(place["attributes"]["transform"] for place in places)
    return {"name": name, "type": "component", "attributes": {"transform": transform}}


def _pale(elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the artist's translucent white."""
    return [{**e, "attributes": {**e["attributes"], "fill": "white", "fill-opacity": ".4"}} for e in elements]

"""What slots mean beyond their style: an edit is carried to another style where that has a counterpart."""

from __future__ import annotations

from collections.abc import Collection

from .parameters import SPECS, Parameters

ROLES = {
    "hair": ("top", "hair", "rearHair"),
    "facial hair": ("facialHair", "beard"),
    "glasses": ("accessories", "glasses"),
    "mouth": ("mouth",),
}
"""Role → the slots that play it; a style has some of them."""

_ORDER = ("hat", "bald", "none", "moustache", "beard", "dark", "clear", "long", "short", "either", "hair")


def role_of(slot: str) -> str | None:
    """The role that a slot plays; None where it has none."""
    return next((role for role, slots in ROLES.items() if slot in slots), None)


def meaning(parameters: Parameters) -> dict[str, set[str]]:
    """Role → the kinds (`Spec.kinds`) that its slots show; roles that the style lacks are left out."""
    made: dict[str, set[str]] = {}
    for role, slots in ROLES.items():
        kinds = {parameters.kind_of(slot) for slot in slots if slot in parameters.variants} - {None}
        if kinds:
            made[role] = kinds
    return made


def carry(edited: Collection[str], source: Parameters, target: Parameters) -> tuple[Parameters, list[str]]:
    """target with what was edited of source, where its style has a counterpart; and the names of what was carried.

    edited: slots, "colour:NAME"s and "shape:NAME"s. A slot with a role is carried by its kind: the target keeps its
    variant if that is of this kind, and takes the kind's first otherwise; others are carried where names are equal.
    """
    variants, colours, shape = dict(target.variants), dict(target.colours), dict(target.shape)
    shown, carried = meaning(source), []
    for name in edited:
        what, _, part = name.rpartition(":")
        given, taken = (source.colours, colours) if what == "colour" else (source.shape, shape)
        if what and part in given and part in taken:
            taken[part] = given[part]
            carried.append(name)
        elif source.style != target.style and (role := role_of(name)):
            for slot in ROLES[role]:
                kind = _counterpart(target, slot, shown.get(role, set()))
                if kind and slot not in carried:
                    if variants[slot] not in target.spec.kinds[slot][kind]:
                        variants[slot] = target.spec.kinds[slot][kind][0]
                    carried.append(slot)
        elif name in variants and source.variants.get(name) in target.spec.slots[name]:
            variants[name] = source.variants[name]
            carried.append(name)
    return Parameters(target.style, variants, colours, shape), carried


def _counterpart(target: Parameters, slot: str, kinds: set[str]) -> str | None:
    """Which kind of a slot of the target shows the same; None where there is none."""
    known = SPECS[target.style].kinds.get(slot, {})
    for kind in sorted(kinds, key=lambda k: _ORDER.index(k) if k in _ORDER else len(_ORDER)):
        if kind in known:
            return kind
    if "smile" in kinds and "laugh" in known:
        return "laugh"
    if "bald" in known and "hair" in known and kinds & {"long", "short", "either"}:
        return "hair"
    if set(known) == {"short", "long"} and "bald" in kinds:
        return "short"
    return None

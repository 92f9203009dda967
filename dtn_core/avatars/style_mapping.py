"""Map edits from one style to another, by the roles of slots and the kinds of their variants."""

from __future__ import annotations

from collections.abc import Collection

from .parameters import SPECS, Parameters
from .styles import DRAWINGS


def _slots_by_role() -> dict[str, tuple[str, ...]]:
    slots: dict[str, list[str]] = {}
    for drawing in DRAWINGS.values():
        for role, names in drawing.roles.items():
            slots.setdefault(role, []).extend(names)
    return {role: tuple(dict.fromkeys(names)) for role, names in slots.items()}


ROLES = _slots_by_role()
"""Role ("hair", "glasses") → the slots of any style that have it."""

_PRIORITY = ("hat", "bald", "none", "moustache", "beard", "dark", "clear", "long", "short", "either", "hair")
"""Kinds in order of preference where several slots of the source have the same role."""


def role_of(slot: str) -> str | None:
    """The role of a slot, or None."""
    return next((role for role, slots in ROLES.items() if slot in slots), None)


def kinds_by_role(parameters: Parameters) -> dict[str, set[str]]:
    """Role → the kinds (`Spec.kinds`) of its slots. Roles that the style lacks are left out."""
    meanings: dict[str, set[str]] = {}
    for role, slots in ROLES.items():
        kinds = {parameters.kind_of(slot) for slot in slots if slot in parameters.variants} - {None}
        if kinds:
            meanings[role] = kinds
    return meanings


def transfer_edits(edited: Collection[str], source: Parameters, target: Parameters) -> tuple[Parameters, list[str]]:
    """Apply edits of one avatar to another one, also of another style.

    Args:
        edited: Slots, "colour:NAME" and "shape:NAME" that were edited.
        source: The edited avatar.
        target: The avatar to apply the edits to.

    Returns:
        The edited target, and the names of the entries that changed. Between styles a slot with a role is mapped by its
        kind: the target keeps a variant of the same kind, or else gets the first variant of that kind. Anything else is
        applied where both styles have the same name.
    """
    variants = dict(target.variants)
    colours = dict(target.colours)
    shape = dict(target.shape)
    meanings = kinds_by_role(source)
    carried: list[str] = []
    for name in edited:
        what, _, entry = name.rpartition(":")
        given, taken = (source.colours, colours) if what == "colour" else (source.shape, shape)
        if what and entry in given and entry in taken:
            taken[entry] = given[entry]
            carried.append(name)
        elif source.style != target.style and (role := role_of(name)):
            for slot in ROLES[role]:
                kind = _counterpart(target, slot, meanings.get(role, set()))
                if kind and slot not in carried:
                    if variants[slot] not in target.spec.kinds[slot][kind]:
                        variants[slot] = target.spec.kinds[slot][kind][0]
                    carried.append(slot)
        elif name in variants and source.variants.get(name) in target.spec.slots[name]:
            variants[name] = source.variants[name]
            carried.append(name)
    return Parameters(target.style, variants, colours, shape), carried


def _counterpart(target: Parameters, slot: str, kinds: set[str]) -> str | None:
    """The kind of a target's slot that corresponds to the source's kinds, or None."""
    known = SPECS[target.style].kinds.get(slot, {})
    for kind in sorted(kinds, key=lambda k: _PRIORITY.index(k) if k in _PRIORITY else len(_PRIORITY)):
        if kind in known:
            return kind
    if "smile" in kinds and "laugh" in known:
        return "laugh"
    if "bald" in known and "hair" in known and kinds & {"long", "short", "either"}:
        return "hair"
    if set(known) == {"short", "long"} and "bald" in kinds:
        return "short"
    return None

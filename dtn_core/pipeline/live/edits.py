"""Avatars with the changes that a user made by hand."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any, NamedTuple

from ...avatars.avatar import Avatar
from ...avatars.parameters import Parameters
from ...avatars.style_mapping import transfer_edits
from ...core.errors import UserError

MAX_EDITED_FACES = 16


class Edit(NamedTuple):
    """What a user changed of an avatar, see `avatars.style_mapping.carry`.

    Attributes:
        parameters: All parameters of the edited avatar.
        edited: Names of those that the user chose; the others follow the network.
    """

    parameters: Parameters
    edited: tuple[str, ...]


class _EditedAvatar(NamedTuple):
    """A cached result of `AvatarEditor.edited_avatar`, and what it was computed from."""

    original: Avatar
    edit: Edit | None
    result: Avatar
    version: int


class AvatarEditor:
    """Applies edits to the avatars of a session, and counts their versions.

    Attributes:
        edits: Edits by the id of the face.
    """

    def __init__(self) -> None:
        self.edits: dict[int, Edit] = {}
        self._cache: dict[int, _EditedAvatar] = {}

    def edited_avatar(self, id: int, avatar: Avatar | None) -> tuple[Avatar | None, int]:
        """Apply the edit of a face to its avatar. Returns the result and its version, which grows with every change."""
        if avatar is None:
            return None, 0
        edit = self.edits.get(id)
        cached = self._cache.get(id)
        if cached is None or cached.original is not avatar or cached.edit is not edit:
            version = cached.version + 1 if cached else 1
            cached = _EditedAvatar(avatar, edit, _apply(edit, avatar), version)
            self._cache[id] = cached
        return cached.result, cached.version

    def edited_slots(self, id: int) -> tuple[str, ...]:
        """Names of the parameters that the user chose for a face."""
        return self.edits[id].edited if id in self.edits else ()

    def retain(self, ids: Container[int]) -> None:
        """Drop the cached avatars of all other faces."""
        self._cache = {id: cached for id, cached in self._cache.items() if id in ids}


def read(values: Any) -> dict[int, Edit]:
    """Check edits as JSON gives them: id → {"parameters": …, "edited": […]}. Raises UserError."""
    try:
        by_id = {int(id): edit for id, edit in dict(values or {}).items()}
        if len(by_id) > MAX_EDITED_FACES:
            raise UserError(f"at most {MAX_EDITED_FACES} faces can be edited.")
        return {id: _parse_edit(edit) for id, edit in by_id.items()}
    except (ValueError, TypeError, AttributeError):
        raise UserError("edits are an object: the face's id → parameters and edited.") from None


def _parse_edit(values: Any) -> Edit:
    parameters = Parameters.from_dict(values.get("parameters"))
    return Edit(parameters, tuple(map(str, values.get("edited", ()))))


def _apply(edit: Edit | None, avatar: Avatar) -> Avatar:
    if edit is None:
        return avatar
    parameters, _ = transfer_edits(edit.edited, edit.parameters, avatar.parameters)
    if parameters == avatar.parameters:
        return avatar
    return replace(avatar, parameters=parameters)

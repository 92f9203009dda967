"""Validation of the files that `compute` writes: one may be of another version, or edited."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=-1e6, le=1e6)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Answers(_Record):
    """Reliability of one question or group.

    Attributes:
        n: How many labels.
        ece: Expected calibration error.
        bins: (n, mean probability, share) each.
    """

    n: Count
    ece: Share | None = None
    bins: list[Annotated[list[Annotated[float, Field(ge=-1e6, le=1e12)]], Field(min_length=3, max_length=3)]]


class _Question(_Answers):
    groups: dict[str, dict[str, _Answers]] = {}


class _Reliability(_Record):
    by: str = ""
    questions: dict[str, _Question] = {}


class _Distances(_Record):
    made: Annotated[list[Share], Field(min_length=5, max_length=5)]
    unseen: Annotated[list[Share], Field(min_length=5, max_length=5)]
    ratio: Share
    closer: Share


class _Compared(_Record):
    made: Count
    unseen: Count
    learnt: Count


class _Pairs(_Record):
    nearest: list[Count]


class _Neighbours(_Record):
    n: _Compared
    pixels: _Distances
    f: _Distances
    pairs: _Pairs | None = None


class _Map(_Record):
    method: str
    explained: list[Share]
    points: dict[str, list[Annotated[list[Share], Field(min_length=2, max_length=2)]]]


class _Computed(_Record):
    format: int
    hash: str | None = None
    reliability: _Reliability | None = None
    neighbours: _Neighbours | None = None
    map: _Map | None = None


def validated(content: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the content unchanged, or None if `compute` doesn't write such."""
    try:
        _Computed.model_validate(content)
    except ValidationError:
        return None
    return content

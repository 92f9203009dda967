"""Good bytes and values made bad, by a `random.Random`: a seeded one in the long form (`fuzz`), hypothesis's in the
tests, which makes what fails smaller."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

LARGEST = 1 << 20
"""Bytes of what is made; what is larger on purpose is among a target's own cases."""

TOKENS = (
    b"\xff\xd8\xff", b"\xff\xd9", b"\xff\xda\x00\x08", b"\xff\xc2", b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"IEND",
    b"acTL", b"iCCP", b"zTXt", b"tRNS", b"eXIf", b"Exif\0\0II*\0", b"RIFF", b"WEBPVP8X", b"ANMF", b"GIF89a",
    b"!\xf9\x04",
    b"BM", b"II*\0", b"MM\0*", b"P6 9 9 255\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"ftypavif", b"ftypisom", b"moov",
    b"mdat",
    b"trak", b"tkhd", b"stsz", b"\x1aE\xdf\xa3", b"#EXTM3U\n", b"PK\3\4", b"PK\1\2", b"PK\5\6", b"../", b"\0", b"\n",
    b"\x80\x02cos\nsystem\n", b"__tensor__", b"NaN", b"1e999", b"-1", b"{", b"[[[[", b"<script>", b"\xed\xa0\x80",
)  # fmt: skip
"""Words of the formats that are read here, and of those that attack them."""

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 2, 0.5, -0.0, 2**31, 2**53 + 1, -(2**63), 10**400, 1e308, 5e-324, float("nan"),
    float("inf"), float("-inf"), "", "\0", "\n", "a\nb", "\ud800", "\u202egnp.exe", "é", "0", "1e9", "none", "x" * 300,
    "../../../../etc/passwd", "..\\..\\secret", "/etc/passwd", "/proc/self/environ", "file:///etc/passwd", "~root",
    "<script>alert(1)</script>", "\"/><svg onload=alert(1)>", "{{7*7}}", "%s%n", "'; drop table runs; --",
    "javascript:1",
    "#ffffff", "#FFF", "#gggggg", "data:image/png;base64,", [], {}, [None], [[]], {"": None}, ["a", 1],
    {"a": {"b": []}},
    {"__class__": "os.system"}, [[[[[[[[]]]]]]]],
)  # fmt: skip
"""Values that a place for another one doesn't expect."""

FEW: tuple[Any, ...] = (
    None, True, -1, 0.5, 10**400, float("nan"), "", "a\nb", "\ud800", [], {"a": []}, "../../../secret.txt",
    "/etc/passwd",
    "<script>alert(1)</script>",
)  # fmt: skip
"""Some of them, for where there are many places."""


def _place(random: Random, data: bytes) -> int:
    return random.randrange(len(data) + 1)


def _flip(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8)) if made else 0):
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def _set(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, 0x0A))]) + data[at + 1 :]


def _cut_short(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _place(random, data)]


def _cut_out(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.choice((1, 4, 16, 200)) :]


def _repeat(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at, length = _place(random, data), random.choice((1, 4, 16, 64, 1024))
    return data[:at] + data[at : at + length] * random.choice((2, 3, 40)) + data[at + length :]


def _lie(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A number of 2, 4 or 8 bytes overwritten: lengths and sizes that aren't so."""
    code = random.choice(("<H", ">H", "<I", ">I", ">I", "<Q", ">Q"))
    size = struct.calcsize(code)
    at, value = _place(random, data), random.choice(EDGES) & (256**size - 1)
    return data[:at] + struct.pack(code, value) + data[at + size :]


def _token(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at, token = _place(random, data), random.choice(TOKENS)
    return data[:at] + token + data[at + random.choice((0, len(token))) :]


def _splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others) if others else data
    return data[: _place(random, data)] + other[_place(random, other) :]


def _polyglot(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Two files in one."""
    other = random.choice(others) if others else data
    return random.choice((data + other, other + data))


WAYS = (_flip, _flip, _set, _cut_short, _cut_out, _repeat, _lie, _lie, _token, _splice, _polyglot)


def mutated(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """These bytes after one to four changes; others: what to splice them with."""
    for _ in range(random.randint(1, 4)):
        data = random.choice(WAYS)(random, data, others)[:LARGEST]
    return data


def value(random: Random) -> Any:
    """One of `HOSTILE`, or something deep or long."""
    rare = random.randrange(40)
    if rare == 0:
        return nested(random.choice((10, 200)))
    if rare == 1:
        return list(range(random.choice((10, 3000))))
    return _copied(random.choice(HOSTILE))


def nested(depth: int) -> Any:
    made: Any = 1
    for _ in range(depth):
        made = [made]
    return made


def disturbed(random: Random, tree: Any) -> Any:
    """A tree of dictionaries, lists and plain values after one to three changes: an entry replaced, taken out, given
    another name, or added. The tree itself stays."""
    made = _copied(tree)
    for _ in range(random.randint(1, 3)):
        made = _disturb(random, made)
    return made


def _copied(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copied(part) for key, part in tree.items()}
    return [_copied(part) for part in tree] if isinstance(tree, list | tuple) else tree


def _disturb(random: Random, tree: Any) -> Any:
    if not isinstance(tree, dict | list) or not tree or random.randrange(30) == 0:
        return value(random)
    node, keys = tree, list(tree) if isinstance(tree, dict) else range(len(tree))
    key = random.choice(keys)
    while isinstance(node[key], dict | list) and node[key] and random.randrange(5):
        node = node[key]
        key = random.choice(list(node) if isinstance(node, dict) else range(len(node)))
    way = random.randrange(6)
    if way == 0:
        del node[key]
    elif way == 1 and isinstance(node, dict):
        name = value(random)
        node[name if isinstance(name, str) else str(name)[:40]] = node.pop(key)
    elif way == 2 and isinstance(node, dict):
        node[random.choice(("version", "__proto__", "x" * 99, "kind", "style"))] = value(random)
    elif way == 3 and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        node[key] = random.choice(
            (-node[key], node[key] + 1, float(node[key]) if abs(node[key]) < 1e9 else 0, str(node[key]))
        )
    else:
        node[key] = value(random)
    return tree


def text(tree: Any) -> bytes:
    """As JSON, with what JSON doesn't have: NaN, infinity, lone surrogates, numbers without end."""
    return json.dumps(tree).encode()


def json_bytes(random: Random, tree: Any, others: Sequence[bytes] = ()) -> bytes:
    """A file of JSON, wrong in what it says, in how it says it, or both."""
    made = text(disturbed(random, tree) if random.randrange(4) else tree)
    return mutated(random, made, others) if random.randrange(3) == 0 else made

"""Errors for people are one line, whatever is quoted in them."""

import pytest

from dtn_core.errors import LONGEST, UserError
from dtn_core.files import lies_inside, parse_json


@pytest.mark.parametrize(
    ("given", "line"),
    [("a\nb\r\n\x0bc", "a b  c"), ("half a \ud800", "half a \\ud800"), (OSError("x"), "x"), ("", "")],
)
def test_an_error_is_one_line(given, line):
    assert str(UserError(given)) == line


def test_a_long_error_keeps_its_beginning_and_its_remedy():
    line = str(UserError(f"a name: {'x' * 5000}. Choose another."))
    assert len(line) <= LONGEST
    assert line.startswith("a name: xxx")
    assert line.endswith("xxx. Choose another.")


@pytest.mark.parametrize("given", ["", "{", "[" * 100_000, b"\xff", '{"a": "\\ud800"}', b'"\\uDFFF"', "9" * 5000])
def test_what_is_no_json_is_a_value_error(given):
    with pytest.raises(ValueError):
        parse_json(given)


def test_json_is_read():
    assert parse_json('{"a": "\\ud83d\\ude00", "b": [1, NaN]}')["a"] == "😀"
    assert parse_json(b'["\\\\ud800"]') == ["\\ud800"]


def test_paths_that_stay_inside():
    assert all(map(lies_inside, ("a.png", "samples/000500.png", "a..b")))
    assert not any(map(lies_inside, ("/etc/passwd", "../a", "a/../../b", "a\0b")))

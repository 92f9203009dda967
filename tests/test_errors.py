"""Errors for people are one line, whatever is quoted in them, and programs read their parts, never their text."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

import dtn_core
from dtn_core.core.errors import MAX_CHARACTERS, UserError, reason_of
from dtn_core.core.files import lies_inside, parse_json


@pytest.mark.parametrize(
    ("given", "line"),
    [("a\nb\r\n\x0bc", "a b  c"), ("half a \ud800", "half a \\ud800"), (OSError("x"), "x"), ("", "")],
)
def test_an_error_is_reported_in_one_line(given, line):
    assert str(UserError(given)) == line


def test_a_long_error_keeps_its_beginning_and_its_remedy():
    line = str(UserError(f"a name: {'x' * 5000}. Choose another."))
    assert len(line) <= MAX_CHARACTERS
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


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_user_error_is_no_value_error():
    assert not issubclass(UserError, ValueError)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"subject": "a.png", "reason": "too large", "remedy": "Scale it down."}, "a.png: too large. Scale it down."),
        ({"reason": "too large", "remedy": "Scale it down."}, "too large. Scale it down."),
        ({"subject": "a.png", "reason": "too large"}, "a.png: too large."),
        ({"subject": Path("a\nb"), "reason": "c\nd"}, "a b: c d."),
    ],
)
def test_the_line_is_composed_of_the_parts(parts, line):
    assert str(UserError(**parts)) == line


def test_an_error_on_its_own_line_keeps_its_parts():
    error = UserError("busy, try again.", code="busy")
    assert (str(error), error.code, error.subject, error.reason) == ("busy, try again.", "busy", "", "busy, try again")
    assert error.to_dict() == {"error": "busy, try again.", "code": "busy"}


def test_another_subject_hides_the_first():
    error = UserError(code="damaged", subject="/srv/runs/x", reason="cut short", remedy="Get it again.")
    assert str(error.with_subject("x")) == "x: cut short. Get it again."
    assert error.with_subject("x").code == "damaged"


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_keep_the_parts(copied):
    """A worker process hands its errors to its parent as copies."""
    error = UserError(code="damaged", subject="x", reason="cut short")
    assert (str(copied(error)), vars(copied(error))) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("x: cut short. Get it again.", reason="cut short"), "cut short"),
        (FileNotFoundError(2, "No such file", "/srv/x"), "No such file"),
        (ValueError("two\nlines"), "two"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_of_any_error_is_reported_in_one_line_without_the_path(error, reason):
    assert reason_of(error) == reason


# ── nobody parses messages ──────────────────────────────────────────────────────────────────────────────────

PARSING = {
    "count", "endswith", "find", "index", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex",
    "rpartition", "startswith",
}  # fmt: skip
MATCHING = {"findall", "finditer", "fullmatch", "match", "search", "split", "sub"}

BY_TEXT_ONLY = {"core/devices.py", "core/images.py"}
"""torch raises a plain RuntimeError where memory lacks or a GPU fails, Pillow a plain OSError
where a picture is cut short; only their texts tell which."""


def parsed_messages(source):
    """Lines that match on, or cut up, the text of an exception."""
    tree = ast.parse(source)
    found = []
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            found += _parsed_in(scope)
    return sorted(set(found))


def _parsed_in(function):
    errors = {node.name for node in ast.walk(function) if isinstance(node, ast.ExceptHandler) and node.name}
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    errors |= {one.arg for one in arguments if one.arg in ("error", "exception")}
    texts = set()

    def is_text(node):
        return any(map(_is_text_itself, ast.walk(node)))

    def _is_text_itself(node):
        match node:
            case ast.Name(id=name):
                return name in texts
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)]):
                return name in errors
            case ast.FormattedValue(value=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id=name), attr="args"):
                return name in errors
        return False

    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and is_text(node.value):
            texts |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot) and is_text(node):
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in PARSING and is_text(node.func.value):
                yield node.lineno
            if node.func.attr in MATCHING and any(map(is_text, node.args)):
                yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        'if "full" in str(error): pass',
        'if str(error) == "full": pass',
        'if str(error).startswith("a"): pass',
        'x = str(error).partition(": ")[2]',
        'x = re.sub("a", "b", str(error))',
        'x = f"{error}".removeprefix("a")',
        "if error.args[0] == 1: pass",
        'text = str(error); x = "a" in text',
    ],
)
def test_what_parses_messages_is_found(line):
    assert parsed_messages(f"def f():\n    try:\n        g()\n    except OSError as error:\n        {line}\n") == [5]


def test_showing_a_message_is_no_parsing():
    shown = "print(str(error)); x = str(error).splitlines()[0] or type(error).__name__; y = error.code == 'busy'"
    assert parsed_messages(f"def f(error):\n    {shown}\n") == []


def test_no_code_parses_messages():
    root = Path(dtn_core.__file__).parent
    found = {
        str(path.relative_to(root)): lines
        for path in root.rglob("*.py")
        if (lines := parsed_messages(path.read_text(encoding="utf-8")))
    }
    assert set(found) == BY_TEXT_ONLY, found

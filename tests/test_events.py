"""Events: lines that can be written, read back and followed while they grow."""

import pytest

from dtn_core.core.errors import UserError
from dtn_core.training.events import Failed, Finished, Sampled, Saved, Stamped, Started, Stepped, decode, encode, read

EVENTS = [
    Started(0, 10, "cpu"), Stepped(2, {"d": 3.3}, 12.5), Sampled(4, "samples/000004.png"),
    Saved(4, "checkpoints/last.safetensors"), Finished(10, "done"), Failed("out of memory"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_encoded_is_decoded(event):
    assert decode(encode(Stamped(event, 1.5))) == Stamped(event, 1.5)


def test_reading_continues_and_waits_for_complete_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    assert read(path) == ([], 0)
    lines = [encode(Stamped(event, 1.0)) for event in EVENTS]
    path.write_text(lines[0] + "\n" + lines[1][:10])
    first, offset = read(path)
    assert [s.event for s in first] == EVENTS[:1]
    path.write_text("\n".join(lines) + "\n")
    rest, offset = read(path, offset)
    assert [s.event for s in rest] == EVENTS[1:]
    assert read(path, offset) == ([], offset)


def test_other_lines_are_refused():
    with pytest.raises(UserError):
        decode('{"event": "Exploded", "time": 1}')

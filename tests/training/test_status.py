"""The status of a run, read from its files at once or incrementally."""

import json
import random
from dataclasses import replace

import pytest

from dtn_core.config import PRESETS
from dtn_core.training.events import Failed, Finished, Noted, Sampled, Saved, Stamped, Started, Stepped, encode
from dtn_core.training.runs.listing import table, to_json
from dtn_core.training.runs.status import log_tail, read_status, runs_in
from dtn_core.training.runs.store import Run

TINY = PRESETS["faces-tiny"]


@pytest.fixture
def run(tmp_path):
    """A run whose lock nobody holds, and was never signed."""
    run = Run.create(tmp_path, "x", TINY, sign=False)
    run.release()
    return run


def lines(*events, start=1000.0, pace=2.0):
    return [encode(Stamped(event, start + pace * number)) + "\n" for number, event in enumerate(events)]


def write(run, *events, **times):
    with (run.path / "events.jsonl").open("a") as file:
        file.writelines(lines(*events, **times))


def figures(step, **losses):
    return Stepped(step, losses or {"d": float(step), "g": -float(step)}, 10.0 * step, 100 * step)


LONG = [
    Started(0, 100, "cpu"), figures(10), Noted(12, "half the batch"), figures(20), Sampled(20, "samples/000020.png"),
    Stepped(20, {"val/const": 0.5}, 0.0), Saved(20, "exports/000020", True), figures(30), figures(40),
    Sampled(40, "samples/000040.png"), Stepped(40, {"val/const": 0.25}, 0.0), Saved(40, "exports/000040", True),
    figures(50), Sampled(50, "samples/000050.png"),
]  # fmt: skip
RESUMED = [Started(40, 100, "cuda"), figures(50, d=7.0, tid=1.0), figures(60, d=8.0, tid=2.0), Finished(60, "stopped")]


def test_the_status_follows_from_the_events(run):
    write(run, *LONG)
    (run.path / "notes.txt").write_text("A thought\n")
    run = Run.reopen(run.path, sign=False)
    found = read_status(run.path)
    assert (found.path, found.name, found.config) == (run.path, "00001-x", TINY)
    assert (found.status, found.reason) == ("running", "")
    assert (found.step, found.steps, found.device) == (50, 100, "cpu")
    assert (found.started, found.updated, found.seconds) == (1000.0, 1026.0, 26.0)
    assert (found.rate, found.memory_bytes) == (500.0, 5000)
    assert found.curves == {
        "d": ([10, 20, 30, 40, 50], [10.0, 20.0, 30.0, 40.0, 50.0]),
        "g": ([10, 20, 30, 40, 50], [-10.0, -20.0, -30.0, -40.0, -50.0]),
        "val/const": ([20, 40], [0.5, 0.25]),
    }
    assert found.samples == tuple((step, run.path / f"samples/{step:06d}.png") for step in (20, 40, 50))
    assert found.best_step == 40
    assert found.messages == ((12, "half the batch"),)
    assert found.notes == "A thought\n"
    # 40 steps from the figures of step 10, at 1002, to those of step 50, at 1024; 50 steps are left.
    assert found.eta == pytest.approx(50 * 22 / 40)


def test_resuming_after_a_kill_drops_repeated_steps(run):
    write(run, *LONG)
    write(run, *RESUMED, start=9000.0)
    found = read_status(run.path)
    assert (found.status, found.step, found.device) == ("stopped", 60, "cuda")
    assert found.curves == {
        "d": ([10, 20, 30, 40, 50, 60], [10.0, 20.0, 30.0, 40.0, 7.0, 8.0]),
        "g": ([10, 20, 30, 40], [-10.0, -20.0, -30.0, -40.0]),
        "tid": ([50, 60], [1.0, 2.0]),
        "val/const": ([20, 40], [0.5, 0.25]),
    }
    assert [step for step, _ in found.samples] == [20, 40]
    assert found.best_step == 40
    assert (found.started, found.updated, found.seconds) == (1000.0, 9006.0, 26.0 + 6.0)
    assert found.eta is None
    write(run, Started(30, 100, "cpu"), start=9100.0)
    found = read_status(run.path)
    assert (found.best_step, found.step) == (20, 30)
    assert found.seconds == 32.0
    write(run, Started(0, 100, "cpu"), start=9200.0)
    assert read_status(run.path).curves == {}


def test_pauses_do_not_count_as_training_time(run):
    write(run, Started(0, 8, "cpu"), figures(2), Finished(2, "stopped"))
    write(run, Failed("no such folder"), start=9000.0)
    found = read_status(run.path)
    assert (found.status, found.reason, found.seconds, found.updated) == ("failed", "no such folder", 4.0, 9000.0)


@pytest.mark.parametrize(
    ("event", "status", "why"),
    [
        (Finished(8, "done"), "done", ""),
        (Finished(3, "stopped"), "stopped", ""),
        (Finished(6, "early"), "early", ""),
        (Failed("d is not a number"), "failed", "d is not a number"),
    ],
)
def test_the_last_event_determines_the_final_status(run, event, status, why):
    write(run, Started(0, 8, "cpu"), figures(2), event)
    held = Run.reopen(run.path, sign=False)
    assert read_status(run.path).status == "stopping"  # it has written its last event and will end soon
    held.release()
    found = read_status(run.path)
    assert (found.status, found.reason) == (status, why)


def test_earlier_events_belong_to_another_process(run):
    write(run, Started(0, 8, "cpu"), figures(2), Finished(2, "stopped"))
    held = Run.reopen(run.path)
    assert read_status(run.path).status == "starting"
    (run.path / "control" / "stop").touch()
    assert read_status(run.path).status == "stopping"
    held.clear_request("stop")
    held.write(Started(2, 8, "cpu"))
    assert read_status(run.path).status == "running"
    held.release()
    assert read_status(run.path).status == "died"


def test_a_process_that_wrote_no_event_died(run):
    write(run, Started(0, 8, "cpu"), figures(2), Finished(2, "stopped"))
    Run.reopen(run.path).release()
    (run.path / "log.txt").write_text("--- train\nold words\n--- train\nerror: /data: no such folder.\n\n 5%|# | 1/8\r")
    found = read_status(run.path)
    assert (found.status, found.reason) == ("died", "error: /data: no such folder.")
    (run.path / "log.txt").write_text("--- train\nold words\n--- train\n")
    assert "without an error message" in read_status(run.path).reason


def test_a_crash_is_reported_with_its_error_message(run):
    write(run, Started(0, 8, "cpu"))
    (run.path / "log.txt").write_text(
        "a warning\n  5%|▌         | 1/8 [00:01<00:07,  1.0step/s, d=3]\rFatal Python error: Segmentation fault\n\n"
        'Current thread 0x00 (most recent call first):\n  File "a.py", line 1 in <module>\n\n'
        "Extension modules: numpy.core (total: 1)\n"
    )
    assert read_status(run.path).reason == "Fatal Python error: Segmentation fault"


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"kind": "dreamer"}', '{"kind": "transfer", "warp": 9}'])
def test_a_run_of_another_version_or_damaged_is_unreadable_not_an_error(run, content):
    write(run, *LONG)
    (run.path / "config.json").write_text(content)
    found = read_status(run.path)
    assert (found.status, found.config, found.step) == ("unreadable", None, 50)
    assert "config.json is damaged or of another version" in found.reason
    assert len(found.reason.splitlines()) == 1


def test_a_missing_run_is_unreadable(tmp_path):
    assert read_status(tmp_path / "nowhere").reason == "not a run directory: there is no config.json"


def test_only_usable_checkpoints_are_listed(run):
    write(run, *LONG)
    for step in (1000000, 20, 40):
        (run.path / f"exports/{step:06d}").mkdir()
        (run.path / f"exports/{step:06d}/config.json").write_text("{}")
    (run.path / "exports/000050").mkdir()
    (run.path / "exports/.000060-x").mkdir()
    (run.path / "exports/.000060-x/config.json").write_text("{}")
    on_the_way = tuple((step, run.path / f"exports/{step:06d}") for step in (20, 40, 1000000))
    assert read_status(run.path).exports == on_the_way
    (run.path / "export").mkdir()
    (run.path / "export/config.json").write_text(json.dumps({"trained": {"step": 40}}))
    assert read_status(run.path).exports == (*on_the_way, (40, run.path / "export"))
    (run.path / "export/config.json").write_text("{}")
    assert read_status(run.path).exports[-1] == (50, run.path / "export")


# --- incrementally ---------------------------------------------------------------------------------------------


def story(rng):
    """Some trainings of one run, with kills, stops, damaged lines and clocks set back."""
    now, step, result = 1000.0, 0, []

    def tell(event):
        nonlocal now
        now += rng.choice([0.0, 0.5, 3.25, -1.0])
        result.append(encode(Stamped(event, now)) + "\n")

    for _ in range(rng.randint(1, 4)):
        step = rng.randint(0, step)
        tell(Started(step, 500, rng.choice(["cpu", "cuda"])))
        for _ in range(rng.randint(0, 40)):
            step += rng.randint(0, 5)
            names = rng.choice([["d", "g"], ["d", "g"], ["d", "gang"], ["val/const"], ["d", "g", "tid"], []])
            tell(rng.choice([
                Stepped(step, {name: rng.random() for name in names}, rng.choice([0.0, 9.5]), rng.choice([0, 10**9])),
                Stepped(step, {"d": rng.random(), "g": 1.0}, 1.0), Stepped(step, {"d": rng.random(), "g": 1.0}, 1.0),
                Sampled(step, f"samples/{step:06d}.png"), Saved(step, "x", rng.random() < 0.5), Noted(step, "é\u2028"),
            ]))  # fmt: skip
            if rng.random() < 0.05:
                result.append(
                    rng.choice(['{"time": 1, "event": "St', "", "\0\0", "[1]", "é", '{"event": "Odd"}']) + "\n"
                )
            if rng.random() < 0.05:
                result.append('{"time": 1.0, "event": "Stepped", "losses": {"d": 1.0, "g": 1.0}}\n')  # without a step
        if rng.random() < 0.7:
            tell(rng.choice([Finished(step, "stopped"), Failed("why")]))
    return "".join(result).encode()


@pytest.mark.parametrize("seed", range(30))
def test_incremental_reading_equals_reading_at_once(run, seed):
    rng = random.Random(seed)
    data, log = story(rng), run.path / "events.jsonl"
    cuts = sorted(rng.choices(range(len(data) + 1), k=rng.randint(1, 30)))  # mostly within lines
    before, seen = None, []
    for start, end in zip([0, *cuts], [*cuts, len(data)]):
        with log.open("ab") as file:
            file.write(data[start:end])
        before = read_status(run.path, before)
        seen.append((before, repr(before)))
        assert before == read_status(run.path)
    assert before == read_status(run.path, before)
    for found, was in seen:
        assert repr(found) == was  # a snapshot doesn't change when the next is made


@pytest.mark.parametrize("seed", range(30))
def test_brief_reading_differs_only_in_curves(run, seed):
    lines = story(random.Random(seed)).splitlines(keepends=True)
    good = [line for line in lines if line.startswith(b'{"time"') and (b'"Stepped"' not in line or b'"step"' in line)]
    (run.path / "events.jsonl").write_bytes(b"".join(good))
    brief, whole = read_status(run.path, brief=True), read_status(run.path)
    curves = ("curves", "rate", "memory_bytes", "eta", "_history")
    assert {k: v for k, v in vars(brief).items() if k not in curves} == {
        k: v for k, v in vars(whole).items() if k not in curves
    }
    assert read_status(run.path, brief) == whole  # a brief one is no help to read the rest
    assert read_status(run.path, whole, brief=True) == brief


def test_a_shorter_or_replaced_log_is_read_from_the_start(run):
    log = run.path / "events.jsonl"
    write(run, *LONG)
    before = read_status(run.path)
    log.write_text("".join(lines(Started(0, 7, "cpu"), figures(1), start=1.0)))
    shrunk = read_status(run.path, before)
    assert shrunk == read_status(run.path)
    assert shrunk.curves == {"d": ([1], [1.0]), "g": ([1], [-1.0])}
    log.write_text("".join(lines(*LONG, *LONG, start=5000.0)))  # longer than before, in the same file
    assert read_status(run.path, shrunk) == read_status(run.path)
    log.unlink()
    assert read_status(run.path, shrunk).curves == {}


def test_the_status_of_another_run_is_not_reused(tmp_path, run):
    write(run, *LONG)
    other = Run.create(tmp_path, "other", replace(TINY, steps=9))
    assert read_status(other.path, read_status(run.path)) == read_status(other.path)
    assert read_status(other.path).steps == 9


def test_a_loss_that_is_not_a_number_is_kept(run):
    write(run, Started(0, 8, "cpu"), figures(1, d=float("nan")), figures(2, d=float("inf")))
    steps, (first, second) = read_status(run.path).curves["d"]
    assert steps == [1, 2]
    assert first != first
    assert second == float("inf")
    assert to_json(read_status(run.path))["losses"] == {"d": None}


# --- folders and logs ---------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_nothing_else(tmp_path):
    for name in ("00002-b", "00010-a", "00009-c", "own", "packs", ".00011-gone"):
        (tmp_path / name).mkdir()
        if name != "packs":
            (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "digits.json").write_text("{}")
    assert [path.name for path in runs_in(tmp_path)] == ["00010-a", "00009-c", "00002-b", "own"]
    assert runs_in(tmp_path / "nowhere") == []


def test_log_tail_is_what_a_terminal_would_show(tmp_path):
    assert log_tail(tmp_path) == ""
    log = tmp_path / "log.txt"
    log.write_bytes(
        b"first\r\n\x1b[31mred\x1b[0m and \xff\x1b]0;title\x07plain\n"
        b"  0%| | 0/8\r 50%|# | 4/8\r100%|##| 8/8\r\n\x1b[A\n\ttabbed\x08\nlast\n\n\n"
    )
    shown = ["first", "red and \ufffdplain", "100%|##| 8/8", "", "\ttabbed", "last"]
    assert log_tail(tmp_path).split("\n") == shown
    assert log_tail(tmp_path, 2).split("\n") == shown[-2:]
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert log_tail(tmp_path).split("\n") == [f"line {number}" for number in range(99_960, 100_000)]
    assert log_tail(tmp_path, 10**6).startswith("line ")
    log.write_text("start\n" + "".join(f"\r{number}%|#|" for number in range(100_000)))
    assert log_tail(tmp_path) == "99999%|#|"


def test_a_table_and_plain_values(run, tmp_path):
    write(run, *LONG)
    head, line = table([read_status(run.path)]).splitlines()
    assert head.split() == ["run", "status", "step", "images/s", "losses", "age"]
    assert line.split()[:8] == ["00001-x", "died", "50/100", "500", "d", "50", "g", "-50"]
    plain = json.loads(json.dumps(to_json(read_status(run.path)), allow_nan=False))
    assert plain["losses"] == {"d": 50.0, "g": -50.0, "val/const": 0.25}
    assert plain["samples"][0] == {"step": 20, "path": str(run.path / "samples/000020.png")}
    assert plain["messages"] == [{"step": 12, "message": "half the batch"}]
    assert table([]) == "no runs"

"""The paper's digit experiments (Sec. 5.1): every row of its tables, trained where no checkpoint is at hand, and
measured on street numbers that neither f nor g ever saw. Labels of s serve f's training, the adapted classifier and
the figures; nobody looks at labels of t or at pairs.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import checkpoint, events
from ..checkpoint import Checkpoint
from ..config import ClassifierTraining, Config, TransferTraining, from_dict
from ..domains import digits
from ..domains.digits import Digits
from ..errors import UserError
from ..images import to_float, to_rgb

FORMAT = 1
ABSENT = 3
"""The digit that the paper leaves out (Table 3)."""


class Row(NamedTuple):
    """One row of the paper's tables. key: its name in files; table: suite; changes: of the DTN's settings; paper: its
    figure in %; f: the set-up's, one whose own training lacks the digit too, or the set-up's taught further on t
    without labels."""

    key: str
    table: str
    title: str
    changes: dict[str, Any]
    paper: float | None
    f: Literal["given", "absent", "taught"] = "given"


BEST = {"steps": 2000, "ema": 0.995, "alpha": 5.0, "wobble": True}
"""Settings of the best row beside its f; with it, the preset digits-best."""

ROWS = (
    Row("baseline", "table1", "baseline of Sec. 3", {"contains_f": False, "binary": True, "beta": 0.0}, 13.71),
    Row("dtn", "table1", "DTN", {}, 90.66),
    Row("self_taught", "table1", "DTN, f also self-taught on t", {}, None, "taught"),
    Row("best", "table1", "our best: self-taught f, wobble, α = 5", BEST, None, "taught"),
    Row("no_tid", "table1", "DTN w/o L_TID", {"beta": 0.0}, 88.40),
    Row("no_const", "table1", "DTN w/o L_CONST", {"alpha": 0.0}, 74.55),
    Row("no_f", "table1", "DTN, G doesn't contain f", {"contains_f": False}, 36.90),
    Row("no_gan", "table1", "DTN w/o L_D and L_GANG", {"delta": 0.0}, 34.70),
    Row("no_const_tid", "table1", "DTN w/o L_CONST and L_TID", {"alpha": 0.0, "beta": 0.0}, 5.28),
    Row("no_3_s", "table3", "3 not in s", {"absent_s": ABSENT}, 93.33),
    Row("no_3_t", "table3", "3 not in t", {"absent_t": ABSENT}, 40.13),
    Row("no_3_st", "table3", "3 not in s or t", {"absent_s": ABSENT, "absent_t": ABSENT}, 60.02),
    Row(
        "no_3_stf", "table3", "3 not in s, t or f's training", {"absent_s": ABSENT, "absent_t": ABSENT}, 4.52, "absent"
    ),
    Row("swap", "swap", "t → s, handwritten → street", {"swap": True}, None),
)  # fmt: skip
"""In the paper's order."""

SHIPPED_TAUGHT = "digits-f-adapted"
"""The checkpoint of the shipped f (`ClassifierTraining.start` of its preset) taught further."""

TRANSLATIONS = ("dtn", "best")
"""The rows whose results Table 2 uses; one of them is shipped."""

SUITES = tuple(dict.fromkeys(["all", "table1", "table2", "table3", "swap", *(row.key for row in ROWS)]))
"""What `run_suite` does: a table, or one row."""

PAPER = {"original": 40.06, "digit_3": 94.67, "adaptation": 84.44, "svhn_error": 4.95, "mnist_accuracy": 76.08}
"""The paper's further figures, in %."""


@dataclass(frozen=True)
class Setup:
    """What a suite works with. config: the DTN's settings, of which a row changes some; judge: checkpoint; f_absent:
    settings of the f that never saw the digit; f_taught: of the one that is taught further on t; shipped: translation
    that stands for the row and seed it was made by, so that it needn't be trained; train: trains a configuration under
    a name, or goes on with a run directory, and returns the run's directory; limit: at most so many pictures of a part
    are measured."""

    config: TransferTraining
    f_absent: ClassifierTraining
    f_taught: ClassifierTraining
    adapted: ClassifierTraining
    judge: str
    data: Path | None
    runs: Path
    train: Callable[[Config, str, Path | None], Path]
    shipped: str | None = None
    note: Callable[[str], None] = field(default=print)
    limit: int | None = None


def run_suite(setup: Setup, suite: str, seeds: Sequence[int], output: Path) -> dict[str, Any]:
    """Measure a suite's rows, or the row of that key, for every seed and return all figures of `output`, which is
    written after each.

    A row that stands there, or whose run is finished, isn't trained again; an interrupted run goes on. Several
    processes may work at one output with different seeds. Raises UserError if output holds something else.
    """
    judge = checkpoint.load_encoder(setup.judge)
    test, written = (read(setup.data, "test", setup.limit) for read in (digits.svhn, digits.mnist))
    with _figures(output) as figures:
        settings = {k: v for k, v in asdict(setup.config).items() if k not in ("seed", "device")}
        data, judge_hash = _data(test, written), _hash(setup.judge)
        told = figures.get("settings", settings)  # by an earlier version, perhaps, that knew fewer of them
        told = {k: told.get(k, default) for k, default in asdict(TransferTraining()).items() if k in settings}
        for what, held, now in (
            ("other settings", told, settings),
            ("other data", figures.get("data", data), data),
            ("another judge", figures.get("judge", {}).get("hash", judge_hash), judge_hash),
        ):
            if held != now:
                raise UserError(f"{output}: holds figures of {what}. Choose another output with -o.")
        figures |= {"format": FORMAT, "data": data, "settings": settings}
        figures["judge"] = {"hash": judge_hash, "mnist_accuracy": share_right(judge, _rgb(written), written.y)}
        figures["original"] = share_right(judge, _rgb(test), test.y)
        figures.setdefault("rows", {})
    with _figures(output) as figures:
        figures["f"] = measure_f(setup.config.encoder, test, written)
    for seed in seeds:
        for row in ROWS:
            if suite in ("all", row.table, row.key) or (row.key == "dtn" and suite.startswith("table")):
                _do_row(setup, row, seed, judge, test, written, output)
            if (row.key, suite) in (("dtn", "table2"), ("dtn", "all"), ("best", "best"), ("best", "all")):
                _do_adaptation(setup, row, seed, written, output)
    return read_figures(output)


def trained(setup: Setup, figures: Mapping[str, Any]) -> dict[str, Checkpoint]:
    """The translations at hand for measured rows, of the lowest seed each; nothing is trained."""
    found = {}
    for row in ROWS:
        seeds = {record["hash"]: int(seed) for seed, record in figures["rows"].get(row.key, {}).items()}
        paths = sorted(setup.runs.glob(f"*-digits-{row.key}/export"))
        if row.key in TRANSLATIONS and setup.shipped and checkpoint.is_one(setup.shipped):
            paths.append(checkpoint.find(setup.shipped))
        for path in paths:
            if seeds and seeds.get(checkpoint.weights_hash(path)) == min(seeds.values()):
                found[row.key] = checkpoint.load(path)
    return found


def _config_of(setup: Setup, row: Row, seed: int) -> TransferTraining:
    """A row's settings for the DTN; its f is trained if need be."""
    f = setup.config.encoder
    if row.f == "absent":
        f = str(_trained(setup, setup.f_absent, "digits-f-without-3") / "export")
    elif row.f == "taught":
        f = _taught(setup)
    return replace(setup.config, **{**row.changes, "seed": seed, "encoder": f})


def _taught(setup: Setup) -> str:
    """The set-up's f, taught further on t: the shipped one where that began with this very f."""
    given = setup.config.encoder
    start = setup.f_taught.start
    if start and _hash(start) == _hash(given):
        return SHIPPED_TAUGHT
    net = checkpoint.read_config(checkpoint.find(given))["encoder"]
    same = {"net": "paper"} if net["name"] == "digits-paper" else {"width": net["width"]}
    return str(_trained(setup, replace(setup.f_taught, start=given, **same), "digits-f-adapted") / "export")


def _do_row(setup: Setup, row: Row, seed: int, judge: nn.Module, test: Digits, written: Digits, output: Path) -> None:
    config = _config_of(setup, row, seed)
    f = config.encoder
    _check_f(f, test)
    known = read_figures(output)["rows"].get(row.key, {}).get(str(seed))
    if known and known["f_hash"] == _hash(f) and known["changes"] == row.changes and known["steps"] == config.steps:
        return
    if row.key in TRANSLATIONS and setup.shipped and _is_shipped(setup.shipped, config, setup.data):
        directory, run = Path(setup.shipped), None
    else:
        run = _trained(setup, config, f"digits-{row.key}")
        directory = run / "export"
    loaded = checkpoint.load(directory)
    if row.key == "swap":
        record: dict[str, Any] = _measure_swap(loaded, setup)
    else:
        record = measure(loaded, judge, test)
    record |= {"hash": loaded.hash, "f_hash": _hash(f), "changes": row.changes, "steps": config.steps}
    record |= {"kept_step": loaded.info["trained"]["step"]}
    record |= timing(run) if run else loaded.info["trained"].get("timing", {})
    with _figures(output) as figures:
        if row.f == "taught":
            figures["f_taught"] = measure_f(f, test, written)
        figures["rows"].setdefault(row.key, {})[str(seed)] = record
    setup.note(f"{row.title}, seed {seed}: {100 * record['accuracy']:.2f}% judged right")


def _do_adaptation(setup: Setup, row: Row, seed: int, written: Digits, output: Path) -> None:
    """Table 2: the transferred training split of s, with its labels, as training data for t."""
    if "adaptation" in read_figures(output)["rows"][row.key][str(seed)]:
        return
    dtn = _config_of(setup, row, seed)
    if setup.shipped and _is_shipped(setup.shipped, dtn, setup.data):
        directory = str(checkpoint.find(setup.shipped))
    else:
        directory = str(_trained(setup, dtn, f"digits-{row.key}") / "export")
    loaded = checkpoint.load(directory)
    source = digits.svhn(setup.data, "train", setup.limit)
    made = _transfer(loaded, _rgb(source))[:, 0]
    x, y = _rgb(written), written.y
    neighbour = nearest_neighbours(made, torch.from_numpy(source.y), _grey(written))
    classifier = _trained(setup, replace(setup.adapted, through=directory, seed=seed), "digits-adapted")
    record = {
        "nearest_neighbours": round(float((neighbour.numpy() == y).mean()), 4),
        "classifier": share_right(checkpoint.load_encoder(classifier / "export"), x, y),
        "n_train": len(made),
    }
    with _figures(output) as figures:
        figures["rows"][row.key][str(seed)]["adaptation"] = record
    setup.note(f"Table 2, {row.title}, seed {seed}: {record}")


def measure_f(name: str, test: Digits, written: Digits) -> dict[str, Any]:
    """What an f reads of held-out s, and of t, which it has no labels of. Raises UserError if it learnt that part of
    s."""
    _check_f(name, test)
    f = checkpoint.load_encoder(name)
    return {
        "hash": _hash(name),
        "net": f.config,
        "svhn_error": round(1 - share_right(f, _rgb(test), test.y), 4),
        "mnist_accuracy": share_right(f, _rgb(written), written.y),
    }


def _check_f(name: str, test: Digits) -> None:
    info = checkpoint.read_config(checkpoint.find(name))
    if info.get("trained", {}).get("data", "").startswith("SVHN (pack)") and test.source == "SVHN (torchvision)":
        raise UserError(
            f"f ({name}) learnt a pack of SVHN's test part, by which it would be measured here. Train "
            "another on this data, python -m dtn_core train digits-f, and use it: --set encoder=RUN/export"
        )


@torch.no_grad()
def measure(loaded: Checkpoint, judge: nn.Module, test: Digits) -> dict[str, Any]:
    """What the judge says of G(x): shares right of all and of each digit, mean confidence, and f-constancy. Where the
    errors arise: f_keeps is the share that f reads in G(x) as in x, judge_agrees the share that the judge reads in G(x)
    as f does."""
    x = _rgb(test)
    made = _transfer(loaded, x)
    logits = logits_of(judge, made)
    judged = logits.argmax(1).numpy()
    right = judged == test.y
    seen, seen_made = _batched(loaded.f, x), _batched(loaded.f, to_rgb(made))
    read, read_made = (loaded.f.logits(features).argmax(1).numpy() for features in (seen, seen_made))
    z, z_made = loaded.standardise_s(seen), loaded.standardise_t(seen_made)
    return {
        "n": len(x),
        "accuracy": round(float(right.mean()), 4),
        "digits": [round(float(right[test.y == d].mean()), 4) if (test.y == d).any() else None for d in range(10)],
        "n_digits": np.bincount(test.y, minlength=10).tolist(),
        "confidence": round(float(logits.softmax(1).amax(1).mean()), 4),
        "const": round(float((z_made - z).square().mean()), 4),
        "f_keeps": round(float((read_made == read).mean()), 4),
        "judge_agrees": round(float((judged == read_made).mean()), 4),
    }


def _measure_swap(loaded: Checkpoint, setup: Setup) -> dict[str, Any]:
    """t → s, which the paper calls bad: f reads the street numbers made of handwritten digits that g never saw. f is
    the only judge of street numbers there is, and G is trained towards it, so the figure flatters."""
    written = digits.mnist(setup.data, "test", min(3000, setup.limit or 3000))
    x, y = _rgb(written)[len(written.y) // 3 :], written.y[len(written.y) // 3 :]  # the first 1,000 chose the step
    right = logits_of(loaded.f, _transfer(loaded, x)).argmax(1).numpy() == y
    return {"n": len(right), "accuracy": round(float(right.mean()), 4), "judged_by": "f"}


def share_right(net: nn.Module, x: Tensor, y: np.ndarray) -> float:
    """Accuracy of a digit encoder's reading; x: (N, 3, 32, 32) uint8, y: (N,)."""
    return round(float((logits_of(net, x).argmax(1).numpy() == y).mean()), 4)


def logits_of(net: nn.Module, x: Tensor) -> Tensor:
    """(N, 1|3, 32, 32) uint8, or float in [-1, 1] → (N, 10)."""
    return _batched(lambda part: net.logits(net(to_rgb(part))), x)


@torch.no_grad()
def nearest_neighbours(x: Tensor, y: Tensor, queries: Tensor, k: int = 5) -> Tensor:
    """Labels of (Q, 32, 32) queries by majority of the k nearest (N, 32, 32) pictures, in pixels; float."""
    flat, found = x.flatten(1), []
    for part in queries.flatten(1).split(500):
        near = torch.cdist(part, flat).topk(k, largest=False).indices
        found.append(torch.mode(y[near], 1).values)
    return torch.cat(found)


def _rgb(part: Digits) -> Tensor:
    """(N, 3, 32, 32) uint8, grey repeated."""
    x = torch.from_numpy(part.x)
    return x[:, None].expand(-1, 3, -1, -1) if x.ndim == 3 else x.permute(0, 3, 1, 2)


def _grey(part: Digits) -> Tensor:
    return to_float(torch.from_numpy(part.x))


@torch.no_grad()
def _batched(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    parts = x.split(256)
    return torch.cat([net(to_float(part) if part.dtype == torch.uint8 else part) for part in parts])


def _transfer(loaded: Checkpoint, x: Tensor) -> Tensor:
    return _batched(loaded.transfer, x)


def timing(run: Path) -> dict[str, Any]:
    """Seconds that a run took, pauses left out, and pictures of s a second, by its events."""
    told, _ = events.read(run / "events.jsonl")
    rates = [e.event.rate for e in told if isinstance(e.event, events.Stepped) and e.event.rate]
    seconds = sum(b.time - a.time for a, b in zip(told, told[1:]) if not isinstance(b.event, events.Started))
    return {"seconds": round(seconds), "samples_per_s": round(float(np.median(rates)), 1)}


def _trained(setup: Setup, config: Config, name: str) -> Path:
    """The finished run of these very settings and data; trained, or trained to its end, if need be. Raises
    KeyboardInterrupt if that training is stopped: what is half trained must not be measured."""
    unfinished = None
    for path in sorted(setup.runs.glob(f"*-{name}")):
        try:
            same = from_dict(json.loads((path / "config.json").read_text())) == config
        except (OSError, ValueError):
            continue
        if not same or not _is_of(path, setup.data):
            continue
        if _is_done(path):
            return path
        unfinished = path
    run = setup.train(config, name, unfinished)
    if not _is_done(run):
        setup.note(f"{run}: stopped before its end; the same command goes on with it")
        raise KeyboardInterrupt
    return run


def _is_done(run: Path) -> bool:
    told, _ = events.read(run / "events.jsonl")
    return any(isinstance(e.event, events.Finished) and e.event.why == "done" for e in told)


def _is_of(run: Path, data: Path | None) -> bool:
    """Whether what a run exported was made of this data; True where that can't be told."""
    try:
        trained = checkpoint.read_config(run / "export").get("trained", {})
    except ValueError:
        return True
    return "data" not in trained or set(trained["data"].split(" → ")) <= set(_sources(data))


def _sources(data: Path | None) -> tuple[str, str]:
    return digits.svhn(data, "val", 1).source, digits.mnist(data, "test", 1).source


def _is_shipped(name: str, config: TransferTraining, data: Path | None) -> bool:
    """Whether a translation was made by these settings from such data; f is told by its weights, not by its name."""
    if not checkpoint.is_one(name):
        return False
    info = checkpoint.read_config(checkpoint.find(name))
    trained = {k: v for k, v in info["trained"].items() if k not in ("step", "encoder", "device", "timing")}
    wanted = asdict(config) | {"data": " → ".join(_sources(data))}
    same_f = encoder_hash(checkpoint.find(config.encoder)) == encoder_hash(checkpoint.find(name))
    return same_f and all(wanted.get(key, value) == value for key, value in trained.items())


def encoder_hash(directory: Path) -> str:
    """12 hex digits of f's own weights in a checkpoint of any kind."""
    return checkpoint.weights_hash(directory, "encoder.safetensors")


def _hash(name: str) -> str:
    return encoder_hash(checkpoint.find(name))


def _data(test: Digits, written: Digits) -> dict[str, Any]:
    return {"s": test.source, "t": written.source, "n_test_s": len(test.x), "n_test_t": len(written.x)}


def read_figures(path: Path) -> dict[str, Any]:
    """results/digits.json. Raises UserError if it is damaged, or of another format."""
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error}). Move it away, or choose another output with -o.") from None
    if not isinstance(figures, dict) or figures.get("format") != FORMAT:
        raise UserError(f"{path}: holds no digit figures of this version. Choose another output with -o.")
    return figures


@contextmanager
def _figures(path: Path) -> Iterator[dict[str, Any]]:
    """The figures to change; written back whole or not at all, one process at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            figures = read_figures(path) if path.exists() else {}
            yield figures
            temporary = path.with_name(f".{path.name}.tmp")
            temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Choose another output with -o.") from None


def mean_and_spread(record: Mapping[str, Mapping[str, Any]], read: Callable[[Mapping[str, Any]], float]) -> str:
    """Of a row's seeds, in %: "95.1 ± 0.4 (3)", the spread being the standard deviation and the last the count."""
    values = 100 * np.array([read(one) for one in record.values()])
    if len(values) == 1:
        return f"{values[0]:.2f} (1)"
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f} ({len(values)})"

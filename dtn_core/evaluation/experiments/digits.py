"""The paper's digit experiments (Sec. 5.1): every row of `paper.ROWS`, trained where no checkpoint is at hand, and
measured on street numbers that neither f nor g has seen. Labels of s serve f's training, the adapted classifier and
the figures; labels of t and pairs are never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...config import ClassifierTraining, Config, DigitsTransfer, upgrade
from ...core.errors import UserError
from ...core.images import to_float
from ...data import digits
from ...networks import checkpoint
from ...pipeline import model
from ...pipeline.model import Checkpoint
from ...training import events, run_training
from ...training.runs.status import read_status
from ..adaptation import Neighbours, choose
from ..digits import accuracy, logits_of, measure, rgb, transfer
from .figures import FORMAT, Adaptation, EncoderFigures, Figures, Record, read_figures, updating
from .paper import ADAPTED, ROWS, TABLES, TRANSLATIONS, Row

SHIPPED_TAUGHT = "digits-f-adapted"
"""Checkpoint of the shipped f, self-trained on t; its preset starts from that f (`ClassifierTraining.start`)."""

SELECTION_PICTURES = 2000
"""How many training pictures of t choose the variant of nearest neighbours, without their labels."""

SWAP_PICTURES = 3000
"""How many handwritten digits a t → s translation is tested on; the first third chose its step and is left out."""


@dataclass(frozen=True)
class Setup:
    """What a suite works with.

    Attributes:
        config: Settings of the DTN, some of which a row changes.
        f_absent: Settings of the f trained without the absent digit.
        f_taught: Settings of the f that is self-trained on t.
        f_unlabelled: Settings of the f that learns s without labels.
        adapted: Settings of Table 2's classifier.
        judge_s: Settings of the judge of street numbers.
        judge: Checkpoint of the judge of handwriting.
        data: Folder of the datasets; None for drawn digits.
        runs: Folder of the runs.
        shipped: Translation to use for the row and seed that it was trained by.
        log: Called with a line per result.
        limit: At most so many pictures of a part are measured.
    """

    config: DigitsTransfer
    f_absent: ClassifierTraining
    f_taught: ClassifierTraining
    f_unlabelled: ClassifierTraining
    adapted: ClassifierTraining
    judge_s: ClassifierTraining
    judge: str
    data: Path | None
    runs: Path
    shipped: str | None = None
    log: Callable[[str], None] = field(default=print)
    limit: int | None = None


def run_suite(setup: Setup, suite: str, seeds: Sequence[int], output: Path) -> Figures:
    """Measure the rows of a suite for every seed.

    The output is written after each row. A row that it already has, or whose run is finished, isn't trained again; an
    interrupted run is resumed. Several processes may share an output with different seeds.

    Args:
        setup: What the suite works with.
        suite: One of `SUITES`: a table, or a row's key.
        seeds: Seeds of every row.
        output: digits.json.

    Returns:
        All figures of the output.

    Raises:
        UserError: The output has figures of other settings, data or judge.
    """
    return Suite(setup, output).run(suite, seeds)


def trained(setup: Setup, figures: Mapping[str, Any]) -> dict[str, Checkpoint]:
    """Return row's key → its translation of the lowest seed, if it exists; nothing is trained."""
    translations = {}
    for row in ROWS:
        seeds = {record["hash"]: int(seed) for seed, record in figures["rows"].get(row.key, {}).items()}
        paths = sorted(setup.runs.glob(f"*-digits-{row.key}/export"))
        if row.key in TRANSLATIONS and setup.shipped and checkpoint.is_translation(setup.shipped):
            paths.append(checkpoint.find(setup.shipped))
        for path in paths:
            if seeds and seeds.get(checkpoint.weights_hash(path)) == min(seeds.values()):
                translations[row.key] = model.load(path)
    return translations


class Suite:
    """One run of a suite: its judge and test data."""

    def __init__(self, setup: Setup, output: Path) -> None:
        self.setup = setup
        self.output = output
        self.judge = checkpoint.load_encoder(setup.judge)
        self.test = digits.svhn(setup.data, "test", setup.limit)
        self.handwriting = digits.mnist(setup.data, "test", setup.limit)

    def run(self, suite: str, seeds: Sequence[int]) -> Figures:
        """See `run_suite`."""
        self._begin()
        with updating(self.output) as figures:
            figures["f"] = self.encoder_figures(self.setup.config.encoder)
        for seed in seeds:
            for row in ROWS:
                if suite in ("all", row.table, row.key) or (row.key == "dtn" and suite in TABLES):
                    self.measure_row(row, seed)
                is_adapted = row.key in ADAPTED and suite in ("all", row.key)
                if is_adapted or (row.key == "dtn" and suite == "table2"):
                    self.measure_adaptation(row, seed)
        return read_figures(self.output)

    def _begin(self) -> None:
        """Write what all rows share. Raises UserError if the output's figures are of other settings, data or judge."""
        test, written = self.test, self.handwriting
        settings = {k: v for k, v in asdict(self.setup.config).items() if k not in ("seed", "device")}
        data = {"s": test.source, "t": written.source, "n_test_s": len(test.x), "n_test_t": len(written.x)}
        judge_hash = hash_of(self.setup.judge)
        with updating(self.output) as figures:
            stored = upgrade(figures.get("settings", settings))  # an earlier version may lack some
            stored = {k: stored.get(k, default) for k, default in asdict(DigitsTransfer()).items() if k in settings}
            for what, old, new in (
                ("other settings", stored, settings),
                ("other data", figures.get("data", data), data),
                ("another judge", figures.get("judge", {}).get("hash", judge_hash), judge_hash),
            ):
                if old != new:
                    raise UserError(f"{self.output}: holds figures of {what}. Choose another output with -o.")
            figures |= {"format": FORMAT, "data": data, "settings": settings}
            figures["judge"] = {"hash": judge_hash, "mnist_accuracy": accuracy(self.judge, rgb(written), written.y)}
            figures["n_train"] = self._n_train()
            figures["original"] = accuracy(self.judge, rgb(test), test.y)
            figures.setdefault("rows", {})

    def _n_train(self) -> dict[str, int]:
        """Count the pictures of s, labelled or not, and of t that a DTN learns."""
        data, limit = self.setup.data, self.setup.config.limit
        s = (len(digits.svhn(data, part, limit).x) for part in ("train", "unlabelled"))
        return {"s": sum(s), "t": len(digits.mnist(data, "train", limit).x)}

    def measure_row(self, row: Row, seed: int) -> None:
        """Train a row for a seed unless it is trained, and write its record."""
        config = self.config_of(row, seed)
        f = config.encoder
        self.check_encoder(f)
        known = read_figures(self.output)["rows"].get(row.key, {}).get(str(seed))
        identity = (hash_of(f), row.changes, config.steps)
        is_complete = known and (row.key != "swap" or "by_f" in known)  # earlier versions had f as the only judge of s
        if is_complete and (known["f_hash"], upgrade(known["changes"]), known["steps"]) == identity:
            return
        directory, run = self.translation(row, config)
        loaded = model.load(directory)
        if row.of:
            loaded = loaded.without_truncation()
        measured = self._measure_swap(loaded) if row.key == "swap" else measure(loaded, self.judge, self.test)
        record: dict[str, Any] = {
            **measured,
            "hash": loaded.hash,
            "f_hash": hash_of(f),
            "changes": row.changes,
            "steps": config.steps,
            "kept_step": loaded.info["trained"]["step"],
            **(timing(run) if run else loaded.info["trained"].get("timing", {})),
        }
        with updating(self.output) as figures:
            if row.f in ("taught", "unlabelled"):
                figures[f"f_{row.f}"] = self.encoder_figures(f)
            figures["rows"].setdefault(row.key, {})[str(seed)] = Record(**record)
        self.setup.log(f"{row.title}, seed {seed}: accuracy {100 * record['accuracy']:.2f}%")

    def measure_adaptation(self, row: Row, seed: int) -> None:
        """Measure Table 2: G of the training part of s, with the labels of s, as training data for t."""
        known = read_figures(self.output)["rows"][row.key][str(seed)].get("adaptation", {})
        if Adaptation.__required_keys__ <= known.keys():
            return
        directory, _ = self.translation(row, self.config_of(row, seed))
        source = digits.svhn(self.setup.data, "train", self.setup.limit)
        translated = transfer(model.load(directory).without_truncation(), rgb(source))
        run = self.train(replace(self.setup.adapted, through=str(directory), seed=seed), "digits-adapted")
        classifier = checkpoint.load_encoder(run / "export")
        neighbours = Neighbours(translated, torch.from_numpy(source.y), seed)
        unlabelled = digits.mnist(self.setup.data, "train", SELECTION_PICTURES)
        chosen, agreement = choose(
            neighbours, grey(unlabelled), logits_of(classifier, rgb(unlabelled)).argmax(1).numpy()
        )
        x = grey(self.handwriting)
        y = self.handwriting.y
        record: Adaptation = {
            "neighbours": {
                variant: round(float((neighbours.guess(variant, x) == y).mean()), 4) for variant in agreement
            },
            "agreement": agreement,
            "chosen": chosen,
            "classifier": accuracy(classifier, rgb(self.handwriting), y),
            "n_train": len(translated),
        }
        with updating(self.output) as figures:
            figures["rows"][row.key][str(seed)]["adaptation"] = record
        self.setup.log(f"Table 2, {row.title}, seed {seed}: {record}")

    def config_of(self, row: Row, seed: int) -> DigitsTransfer:
        """Return the DTN's settings of a row, training its f unless it is trained."""
        f = self.setup.config.encoder
        if row.f == "absent":
            f = str(self.train(self.setup.f_absent, "digits-f-without-3") / "export")
        elif row.f == "taught":
            f = self.taught()
        elif row.f == "unlabelled":
            f = str(self.train(self.setup.f_unlabelled, "digits-f-contrastive") / "export")
        return replace(self.setup.config, **{**row.changes, "seed": seed, "encoder": f})

    def taught(self) -> str:
        """Return the setup's f self-trained on t: the shipped one if it started from this very f."""
        given, start = self.setup.config.encoder, self.setup.f_taught.start
        if start and hash_of(start) == hash_of(given):
            return SHIPPED_TAUGHT
        net = checkpoint.read_config(checkpoint.find(given))["encoder"]
        same = {"net": "paper"} if net["name"] == "digits-paper" else {"width": net["width"]}
        return str(self.train(replace(self.setup.f_taught, start=given, **same), "digits-f-adapted") / "export")

    def translation(self, row: Row, config: DigitsTransfer) -> tuple[Path, Path | None]:
        """Return (checkpoint, run) of a row; run is None for the shipped one, used if it has these settings."""
        shipped, key = self.setup.shipped, row.of or row.key
        if key in TRANSLATIONS and shipped and self._is_shipped(shipped, config):
            return checkpoint.find(shipped), None
        run = self.train(config, f"digits-{key}")
        return run / "export", run

    def train(self, config: Config, name: str) -> Path:
        """Return the finished run of these settings and data, training or resuming it unless it is finished.

        Raises:
            KeyboardInterrupt: The training was stopped; an unfinished run must not be measured.
        """
        unfinished = None
        for path in sorted(self.setup.runs.glob(f"*-{name}")):
            run = read_status(path)
            if run.config == config and self._is_of_this_data(path):
                if run.status == "done":
                    return path
                unfinished = path
        data = str(self.setup.data) if self.setup.data else None
        path, _ = run_training(config, name, self.setup.runs, data, unfinished)
        if read_status(path).status != "done":
            self.setup.log(f"{path}: stopped before its end; the same command resumes it")
            raise KeyboardInterrupt
        return path

    def encoder_figures(self, name: str) -> EncoderFigures:
        """Measure an f. Raises UserError if it learnt the held-out part of s."""
        self.check_encoder(name)
        f = checkpoint.load_encoder(name)
        return {
            "hash": hash_of(name),
            "net": f.config,
            "svhn_error": round(1 - accuracy(f, rgb(self.test), self.test.y), 4),
            "mnist_accuracy": accuracy(f, rgb(self.handwriting), self.handwriting.y),
        }

    def check_encoder(self, name: str) -> None:
        """Raise UserError if this f learnt the held-out part of s."""
        source = checkpoint.read_config(checkpoint.find(name)).get("trained", {}).get("data", "")
        if source.startswith("SVHN (pack)") and self.test.source == "SVHN (torchvision)":
            raise UserError(
                f"f ({name}) learnt a pack of SVHN's test part, by which it would be measured here. Train "
                "another on this data, python -m dtn_core train digits-f, and use it: --set encoder=RUN/export"
            )

    def _measure_swap(self, loaded: Checkpoint) -> Mapping[str, Any]:
        """Measure t → s by a judge of street numbers that no G was trained towards, and by f, which is lenient."""
        handwriting = digits.mnist(self.setup.data, "test", min(SWAP_PICTURES, self.setup.limit or SWAP_PICTURES))
        held_out = slice(len(handwriting.y) // 3, None)
        y = handwriting.y[held_out]
        translated = transfer(loaded, rgb(handwriting)[held_out])
        judge = str(self.train(self.setup.judge_s, "digits-judge-street") / "export")
        with updating(self.output) as figures:
            figures["judge_s"] = self.encoder_figures(judge)
        by_judge = accuracy(checkpoint.load_encoder(judge), translated, y)
        return {"n": len(y), "accuracy": by_judge, "by_f": accuracy(loaded.f, translated, y)}

    def _sources(self) -> Iterator[str]:
        yield digits.svhn(self.setup.data, "val", 1).source
        yield self.handwriting.source

    def _is_of_this_data(self, run: Path) -> bool:
        """Return whether a run was trained on this data; True if that isn't known."""
        try:
            info = checkpoint.read_config(run / "export").get("trained", {})
        except UserError:
            return True
        return "data" not in info or set(info["data"].split(" → ")) <= set(self._sources())

    def _is_shipped(self, name: str, config: DigitsTransfer) -> bool:
        """Return whether a translation has these settings and data; f is compared by its weights."""
        if not checkpoint.is_translation(name):
            return False
        info = checkpoint.read_config(checkpoint.find(name))
        settings = upgrade(info["trained"])
        settings = {k: v for k, v in settings.items() if k not in ("kind", "step", "encoder", "device", "timing")}
        expected = asdict(config) | {"data": " → ".join(self._sources())}
        same_f = hash_of(config.encoder) == hash_of(name)
        return same_f and all(expected.get(key, value) == value for key, value in settings.items())


def hash_of(name: str | Path) -> str:
    """Return 12 hex digits of f's weights in a checkpoint of any kind."""
    return checkpoint.weights_hash(checkpoint.find(str(name)), "encoder.safetensors")


def timing(run: Path) -> dict[str, Any]:
    """Return the seconds that a run trained, without pauses, and its median pictures of s per second."""
    stamped, _ = events.read(run / "events.jsonl")
    rates = [s.event.rate for s in stamped if isinstance(s.event, events.Stepped) and s.event.rate]
    return {"seconds": round(read_status(run).seconds), "samples_per_s": round(float(np.median(rates)), 1)}


def grey(part: digits.Digits) -> torch.Tensor:
    """Return handwritten digits as (N, 32, 32) floats in [-1, 1]."""
    return to_float(torch.from_numpy(part.x))

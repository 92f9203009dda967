"""The one loop for every stage: step, log, sample, save; stop, resume, and carry on where it can."""

from __future__ import annotations

import math
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor
from tqdm import tqdm

from ..config import Training
from ..core.errors import UserError, reason_of
from ..core.processes import STOP_SIGNALS, peak_memory
from ..core.types import Image
from .events import Finished, Noted, Sampled, Saved, Started, Stepped
from .optim import means
from .runs.store import Run

LOOK_EVERY = 10
"""Several processes agree on what the user asked for every so many steps; one alone looks at every step."""


class Stage(Protocol):
    """What is trained: it owns the mathematics; the loop owns time, files and events."""

    device: str
    batch: int
    """Pictures a step over all processes; the loop lowers it when memory runs out."""
    figure: str
    """The figure of `validate` that tells the best step: the lowest, or, with a "-" before its name, the highest."""

    def step(self, step: int) -> dict[str, Tensor]:
        """Do optimizer step number `step` (from 1); batches depend on (seed, step) alone. Returns scalars, still
        on the device: reading them makes a GPU wait, so the loop does that seldom."""

    def samples(self) -> Image:
        """The fixed-seed sample grid, (H, W, 3) uint8."""

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs, as nested dictionaries and lists of tensors and plain values."""

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""

    def export(self, directory: Path, step: int) -> Path:
        """Write what the training made as a checkpoint directory."""

    def validate(self) -> dict[str, float]:
        """Figures on the validation part; may be empty. Written with the checkpoint."""


def train(stage: Stage, run: Run | None, config: Training, accelerator: Accelerator) -> Path | None:
    """Train from where the run stands to its last step. SIGINT, SIGTERM or a file control/stop saves and ends it well.

    run: None in all processes but the first, which alone writes. Returns the exported checkpoint's directory. Losses
    that aren't finite raise a UserError; the last good checkpoint stays. Without memory for a batch, half of it is
    tried; on a full disk training goes on, with a note.
    """
    checkpointer = Checkpointer(stage, run, config, accelerator)
    first = checkpointer.resume()
    logger = MetricLogger(stage, run, accelerator, first, config.steps)
    why, step = "done", first
    with StopSignals() as signals:
        for step in logger.bar:
            logger.add(_step(stage, step, logger, accelerator))
            asked = _asked(run, signals, step, accelerator)
            last = step == config.steps
            saves = last or "save" in asked or "stop" in asked or step % config.save_every == 0
            if saves or step % config.log_every == 0:
                logger.log(step)
            if last or "sample" in asked or step % (run and run.sample_every() or config.sample_every) == 0:
                logger.sample(step)
            if "stop" in asked:
                why = "stopped"
                break
            if saves and not last:
                checkpointer.save(step)
                logger.restart_clock()
                if checkpointer.is_stale():
                    why = "early"
                    break
        logger.bar.close()
        if why != "early":
            checkpointer.save(step, must=True)
        return checkpointer.finish(step, why)


class StopSignals:
    """SIGINT and SIGTERM set a flag that the loop reads between steps: within one, D has moved and g hasn't, and a
    resumed run would no longer be exact. A second SIGINT ends at once, without saving."""

    def __init__(self) -> None:
        self.stop = False

    def __enter__(self) -> StopSignals:
        self._before = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stop = True


def _step(stage: Stage, step: int, logger: MetricLogger, accelerator: Accelerator) -> dict[str, Tensor]:
    """One step, with half the batch where a GPU's memory doesn't hold the whole one."""
    while True:
        try:
            return stage.step(step)
        except torch.OutOfMemoryError:  # other errors of a GPU end the process: nothing can be computed on it any more
            if stage.batch < 2 or accelerator.num_processes > 1:
                raise UserError(
                    f"out of memory at a batch of {stage.batch}. Use a smaller --set batch=N or base=N."
                ) from None
            stage.batch //= 2
            logger.note(step, f"out of memory: goes on with a batch of {stage.batch}")
        torch.cuda.empty_cache()  # here, where the error and the tensors it holds are gone


def _asked(run: Run | None, signals: StopSignals, step: int, accelerator: Accelerator) -> set[str]:
    """What was asked for through control/ and signals; each process gets the same answer. Taken as answered, except
    "stop"."""
    alone = accelerator.num_processes == 1
    if not alone and step % LOOK_EVERY:
        return set()
    asked = run.asked() if run else set()
    for name in asked - {"stop"}:
        run.clear_request(name)
    if signals.stop:
        asked = asked | {"stop"}
    if alone:
        return asked
    shared = [asked]
    broadcast_object_list(shared)
    return shared[0]


class MetricLogger:
    """Means of what steps return, as events and to a tracker; only the first process has a run to write to."""

    def __init__(self, stage: Stage, run: Run | None, accelerator: Accelerator, first: int, steps: int) -> None:
        self.stage, self.run, self.accelerator = stage, run, accelerator
        self.sums: dict[str, Tensor] = {}
        self.count, self.clock = 0, time.perf_counter()
        if run:
            run.write(Started(first, steps, stage.device))
        self.bar = tqdm(
            range(first + 1, steps + 1),
            initial=first,
            total=steps,
            dynamic_ncols=True,
            unit="step",
            disable=run is None,
        )

    def add(self, scalars: dict[str, Tensor]) -> None:
        for name, value in scalars.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
        self.count += 1

    def log(self, step: int) -> None:
        if not self.count:
            return
        found = means({name: total / self.count for name, total in self.sums.items()}, self.accelerator)
        rate = round(self.count * self.stage.batch / (time.perf_counter() - self.clock), 2)
        if self.run:
            self.run.write(Stepped(step, found, rate, memory(self.stage.device)))
            self.bar.set_postfix({k: f"{v:.3f}" for k, v in found.items()}, refresh=False)
        self.accelerator.log({**found, "rate": rate}, step)
        if bad := [name for name, value in found.items() if not math.isfinite(value)]:
            raise UserError(f"{bad[0]} is not a number at step {step}; try a lower learning rate.")
        self.sums.clear()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave the time since the last figures out of the rate."""
        self.count, self.clock = (0, time.perf_counter()) if not self.sums else (self.count, self.clock)

    def sample(self, step: int) -> None:
        if not self.run:
            return
        try:
            self.run.write(Sampled(step, self.run.save_sample(step, self.stage.samples())))
        except (UserError, OSError) as error:  # a full disk
            self.note(step, f"no sample grid: {error}")
        self.restart_clock()

    def note(self, step: int, message: str) -> None:
        if self.run:
            self.run.write(Noted(step, message))
            tqdm.write(message)


class Checkpointer:
    """States to resume from, checkpoints to use, and the best of them."""

    def __init__(self, stage: Stage, run: Run | None, config: Training, accelerator: Accelerator) -> None:
        self.stage, self.run, self.config, self.accelerator = stage, run, config, accelerator
        self.best: float | None = None
        self.best_step, self.stale = 0, 0

    def resume(self) -> int:
        """Load what was saved, if anything; returns its step."""
        saved = self._read("last")
        if saved is None:
            return 0
        self.stage.load_state(saved["stage"])
        self.best, self.best_step = saved.get("best"), saved.get("best_step", 0)
        self.stale, self.stage.batch = saved.get("stale", 0), saved.get("batch", self.stage.batch)
        if self.accelerator.scaler is not None and saved.get("scaler"):
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        return saved["step"]

    def _read(self, name: str) -> dict[str, Any] | None:
        """A saved state; the first process reads it for all."""
        shared = [self.run.load_state(name) if self.run else None]
        if self.accelerator.num_processes > 1:
            broadcast_object_list(shared)
        return shared[0]

    def save(self, step: int, must: bool = False) -> None:
        """Write the state, and a checkpoint to use. A full disk is noted; must: it is a UserError."""
        if self.run:
            figures = self.stage.validate()
            better = self._better(figures, step)
            try:
                self._write(step, figures, better, must)
            except (UserError, OSError) as error:
                if must:
                    raise _unsaved(step, error) from None
                self.run.write(Noted(step, f"step {step} couldn't be saved ({reason_of(error)}); free some space"))
        if self.accelerator.num_processes > 1:
            shared = [(self.best, self.best_step, self.stale)]
            broadcast_object_list(shared)
            self.best, self.best_step, self.stale = shared[0]

    def _better(self, figures: dict[str, float], step: int) -> float | None:
        """The figure, lower being better, if this is the best step so far of the second half; in the first, what is
        hardly drawn may do well."""
        name = self.stage.figure.removeprefix("-")
        if self.config.keep != "best" or 2 * step <= self.config.steps or name not in figures:
            return None
        value = -figures[name] if self.stage.figure.startswith("-") else figures[name]
        if not math.isfinite(value) or (self.best is not None and value >= self.best):
            self.stale += 1
            return None
        return value

    def _write(self, step: int, figures: dict[str, float], better: float | None, last: bool) -> None:
        scaler = self.accelerator.scaler
        state = {
            "step": step, "stage": self.stage.state(), "validation": figures, "batch": self.stage.batch,
            "scaler": scaler.state_dict() if scaler is not None else None,
        }  # fmt: skip
        if better is not None:
            self.run.save_state({**state, "best": better, "best_step": step, "stale": 0}, "best")
            self.best, self.best_step, self.stale = better, step, 0  # now that it is on disk
        self.run.save_state({**state, "best": self.best, "best_step": self.best_step, "stale": self.stale})
        if figures:
            self.run.write(Stepped(step, {f"val/{k}": v for k, v in figures.items()}, 0.0))
            self.accelerator.log({f"val/{k}": v for k, v in figures.items()}, step)
        where = "export"
        if not last:
            where = f"exports/{step:06d}"
            self.stage.export(self.run.path / where, step)
            self.run.prune_exports(self.config.exports, self.best_step)
        self.run.write(Saved(step, where, better is not None))

    def is_stale(self) -> bool:
        return self.config.patience is not None and self.stale >= self.config.patience

    def finish(self, step: int, why: str) -> Path | None:
        """Export the last step, or the best one, and say so."""
        if self.best is not None and self.best_step != step and (kept := self._read("best")):
            self.stage.load_state(kept["stage"])
            step = kept["step"]
        exported = None
        if self.run:
            try:
                exported = self.stage.export(self.run.path / "export", step)
            except (UserError, OSError) as error:
                raise _unsaved(step, error) from None
            self.run.write(Finished(step, why))
        self.accelerator.wait_for_everyone()
        return exported


def _unsaved(step: int, error: Exception) -> UserError:
    return UserError(f"step {step} couldn't be saved ({reason_of(error)}). Free some space and resume.", code="unsaved")


def memory(device: str) -> int:
    """Bytes held at most so far: of the GPU, else of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(device)
    return peak_memory()

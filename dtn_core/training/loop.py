"""The training loop of every stage: step, log, sample, save; stop, resume, and continue after recoverable errors."""

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

SYNC_EVERY = 10
"""Steps between two exchanges of requests among several processes; a single process checks at every step."""


class Stage(Protocol):
    """What is trained. The stage owns the mathematics; the loop owns time, files and events.

    Attributes:
        device: Where it trains.
        batch: Pictures per step over all processes; the loop lowers it when memory runs out.
        figure: The figure of `validate` by which the best step is chosen: the lowest, or, with a "-" before its name,
            the highest.
    """

    device: str
    batch: int
    figure: str

    def step(self, step: int) -> dict[str, Tensor]:
        """Do optimizer step number `step` (from 1) on a batch that depends on (seed, step) alone.

        Returns scalars that are still on the device. Reading them makes a GPU wait, so the loop does that seldom.
        """

    def samples(self) -> Image:
        """The fixed-seed sample grid, (H, W, 3) uint8."""

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs, as nested dictionaries and lists of tensors and plain values."""

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""

    def export(self, directory: Path, step: int) -> Path:
        """Write the result as a checkpoint directory."""

    def validate(self) -> dict[str, float]:
        """Figures on the validation part, written with the checkpoint; may be empty."""


def train(stage: Stage, run: Run | None, config: Training, accelerator: Accelerator) -> Path | None:
    """Train from the saved step to the last one.

    SIGINT, SIGTERM and the file control/stop save and end it. If a batch doesn't fit into memory, half of it is tried;
    on a full disk training goes on, with a note.

    Args:
        stage: What to train.
        run: Where to write; None in all processes but the first.
        config: Steps, and when to log, sample and save.
        accelerator: Where to train.

    Returns:
        The directory of the exported checkpoint.

    Raises:
        UserError: A loss isn't finite (the last saved checkpoint stays), memory doesn't hold a batch of one, or the
            final checkpoint can't be saved.
    """
    checkpointer = Checkpointer(stage, run, config, accelerator)
    first = checkpointer.resume()
    logger = MetricLogger(stage, run, accelerator, first, config.steps)
    step = first
    why = "done"
    with StopSignals() as signals:
        for step in logger.bar:
            logger.add(_step(stage, step, logger, accelerator))

            requests = _requests(run, signals, step, accelerator)
            last = step == config.steps
            stop = "stop" in requests
            save = last or stop or "save" in requests or step % config.save_every == 0
            sample_every = (run and run.sample_every()) or config.sample_every

            if save or step % config.log_every == 0:
                logger.log(step)
            if last or "sample" in requests or step % sample_every == 0:
                logger.sample(step)
            if stop:
                why = "stopped"
                break
            if save and not last:
                checkpointer.save(step)
                logger.restart_clock()
                if checkpointer.is_stale():
                    why = "early"
                    break
        logger.bar.close()
        if why != "early":
            checkpointer.save(step, final=True)
        return checkpointer.finish(step, why)


class StopSignals:
    """Turn SIGINT and SIGTERM into a flag that the loop reads between steps.

    Within a step D has been updated and g hasn't, so a state saved there couldn't be resumed exactly. A second SIGINT
    ends at once, without saving.
    """

    def __init__(self) -> None:
        self.stop = False

    def __enter__(self) -> StopSignals:
        self._previous = {}
        if threading.current_thread() is threading.main_thread():  # other threads can't set handlers
            self._previous = {number: signal.signal(number, self._handle) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stop = True


def _step(stage: Stage, step: int, logger: MetricLogger, accelerator: Accelerator) -> dict[str, Tensor]:
    """Do one step; halve the batch as long as a GPU's memory doesn't hold it."""
    while True:
        try:
            return stage.step(step)
        except torch.OutOfMemoryError:  # after any other error of a GPU, the process can't use it any more
            if stage.batch < 2 or accelerator.num_processes > 1:
                raise UserError(
                    f"out of memory at a batch of {stage.batch}. Use a smaller --set batch=N or base=N."
                ) from None
            stage.batch //= 2
            logger.note(step, f"out of memory: goes on with a batch of {stage.batch}")
        torch.cuda.empty_cache()  # after the handler, when the error and the tensors it refers to are freed


def _requests(run: Run | None, signals: StopSignals, step: int, accelerator: Accelerator) -> set[str]:
    """Requests from control/ and signals, the same in every process. All but "stop" are cleared."""
    distributed = accelerator.num_processes > 1
    if distributed and step % SYNC_EVERY:
        return set()
    requests = run.requests() if run else set()
    for name in requests - {"stop"}:
        run.clear_request(name)
    if signals.stop:
        requests = requests | {"stop"}
    return _broadcast(requests, accelerator)


def _broadcast(value: Any, accelerator: Accelerator) -> Any:
    """The first process's value, in every process."""
    if accelerator.num_processes == 1:
        return value
    shared = [value]
    broadcast_object_list(shared)
    return shared[0]


class MetricLogger:
    """Average the scalars of the steps, and write them as events and to a tracker.

    Attributes:
        bar: The steps to do, with a progress bar.
        sums: Scalar → sum over the steps since the last figures.
        count: Number of these steps.
        clock: When they began.
    """

    def __init__(self, stage: Stage, run: Run | None, accelerator: Accelerator, first: int, steps: int) -> None:
        self.stage = stage
        self.run = run
        self.accelerator = accelerator
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.clock = time.perf_counter()
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
        """Write the means since the last figures. Raises UserError if one isn't finite."""
        if not self.count:
            return
        figures = means({name: total / self.count for name, total in self.sums.items()}, self.accelerator)
        rate = round(self.count * self.stage.batch / (time.perf_counter() - self.clock), 2)
        if self.run:
            self.run.write(Stepped(step, figures, rate, device_peak_memory(self.stage.device)))
            self.bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
        self.accelerator.log({**figures, "rate": rate}, step)
        for name, value in figures.items():
            if not math.isfinite(value):
                raise UserError(f"{name} is not a number at step {step}; try a lower learning rate.")
        self.sums.clear()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Exclude the time since the last figures from the rate, unless steps have been added since."""
        if self.sums:
            return
        self.count = 0
        self.clock = time.perf_counter()

    def sample(self, step: int) -> None:
        """Write the sample grid; on a full disk, a note."""
        if not self.run:
            return
        try:
            self.run.write(Sampled(step, self.run.save_sample(step, self.stage.samples())))
        except (UserError, OSError) as error:
            self.note(step, f"no sample grid: {error}")
        self.restart_clock()

    def note(self, step: int, message: str) -> None:
        if self.run:
            self.run.write(Noted(step, message))
            tqdm.write(message)


class Checkpointer:
    """Write states to resume from and checkpoints to use, and remember the best.

    Attributes:
        best: Best figure so far, lower being better.
        best_step: Its step.
        stale: Number of saves since then.
    """

    def __init__(self, stage: Stage, run: Run | None, config: Training, accelerator: Accelerator) -> None:
        self.stage = stage
        self.run = run
        self.config = config
        self.accelerator = accelerator
        self.best: float | None = None
        self.best_step = 0
        self.stale = 0

    def resume(self) -> int:
        """Load the last saved state, if any. Returns its step, or 0."""
        saved = self._read("last")
        if saved is None:
            return 0
        self.stage.load_state(saved["stage"])
        self.stage.batch = saved.get("batch", self.stage.batch)
        self.best = saved.get("best")
        self.best_step = saved.get("best_step", 0)
        self.stale = saved.get("stale", 0)
        if self.accelerator.scaler is not None and saved.get("scaler"):
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        return saved["step"]

    def _read(self, name: str) -> dict[str, Any] | None:
        """A saved state; the first process reads it for all."""
        return _broadcast(self.run.load_state(name) if self.run else None, self.accelerator)

    def save(self, step: int, final: bool = False) -> None:
        """Write the state and a checkpoint. A full disk is noted; if the save is final, it is a UserError."""
        if self.run:
            figures = self.stage.validate()
            better = self._better(figures, step)
            try:
                self._write(step, figures, better, final)
            except (UserError, OSError) as error:
                if final:
                    raise _save_error(step, error) from None
                self.run.write(Noted(step, f"step {step} couldn't be saved ({reason_of(error)}); free some space"))
        shared = (self.best, self.best_step, self.stale)
        self.best, self.best_step, self.stale = _broadcast(shared, self.accelerator)

    def _better(self, figures: dict[str, float], step: int) -> float | None:
        """The figure, lower being better, if it is the best so far in the second half of the training.

        In the first half, pictures that are hardly drawn yet may score well.
        """
        name = self.stage.figure.removeprefix("-")
        if self.config.keep != "best" or 2 * step <= self.config.steps or name not in figures:
            return None
        value = -figures[name] if self.stage.figure.startswith("-") else figures[name]
        if not math.isfinite(value) or (self.best is not None and value >= self.best):
            self.stale += 1
            return None
        return value

    def _write(self, step: int, figures: dict[str, float], better: float | None, final: bool) -> None:
        scaler = self.accelerator.scaler
        state = {
            "step": step,
            "stage": self.stage.state(),
            "validation": figures,
            "batch": self.stage.batch,
            "scaler": scaler.state_dict() if scaler is not None else None,
        }
        if better is not None:
            self.run.save_state({**state, "best": better, "best_step": step, "stale": 0}, "best")
            self.best = better  # only after it is on disk
            self.best_step = step
            self.stale = 0
        self.run.save_state({**state, "best": self.best, "best_step": self.best_step, "stale": self.stale})
        if figures:
            validation = {f"val/{name}": value for name, value in figures.items()}
            self.run.write(Stepped(step, validation, 0.0))
            self.accelerator.log(validation, step)
        path = "export"
        if not final:
            path = f"exports/{step:06d}"
            self.stage.export(self.run.path / path, step)
            self.run.prune_exports(self.config.exports, self.best_step)
        self.run.write(Saved(step, path, better is not None))

    def is_stale(self) -> bool:
        """Whether the last `patience` saves brought no improvement."""
        return self.config.patience is not None and self.stale >= self.config.patience

    def finish(self, step: int, why: str) -> Path | None:
        """Export the last step, or the best one, and write `Finished`."""
        if self.best is not None and self.best_step != step and (best := self._read("best")):
            self.stage.load_state(best["stage"])
            step = best["step"]
        exported = None
        if self.run:
            try:
                exported = self.stage.export(self.run.path / "export", step)
            except (UserError, OSError) as error:
                raise _save_error(step, error) from None
            self.run.write(Finished(step, why))
        self.accelerator.wait_for_everyone()
        return exported


def _save_error(step: int, error: Exception) -> UserError:
    return UserError(f"step {step} couldn't be saved ({reason_of(error)}). Free some space and resume.", code="unsaved")


def device_peak_memory(device: str) -> int:
    """Peak memory in bytes: of the GPU if the device is one, otherwise of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(device)
    return peak_memory()

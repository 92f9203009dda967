"""The one loop for every stage: step, tell, sample, save; stop and resume."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..events import Finished, Sampled, Saved, Started, Stepped
from ..types import Image
from .runs import Run


class Stage(Protocol):
    """What is trained: it owns the mathematics; the loop owns time, files and events."""

    device: str
    batch: int
    best_by: str | None
    """The figure of `validate` whose lowest value in the second half of the steps tells what to export (in the first
    half a picture hardly drawn may do well by it); None: the last step is exported."""

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


def train(stage: Stage, run: Run, steps: int, log_every: int, sample_every: int, save_every: int) -> Path:
    """Train from where the run stands to `steps`. Ctrl-C or a file control/stop saves and ends it well.

    Returns the exported checkpoint's directory. Losses that aren't finite raise a RuntimeError; the last good
    checkpoint stays.
    """
    first, best = 0, None
    if saved := run.load_state():
        first, best = saved["step"], saved.get("best")
        stage.load_state(saved["stage"])
    run.tell(Started(first, steps, stage.device))
    bar = tqdm(range(first + 1, steps + 1), initial=first, total=steps, dynamic_ncols=True, unit="step")
    sums: dict[str, Tensor] = {}
    clock, count, step, why = time.perf_counter(), 0, first, "done"
    try:
        for step in bar:
            for name, value in stage.step(step).items():
                sums[name] = sums.get(name, 0) + value.detach()
            count += 1
            if step % log_every == 0 or step == steps:
                means = {name: float(total) / count for name, total in sums.items()}
                seconds = time.perf_counter() - clock
                run.tell(Stepped(step, means, round(count * stage.batch / seconds, 2)))
                bar.set_postfix({k: f"{v:.3f}" for k, v in means.items()})
                if bad := [name for name, value in means.items() if not math.isfinite(value)]:
                    raise RuntimeError(f"{bad[0]} is not a number at step {step}; try a lower learning rate.")
                sums.clear()
                clock, count = time.perf_counter(), 0
            if step % sample_every == 0 or step == steps:
                run.tell(Sampled(step, run.save_sample(step, stage.samples())))
            if run.asked_to_stop():
                why = "stopped"
                break
            if step % save_every == 0 and step < steps:
                best = _save(stage, run, step, steps, best)
    except KeyboardInterrupt:
        why = "stopped"
        step -= 1  # the interrupted step is done again on resuming
    best = _save(stage, run, step, steps, best)
    if best is not None:
        kept = run.load_state("best")
        stage.load_state(kept["stage"])
        step = kept["step"]
    exported = stage.export(run.path / "export", step)
    run.tell(Finished(step, why))
    return exported


def _save(stage: Stage, run: Run, step: int, steps: int, best: float | None) -> float | None:
    """Write the state, and that of the best step so far; returns the best figure."""
    figures = stage.validate()
    ripe = stage.best_by is not None and 2 * step > steps
    better = ripe and (best is None or figures[stage.best_by] < best)
    if better:
        best = figures[stage.best_by]
    state = {"step": step, "stage": stage.state(), "validation": figures, "best": best}
    if better:
        run.save_state(state, "best")
    run.save_state(state)
    if figures:
        run.tell(Stepped(step, {f"val/{k}": v for k, v in figures.items()}, 0.0))
    run.tell(Saved(step, "checkpoints/last.safetensors"))
    return best


def flat_cosine(step: int, steps: int, warm: int = 100, flat: float = 0.5, low: float = 0.02) -> float:
    """A factor for the learning rate: up over `warm` steps, flat, then down a cosine to `low`."""
    start = min(1.0, step / max(1, min(warm, steps // 10)))
    x = max(0.0, (step / steps - flat) / (1 - flat))
    return start * (low + (1 - low) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, x))))


@torch.no_grad()
def average(kept: nn.Module, new: nn.Module, decay: float, step: int) -> None:
    """Move a running average of weights and buffers towards `new`; faster in the first steps."""
    decay = min(decay, step / (step + 10))
    for old, now in zip(kept.state_dict().values(), new.state_dict().values()):
        if old.is_floating_point():
            old.lerp_(now, 1 - decay)
        else:
            old.copy_(now)

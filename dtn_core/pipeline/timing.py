"""Durations of the stages of a call."""

from __future__ import annotations

from time import perf_counter

import torch


class StageTimer:
    """Measures how long each stage of a call takes.

    Attributes:
        ms: Milliseconds by stage, in the order of the stages.
    """

    def __init__(self, device: torch.device) -> None:
        self.ms: dict[str, float] = {}
        self._device = device
        self._start = self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage, and start the next one."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = perf_counter()
        self.ms[stage] = 1000 * (now - self._last)
        self._last = now

    def total(self) -> dict[str, float]:
        """Milliseconds by stage, and "total" since the start."""
        return {**self.ms, "total": 1000 * (perf_counter() - self._start)}

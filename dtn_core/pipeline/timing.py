"""Times of the stages of a call."""

from __future__ import annotations

from time import perf_counter

import torch


class StageTimer:
    """Measures the milliseconds of every stage of a call."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.ms = device, {}
        self.start = self.last = perf_counter()

    def lap(self, stage: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = perf_counter()
        self.ms[stage], self.last = 1000 * (now - self.last), now

    def total(self) -> dict[str, float]:
        return {**self.ms, "total": 1000 * (perf_counter() - self.start)}

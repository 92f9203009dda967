"""Stage: train the face parser on labelled heads, and by self-training on heads without labels."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from ...config import ParserTraining, to_dict
from ...core import images
from ...core.images import to_float
from ...core.types import Image
from ...data.face_parts import labelled_heads, near_duplicates, unlabelled_heads
from ...networks import checkpoint
from ...networks.parser import PARTS, UNLABELLED, FaceParser, iou
from ..optim import (
    flat_cosine,
    load_states,
    local_slice,
    optimizer_step,
    prepare,
    prepare_optimizer,
    set_lr,
    states,
    update_ema,
)  # fmt: skip

CLASS_WEIGHTS = (1.0, 1.0, 1.5, 1.5, 1.5, 1.0, 3.0, 3.0, 1.0, 2.0)
"""Weight of each part in the loss: more for small and rare ones."""

PASTED = ("hat", "glasses")
"""Rare parts that are pasted from one labelled head onto others, which works because heads are aligned."""

MIN_PASTED_SHARE = 0.004
"""Minimum share of the pixels for a head to be a donor of a part."""

CONFIDENT = 0.9
"""Probability from which the average's prediction labels a pixel, if the mirrored head agrees."""

RARE_SHARE = 0.5
"""Draws of unlabelled heads with a hat or glasses, for each draw of any head."""

JACCARD = 0.5
"""Weight of `soft_jaccard` beside cross-entropy."""

COLOURS = torch.tensor(
    [(0, 0, 0), (255, 205, 170), (110, 60, 20), (30, 60, 255), (230, 30, 60), (140, 90, 50), (40, 170, 70),
     (0, 200, 230), (215, 160, 130), (190, 60, 190)], dtype=torch.uint8
)  # fmt: skip
"""Colour of each part in sample grids."""


class ParserStage:
    """Cross-entropy on augmented heads. From the share `warmup` of the steps on, also on confident pixels of unlabelled
    heads, as the moving average of the weights labels them (Sohn et al., FixMatch, 2020).
    """

    def __init__(self, config: ParserTraining, data: Path, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        self.device = str(accelerator.device)
        self.batch = config.batch
        self.figure = "-mean_iou"
        torch.manual_seed(config.seed)
        self.net = prepare(FaceParser(config.size), accelerator, config.compile)
        self.average = deepcopy(self.net).requires_grad_(False).eval()
        adam = torch.optim.AdamW(self.net.parameters(), lr=config.lr, weight_decay=0.02)
        self.optimizer = prepare_optimizer(adam, accelerator)
        train = labelled_heads(data, "train", config.size, config.limit)
        self.x, self.y = torch.from_numpy(train.pictures), torch.from_numpy(train.labels)
        self.donors = {part: self._donors(PARTS.index(part)) for part in PASTED}
        val = labelled_heads(data, "val", config.size, config.limit)
        test = labelled_heads(data, "test", config.size)
        unlabelled = unlabelled_heads(data, config.size, config.unlabelled)
        held_out = np.concatenate([val.pictures, test.pictures])
        is_new = ~near_duplicates(unlabelled.pictures, held_out)
        self.unlabelled = torch.from_numpy(unlabelled.pictures[is_new])
        self.absent = torch.from_numpy(unlabelled.absent[is_new])
        rare = [PARTS.index(part) for part in PASTED]
        has_rare_part = ~self.absent[:, rare].all(1)
        self.sampling = 1 + has_rare_part * RARE_SHARE * len(has_rare_part) / has_rare_part.sum().clamp_min(1)
        self.val_x, self.val_y = channels_first(torch.from_numpy(val.pictures)), torch.from_numpy(val.labels)
        self.weights = torch.tensor(CLASS_WEIGHTS, device=accelerator.device)

    def _donors(self, part: int) -> Tensor:
        """Indices of the labelled heads from which a part can be pasted."""
        return ((self.y == part).float().mean((1, 2)) > MIN_PASTED_SHARE).nonzero()[:, 0]

    def step(self, step: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps))
        local = local_slice(self.batch, self.accelerator)
        x, y = self._labelled(random)
        if step > self.config.warmup * self.config.steps:
            x_pseudo, y_pseudo = self._pseudo_labelled(random)
            x = torch.cat([x, x_pseudo])
            y = torch.cat([y, y_pseudo])
        x, y = augmented(x, y, random)
        x, y = x[local].to(self.accelerator.device), y[local].to(self.accelerator.device)
        self.net.train()
        with self.accelerator.autocast():
            logits = self.net(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(
            logits.float(), y, weight=self.weights, ignore_index=UNLABELLED, label_smoothing=0.02
        ) + JACCARD * soft_jaccard(logits.float(), y)  # fmt: skip
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        update_ema(self.average, self.net, self.config.ema, step)
        known = y != UNLABELLED
        return {"loss": loss, "accuracy": (logits.argmax(1) == y)[known].float().mean()}

    def _labelled(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Labelled heads, some with a hat or glasses of another: (N, 3, S, S) in [-1, 1] and (N, S, S) labels."""
        n = self.batch if self.config.warmup >= 1 else self.batch // 2
        index = torch.randint(len(self.x), (n,), generator=random)
        x, y = self.x[index].clone(), self.y[index].clone()
        for part in PASTED:
            donors = self.donors[part]
            if not len(donors):
                continue
            chosen = torch.rand(n, generator=random) < self.config.paste
            source = donors[torch.randint(len(donors), (n,), generator=random)]
            mask = (self.y[source] == PARTS.index(part)) & chosen[:, None, None]
            x = torch.where(mask[..., None], self.x[source], x)
            y = torch.where(mask, self.y[source], y)
        return channels_first(x), y.long()

    @torch.no_grad()
    def _pseudo_labelled(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Unlabelled heads with labels where the average is confident and agrees with itself on the mirrored head."""
        index = torch.multinomial(self.sampling, self.batch - self.batch // 2, True, generator=random)
        x = channels_first(self.unlabelled[index])
        views = torch.cat([x, x.flip(-1)]).to(self.accelerator.device)
        absent = self.absent[index].repeat(2, 1)[:, :, None, None].to(views.device)
        logits = self.average(views.contiguous(memory_format=torch.channels_last))
        p, mirrored = logits.masked_fill(absent, -torch.inf).softmax(1).chunk(2)
        mirrored = mirrored.flip(-1)
        confidence, label = ((p + mirrored) / 2).max(1)
        agree = p.argmax(1) == mirrored.argmax(1)
        label[(confidence < CONFIDENT) | ~agree] = UNLABELLED
        return x, label.cpu()

    @torch.no_grad()
    def samples(self) -> Image:
        """Held-out heads, their labels and the average's prediction."""
        x, y = self.val_x[:8], self.val_y[:8].long()
        predicted = self._predict(x)
        pictures = list(images.to_images(x))
        truth, output = (list(COLOURS[labels.clamp(max=len(PARTS) - 1)].numpy()) for labels in (y, predicted))
        return images.grid([pictures, truth, output])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Intersection over union of each part, over all pixels of the held-out heads, and their mean."""
        predicted = torch.cat([self._predict(x) for x in self.val_x.split(16)])
        figures = {f"iou_{part}": value for part, value in iou(predicted, self.val_y.long()).items()}
        return {"mean_iou": float(np.nanmean(list(figures.values()))), **figures}

    def _predict(self, x: Tensor) -> Tensor:
        x = x.to(self.accelerator.device).contiguous(memory_format=torch.channels_last)
        return self.average(x).argmax(1).cpu()

    def state(self) -> dict[str, Any]:
        return states(self, ("net", "average", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        info = {"kind": "parser", "parser": self.net.config, "trained": {"step": step, **to_dict(self.config)}}
        return checkpoint.save(directory, info, {"parser": self.average.state_dict()})


def soft_jaccard(logits: Tensor, y: Tensor) -> Tensor:
    """1 - the mean intersection over union of probabilities and (N, S, S) labels, over the parts that occur.

    It is close to the figure that is measured (Rahman and Wang, 2016), which cross-entropy with weights is not.
    """
    known = (y != UNLABELLED)[:, None]
    truth = F.one_hot(y.masked_fill(~known[:, 0], 0), len(PARTS)).movedim(-1, 1) * known
    p = logits.softmax(1) * known
    both = (p * truth).sum((0, 2, 3))
    either = (p + truth).sum((0, 2, 3)) - both
    occurs = truth.sum((0, 2, 3)) > 0
    return 1 - (both / either.clamp_min(1e-6))[occurs].mean()


def channels_first(pictures: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 → (N, 3, S, S) in [-1, 1]."""
    return to_float(pictures.permute(0, 3, 1, 2))


def augmented(x: Tensor, y: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random position, size, light, sharpness, greyscale and hidden patches; x: (N, 3, S, S) in [-1, 1], y: labels."""
    x, y = _moved(x, y, random)
    x = _degraded(_relit(x, random), random)
    return _hidden(x, random), y


def _moved(x: Tensor, y: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rotated by ±10°, scaled by .78 to 1.57, shifted by ±9%, mirrored. What was outside is unlabelled."""
    n, _, size, _ = x.shape
    angle = 0.17 * torch.randn(n, generator=random)
    scale = torch.exp(0.7 * torch.rand(n, generator=random) - 0.25)
    mirror = 2.0 * torch.randint(2, (n,), generator=random) - 1
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = scale * angle.cos() * mirror
    theta[:, 0, 1] = -scale * angle.sin()
    theta[:, 1, 0] = scale * angle.sin() * mirror
    theta[:, 1, 1] = scale * angle.cos()
    theta[:, :, 2] = 0.36 * torch.rand(n, 2, generator=random) - 0.18
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    padding = "border" if torch.rand((), generator=random) < 0.5 else "reflection"
    x = F.grid_sample(x, grid, padding_mode=padding, align_corners=False)
    labels = F.grid_sample(y[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    outside = (grid.abs() > 1).any(-1)
    return x, labels[:, 0].long().masked_fill(outside, UNLABELLED)


def _relit(x: Tensor, random: torch.Generator) -> Tensor:
    """Other gain, gamma and colour of light, shade from one side for a third, greyscale for a sixth."""
    n, _, size, _ = x.shape
    draw = torch.randn(n, 6, 1, 1, generator=random)
    light = (x / 2 + 0.5).clamp_min(1e-3) ** torch.exp(0.25 * draw[:, :1])
    light = light * torch.exp(0.3 * draw[:, 1:2]) * torch.exp(0.1 * draw[:, 2:5])
    angle = 2 * torch.pi * torch.rand(n, 1, 1, 1, generator=random)
    ramp = torch.linspace(-1, 1, size)
    side = (angle.cos() * ramp + angle.sin() * ramp[:, None]).clamp(-1, 1)
    depth = 0.7 * torch.rand(n, 1, 1, 1, generator=random) * (torch.rand(n, 1, 1, 1, generator=random) < 1 / 3)
    light = light * (1 - depth * (side + 1) / 2)
    grey = (torch.rand(n, 1, 1, 1, generator=random) < 1 / 6) | (draw[:, 5:] > 2.5)
    light = torch.where(grey, light.mean(1, keepdim=True), light)
    return 2 * light.clamp(0, 1) - 1


def _degraded(x: Tensor, random: torch.Generator) -> Tensor:
    """Half of the batch at a lower resolution, some of it down to a quarter; grain for a third."""
    half = len(x) // 2
    scale = 0.25 + 0.5 * float(torch.rand((), generator=random))
    small = F.interpolate(x[:half], scale_factor=scale, mode="bilinear", antialias=True, align_corners=False)
    blurred = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    x = torch.cat([blurred, x[half:]])
    grain = 0.08 * torch.randn(x.shape, generator=random)
    return (x + grain * (torch.rand(len(x), 1, 1, 1, generator=random) < 1 / 3)).clamp(-1, 1)


def _hidden(x: Tensor, random: torch.Generator) -> Tensor:
    """A patch of one colour over a quarter of the pictures: a part must be known by its surroundings too."""
    n, _, size, _ = x.shape
    centre = torch.rand(n, 2, 1, 1, generator=random)
    reach = 0.04 + 0.1 * torch.rand(n, 2, 1, 1, generator=random)
    place = (torch.arange(size) + 0.5) / size
    inside = ((place[:, None] - centre[:, :1]).abs() < reach[:, :1]) & ((place - centre[:, 1:]).abs() < reach[:, 1:])
    inside = inside & (torch.rand(n, 1, 1, 1, generator=random) < 0.25)
    colour = 2 * torch.rand(n, 3, 1, 1, generator=random) - 1
    return torch.where(inside, colour, x)

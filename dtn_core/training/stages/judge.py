"""Stage: train the judge of attributes on rendered avatars, or on the labelled pictures of a style's pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from ...avatars import attributes as avatars
from ...avatars import rendering, styles
from ...avatars.attributes import Attributes
from ...avatars.rendering import LabelledPictures
from ...config import JudgeTraining, Style, to_dict
from ...core import augment, images
from ...core.metrics import balanced_accuracy
from ...core.types import Image
from ...data.portraits import UNKNOWN
from ...networks import checkpoint
from ...networks.judge import JUDGE_ATTRIBUTES, Judge
from ..optim import flat_cosine, load_states, local_slice, optimizer_step, prepare, prepare_optimizer, set_lr, states
from .encoder import attribute_loss

FIRST_SEED = 10_000_000
"""First seed of the judge's avatars, so that none of them is used by g or in an evaluation."""


def labels_of(attributes: Attributes) -> list[float]:
    """Labels of a picture in the order of `JUDGED`: 0, 1 or `UNKNOWN`."""
    a = attributes
    hair = {f"hair_{c}": None if a.hair is None else a.hair == c for c in ("black", "brown", "blond", "grey")}
    labels = {**a._asdict(), **hair, "dark_skin": None if a.skin is None else a.skin in ("brown", "dark")}
    return [UNKNOWN if labels[name] is None else float(labels[name]) for name in JUDGE_ATTRIBUTES]


def balanced_avatars(first: int, count: int, style: Style = "avataaars") -> tuple[Tensor, Tensor]:
    """Avatars of a drawn style in which rare attributes are frequent, and their labels; shapes as in `labelled`."""
    return labelled_tensors(rendering.draw(style, range(first, first + count), rates=avatars.BALANCED_RATES))


def labelled_tensors(drawn: LabelledPictures) -> tuple[Tensor, Tensor]:
    """Inputs of the judge, (N, 3, 64, 64) in [-1, 1] over mid-grey, and their (N, A) labels."""
    return images.to_tensor(drawn.pictures)[:, :3], torch.tensor([labels_of(a) for a in drawn.attributes])


class JudgeStage:
    """Binary cross-entropy on exact labels of pictures with the blur, noise and shifts of a generator's output.

    A style that comes as a pack of few pictures (`rendering.split_pack`) is augmented by mirroring; only such styles
    need the data folder.
    """

    def __init__(self, config: JudgeTraining, data: Path | None, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        self.device = str(accelerator.device)
        self.batch = config.batch
        self.figure = "-mean"
        torch.manual_seed(config.seed)
        self.net = prepare(Judge(config.width), accelerator, config.compile)
        adam = torch.optim.AdamW(self.net.parameters(), lr=config.lr, weight_decay=0.01)
        self.optimizer = prepare_optimizer(adam, accelerator)
        self.mirrors = config.style in styles.PACKS
        if self.mirrors:
            learnt, held_out = (labelled_tensors(part) for part in rendering.split_pack(config.style, data))
            learnt = tuple(v[: config.avatars] for v in learnt)
        else:
            learnt = balanced_avatars(FIRST_SEED, config.avatars, config.style)
            held_out = balanced_avatars(2 * FIRST_SEED, max(8, config.avatars // 8), config.style)
        self.x, self.y = (v.to(accelerator.device) for v in learnt)
        self.val = tuple(v.to(accelerator.device) for v in held_out)

    def step(self, step: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        local = local_slice(self.batch, self.accelerator)
        index = torch.randint(len(self.x), (self.batch,), generator=random)
        x = augment.degrade_mildly(self.x[index.to(self.x.device)], random)
        if self.mirrors:
            x = augment.random_flip(x, random)
        x = x[local]
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, flat=0.0, low=0.0))
        self.net.train()
        torch.manual_seed(self.config.seed * 1_000_003 + step)  # seeds the dropout, so that a resumed run is identical
        with self.accelerator.autocast():
            logits = self.net(x)
        labels = self.y[index[local].to(self.y.device)]
        loss = attribute_loss(logits.float(), labels, self.accelerator)
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss}

    def samples(self) -> Image:
        x = augment.degrade_mildly(self.x[:24], torch.Generator().manual_seed(0))
        rows = images.to_images(x)
        return images.grid([rows[:12], rows[12:]] if len(rows) > 12 else [rows])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Balanced accuracy on held-out avatars of each attribute of which both answers are among them, and the mean
        of these."""
        self.net.eval()
        x, y = self.val
        answers = torch.cat([self.net(part) for part in x.split(256)]).cpu().numpy() > 0
        truth = y.cpu().numpy()
        figures = {
            name: balanced_accuracy(truth[truth[:, i] != UNKNOWN, i], answers[truth[:, i] != UNKNOWN, i])
            for i, name in enumerate(JUDGE_ATTRIBUTES)
        }
        figures = {name: figure for name, figure in figures.items() if np.isfinite(figure)}
        return {"mean": float(np.mean(list(figures.values()))), **figures} if figures else {}

    def state(self) -> dict[str, Any]:
        return states(self, ("net", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        figures = {k: round(v, 4) for k, v in self.validate().items()}
        trained = {"step": step, **to_dict(self.config), "balanced_accuracy_on_held_out_avatars": figures}
        info = {"kind": "judge", "judge": self.net.config, "trained": trained}
        return checkpoint.save(directory, info, {"judge": self.net.state_dict()})

"""Stage: pretrain f on attributes of photos under stylisation, and of faces drawn by other hands than the target's."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from .. import checkpoint, images
from ..config import EncoderTraining
from ..domains import other_hands, portraits
from ..domains.portraits import UNKNOWN, Portraits
from ..metrics import auc
from ..networks.encoders import ATTRIBUTES, AttributeEncoder
from ..types import Image
from .engine import adamw, descend, flat_cosine, known_mean, load_states, part, prepare, set_lr, states

DRAWN = 2000
"""Faces drawn by every other hand."""


class EncoderStage:
    """Binary cross-entropy on the attributes each picture's set tells, on stylised, jittered head crops."""

    def __init__(self, config: EncoderTraining, data: Path, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        self.device, self.batch, self.figure = str(accelerator.device), config.batch, "-auc"
        torch.manual_seed(config.seed)
        net = AttributeEncoder(config.width, config.hidden)
        if config.start:
            start = checkpoint.load_encoder(config.start)
            if {**start.config, "squash": False} != {**net.config, "squash": False}:
                raise ValueError(f"start={config.start}: holds {start.config} instead of {net.config}.")
            net.load_state_dict(start.state_dict())
        self.net = prepare(net, accelerator, config.compile)
        self.optimizer = adamw(self.net, config.lr, config.weight_decay, accelerator)
        self.train_sets = [
            load(data, "train", ATTRIBUTES, config.limit) for load in (portraits.celeba, portraits.utkface)
        ]
        self.val_sets = [load(data, "val", ATTRIBUTES, config.limit) for load in (portraits.celeba, portraits.utkface)]
        self.drawn = _drawn(config.limit) if config.drawn else None
        # Augmentation in a thread, one batch ahead: OpenCV lets go of the interpreter's lock.
        self.thread = ThreadPoolExecutor(1)
        self.ahead: tuple[int, Future[tuple[Tensor, Tensor]]] | None = None

    def step(self, step: int) -> dict[str, Tensor]:
        x, labels = self._batch(step)
        self.net.train()
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, warm=200, flat=0.0, low=0.0))
        with self.accelerator.autocast():
            logits = self.net.logits(self.net(x))
        loss = attribute_loss(logits.float(), labels, self.accelerator)
        descend(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss}

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        if self.ahead is None or self.ahead[0] != step:
            self.ahead = (step, self.thread.submit(self._make_batch, step))
        x, labels = self.ahead[1].result()
        self.ahead = (step + 1, self.thread.submit(self._make_batch, step + 1))
        return x.to(self.accelerator.device), labels.to(self.accelerator.device)

    def _make_batch(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.config.seed, step])
        crops, labels = [], []
        n_drawn = round(self.batch * self.config.drawn)
        photos = self.batch - n_drawn
        for i in range(photos):
            pictures = self.train_sets[int(i < photos * self.config.utkface)]
            crop, told = augmented(rng, pictures, int(rng.integers(len(pictures))))
            crops.append(crop)
            labels.append(told)
        for _ in range(n_drawn):
            i = int(rng.integers(len(self.drawn[0])))
            crops.append(_moved_and_stylised(rng, self.drawn[0][i]))
            labels.append(self.drawn[1][i])
        mine = part(self.batch, self.accelerator)
        return images.to_tensor(np.stack(crops[mine])), torch.from_numpy(np.stack(labels[mine]))

    def samples(self) -> Image:
        """Stylised training crops: what f is made to see through."""
        rng = np.random.default_rng(self.config.seed)
        rows = [[augmented(rng, s, i)[0] for i in range(12)] for s in self.train_sets for _ in "ab"]
        if self.drawn:
            some = rng.integers(0, len(self.drawn[0]), (2, 12))
            rows += [[_moved_and_stylised(rng, self.drawn[0][i]) for i in row] for row in some]
        return images.grid(rows)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean AUC over attributes on unstylised validation pictures."""
        self.net.eval()
        scores: dict[str, float] = {}
        for pictures in self.val_sets:
            logits = self.net.logits(self.net(images.to_tensor(crops(pictures)).to(self.accelerator.device))).cpu()
            for i, name in enumerate(ATTRIBUTES):
                known = pictures.labels[:, i] != UNKNOWN
                if len(set(pictures.labels[known, i])) == 2:
                    suffix = "@utk" if pictures.tight else ""
                    scores[f"{name}{suffix}"] = auc(pictures.labels[known, i], logits[known, i])
        return {"auc": float(np.mean(list(scores.values()))), **scores} if scores else {}

    def state(self) -> dict[str, Any]:
        return states(self, ("net", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        f = self.net.config | ({"squash": True} if self.config.squash else {})
        info = {"kind": "encoder", "encoder": f, "trained": {"step": step, **vars(self.config)}}
        return checkpoint.save(directory, info, {"encoder": self.net.state_dict()})


def crops(part: Portraits, size: int = 64) -> Image:
    """(N, size, size, 3) head crops of a whole set, as they are."""
    return np.stack([portraits.head_crop(picture, part.eyes, size) for picture in part.pictures])


def augmented(rng: np.random.Generator, part: Portraits, index: int, size: int = 64) -> tuple[Image, np.ndarray]:
    """A jittered, stylised head crop and its labels; what hidden context would tell becomes unknown."""
    labels = part.labels[index].copy()
    crop = portraits.head_crop(part.pictures[index], part.eyes, size)
    if part.tight or rng.random() < 0.2:
        crop = portraits.hide_context(rng, crop)
        labels[_HAIR] = UNKNOWN
    return _moved_and_stylised(rng, crop), labels


def _moved_and_stylised(rng: np.random.Generator, crop: Image) -> Image:
    motion = portraits.jitter(rng, len(crop))
    crop = cv2.warpAffine(crop, motion, crop.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return portraits.stylise(rng, crop)


def _drawn(limit: int | None) -> tuple[Image, np.ndarray]:
    """Faces by other hands before mid-grey, as f sees drawings, and their labels."""
    pictures, labels = other_hands.draw(min(limit or DRAWN, DRAWN), ATTRIBUTES)
    return images.to_images(images.to_rgb(images.to_tensor(pictures))), labels


_HAIR = [i for i, name in enumerate(ATTRIBUTES) if name in portraits.HAIR_LABELS]


def attribute_loss(logits: Tensor, labels: Tensor, accelerator: Accelerator) -> Tensor:
    """Mean binary cross-entropy over known labels; logits and labels (B, A), unknown ones are `UNKNOWN`."""
    each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return known_mean(each, labels != UNKNOWN, accelerator)

"""Stage: pretrain f on the attributes of stylised photos, and of faces drawn in other styles than the target's."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...config import EncoderTraining, to_dict
from ...core import augment, images
from ...core import colors as colours
from ...core.errors import UserError
from ...core.metrics import auc
from ...core.types import Image
from ...data import illustrations, portraits
from ...data.portraits import UNKNOWN, Portraits
from ...networks import checkpoint
from ...networks.resnet import ATTRIBUTES, SKIN_MEAN, SKIN_SPREAD, AttributeEncoder
from ..optim import adamw, flat_cosine, known_mean, load_states, local_slice, optimizer_step, prepare, set_lr, states

DRAWN = 2000
"""Faces drawn in each of the other styles."""

DEPICTED = frozenset(
    (
        "5_o_Clock_Shadow", "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Eyeglasses", "Goatee",
        "Gray_Hair", "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Smiling", "Wavy_Hair", "Wearing_Hat",
        "race_White", "race_Black", "race_Asian", "race_Indian", "age_60",
    )
)  # fmt: skip
"""Attributes that an avatar can show."""

_NO_SKIN = np.zeros(3, np.float32)


class Batch(NamedTuple):
    """A batch.

    Attributes:
        x: (B, 3, S, S) in [-1, 1].
        labels: (B, A) of 0, 1 or `UNKNOWN`.
        skin: (B, 3), see `skin_of`.
    """

    x: Tensor
    labels: Tensor
    skin: Tensor


class EncoderStage:
    """Binary cross-entropy on the attributes that each data set labels, on stylised, jittered head crops."""

    def __init__(self, config: EncoderTraining, data: Path, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        self.device = str(accelerator.device)
        self.batch = config.batch
        self.figure = "-auc"
        torch.manual_seed(config.seed)
        net = AttributeEncoder(config.width, config.hidden, size=config.size, skin=config.skin > 0)
        if config.start:
            start = checkpoint.load_encoder(config.start)
            # The size may differ, and the head for the skin may be new.
            same = ("name", "width", "hidden", "outputs")
            if any(start.config.get(k) != net.config[k] for k in same):
                raise UserError(f"start={config.start}: holds {start.config} instead of {net.config}.")
            net.load_state_dict(start.state_dict(), strict=False)
        self.net = prepare(net, accelerator, config.compile)
        self.optimizer = adamw(self.net, config.lr, config.weight_decay, accelerator)
        loaders = [portraits.celeba, portraits.utkface] + [portraits.celebahq] * (config.celebahq > 0)
        self.train_sets = [load(data, "train", ATTRIBUTES, config.limit) for load in loaders]
        self.val_sets = [load(data, "val", ATTRIBUTES, config.limit) for load in loaders]
        self.skins = [skin_of(part) for part in self.train_sets] if config.skin else None
        self.drawn = _drawn(config.limit, config.size) if config.drawn else None
        if config.skin and self.drawn:
            self.skins.append(np.stack([_scaled(colours.cheek(picture)) for picture in self.drawn[0]]))
        weights = [config.focus if name in DEPICTED else 1.0 for name in ATTRIBUTES]
        self.weights = torch.tensor(weights, device=accelerator.device)
        # Augments in a thread, one batch ahead: OpenCV releases the GIL.
        self.thread = ThreadPoolExecutor(1)
        self.next_batch: tuple[int, Future[Batch]] | None = None

    def step(self, step: int) -> dict[str, Tensor]:
        batch = self._batch(step)
        self.net.train()
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, warm=200, flat=0.0, low=0.0))
        with self.accelerator.autocast():
            features = self.net(batch.x)
            logits = self.net.logits(features)
            skin = self.net.skin(F.relu(features[:, : self.net.hidden])) if self.skins else None
        losses = {"attributes": attribute_loss(logits.float(), batch.labels, self.accelerator, self.weights)}
        if skin is not None:
            losses["skin"] = F.smooth_l1_loss(skin.float(), batch.skin)
        loss = losses["attributes"] + self.config.skin * losses.get("skin", 0.0)
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss, **losses}

    def _batch(self, step: int) -> Batch:
        if self.next_batch is None or self.next_batch[0] != step:
            self.next_batch = (step, self.thread.submit(self._make_batch, step))
        batch = self.next_batch[1].result()
        self.next_batch = (step + 1, self.thread.submit(self._make_batch, step + 1))
        return Batch(*(part.to(self.accelerator.device) for part in batch))

    def _make_batch(self, step: int) -> Batch:
        rng = np.random.default_rng([self.config.seed, step])
        n_drawn = round(self.batch * self.config.drawn)
        photos = self.batch - n_drawn
        n_tight = round(photos * self.config.utkface)
        n_hq = round((photos - n_tight) * self.config.celebahq)
        which = [1] * n_tight + [2] * n_hq + [0] * (photos - n_tight - n_hq)
        crops, labels, skins = [], [], []
        for k in which:
            i = int(rng.integers(len(self.train_sets[k])))
            crop, known = augmented(rng, self.train_sets[k], i, self.config)
            crops.append(crop)
            labels.append(known)
            skins.append(self.skins[k][i] if self.skins else _NO_SKIN)
        for _ in range(n_drawn):
            i = int(rng.integers(len(self.drawn[0])))
            crops.append(_moved_and_stylised(rng, self.drawn[0][i], self.config))
            labels.append(self.drawn[1][i])
            skins.append(self.skins[-1][i] if self.skins else _NO_SKIN)
        local = local_slice(self.batch, self.accelerator)
        arrays = (torch.from_numpy(np.stack(rows[local])) for rows in (labels, skins))
        return Batch(images.to_tensor(np.stack(crops[local])), *arrays)

    def samples(self) -> Image:
        """Stylised training crops."""
        rng = np.random.default_rng(self.config.seed)
        sets = [s for s in self.train_sets for _ in "ab"]
        rows = [[augmented(rng, s, i % len(s), self.config)[0] for i in range(12)] for s in sets]
        if self.drawn:
            some = rng.integers(0, len(self.drawn[0]), (2, 12))
            rows += [[_moved_and_stylised(rng, self.drawn[0][i], self.config) for i in row] for row in some]
        return images.grid(rows)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean AUC over attributes on unstylised validation pictures of every set; of the skin's head, how far L* is
        from the cheek's on average (skin_error) and how far it moves between half and 1.6 times the light
        (skin_drift)."""
        self.net.eval()
        scores: dict[str, float] = {}
        skin: dict[str, list[float]] = {"skin_error": [], "skin_drift": []}
        for pictures, suffix in zip(self.val_sets, ("", "@utk", "@hq")):
            if not len(pictures):
                continue
            heads = crops(pictures, self.config.size)
            features = self._features(heads)
            logits = self.net.logits(features)
            for i, name in enumerate(ATTRIBUTES):
                known = pictures.labels[:, i] != UNKNOWN
                if len(set(pictures.labels[known, i])) == 2:
                    scores[f"{name}{suffix}"] = auc(pictures.labels[known, i], logits[known, i])
            if self.skins:
                lightness = self.net.skin_lab(features.to(self.accelerator.device))[:, 0].cpu().numpy()
                cheeks = np.stack([colours.cheek(head)[0] for head in heads])
                skin["skin_error"].append(float(np.abs(lightness - cheeks).mean()))
                lit = [np.clip(heads[:200] * gain, 0, 255).astype(np.uint8) for gain in (0.5, 1.6)]
                ends = [self.net.skin_lab(self._features(x).to(self.accelerator.device))[:, 0].cpu() for x in lit]
                skin["skin_drift"].append(float((ends[1] - ends[0]).abs().mean()))
        means = {name: float(np.mean(values)) for name, values in skin.items() if values}
        return {"auc": float(np.mean(list(scores.values()))), **means, **scores} if scores else {}

    def _features(self, heads: Image) -> Tensor:
        """f of (N, S, S, 3) crops, on the CPU."""
        parts = [heads[i : i + 128] for i in range(0, len(heads), 128)]
        return torch.cat([self.net(images.to_tensor(x).to(self.accelerator.device)).cpu() for x in parts])

    def state(self) -> dict[str, Any]:
        return states(self, ("net", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        f = self.net.config | ({"squash": True} if self.config.squash else {})
        info = {"kind": "encoder", "encoder": f, "trained": {"step": step, **to_dict(self.config)}}
        return checkpoint.save(directory, info, {"encoder": self.net.state_dict()})


def crops(part: Portraits, size: int) -> Image:
    """Head crops of a whole set, without augmentation: (N, size, size, 3)."""
    return np.stack([portraits.head_crop(picture, part.eyes, size) for picture in part.pictures])


def augmented(
    rng: np.random.Generator, part: Portraits, index: int, config: EncoderTraining
) -> tuple[Image, NDArray[np.float32]]:
    """A jittered, relit, stylised head crop and its labels; labels that need hidden context become unknown."""
    labels = part.labels[index].copy()
    crop = portraits.head_crop(part.pictures[index], part.eyes, config.size)
    if part.tight or rng.random() < 0.2:
        crop = augment.hide_context(rng, crop)
        labels[_HAIR] = UNKNOWN
    return _moved_and_stylised(rng, crop, config), labels


def _moved_and_stylised(rng: np.random.Generator, crop: Image, config: EncoderTraining) -> Image:
    motion = augment.affine_matrix(rng, len(crop))
    crop = cv2.warpAffine(crop, motion, crop.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < config.relight:
        crop = augment.relight(rng, crop)
    return augment.stylise(rng, crop, config.stylised)


def _drawn(limit: int | None, size: int) -> tuple[Image, np.ndarray]:
    """Faces in other styles over mid-grey, as f gets drawings, and their labels."""
    pictures, labels = illustrations.draw(min(limit or DRAWN, DRAWN), ATTRIBUTES, size)
    parts = [pictures[i : i + 512] for i in range(0, len(pictures), 512)]
    return np.concatenate([images.to_images(images.to_rgb(images.to_tensor(part))) for part in parts]), labels


def skin_of(part: Portraits) -> NDArray[np.float32]:
    """Colours of the cheeks in the photos, on the scale of the head for the skin: (N, 3). Uses no labels."""
    return np.stack([_scaled(colours.cheek(portraits.head_crop(p, part.eyes, 64))) for p in part.pictures])


def _scaled(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    return ((lab - SKIN_MEAN) / SKIN_SPREAD).astype(np.float32)


_HAIR = [i for i, name in enumerate(ATTRIBUTES) if name in portraits.HAIR_LABELS]


def attribute_loss(logits: Tensor, labels: Tensor, accelerator: Accelerator, weights: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy over known labels; logits and labels (B, A), unknown ones are `UNKNOWN`; weights: (A,)
    of the attributes, None for equal ones."""
    each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    known = (labels != UNKNOWN).float()
    return known_mean(each, known if weights is None else known * weights, accelerator)

"""Stage: pretrain f on classes: of SVHN (or its judge on MNIST; paper, Sec. 5.1), or of your own labelled folder; or,
on SVHN, without labels."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...config import ClassifierTraining, FolderClassifierTraining, to_dict
from ...core import augment, images
from ...core.errors import UserError
from ...core.images import to_float, to_rgb, to_uint8
from ...core.types import Image
from ...data import digits, drawn_digits, folders
from ...data.digits import Digits
from ...networks import checkpoint
from ...networks.digits import PaperDigitEncoder
from ...networks.resnet import ClassEncoder
from ...pipeline import model
from ..contrastive import nt_xent, projection
from ..optim import (
    adamw,
    flat_cosine,
    layout,
    load_states,
    local_slice,
    optimizer_step,
    prepare,
    set_lr,
    states,
    update_ema,
)

DRAWN = 60_000
"""Number of drawn street numbers if `ClassifierTraining.drawn` asks for some."""

SEED_DRAWN = 70
"""Their seed; the drawn substitutes for SVHN use others."""

VIEWS = 4
"""Views of every picture that the adapted classifier learns."""

CONFIDENT = 0.8
"""Minimum probability of a pseudo-label that is used. Label smoothing keeps even confident ones near .9."""


DIGIT_NAMES = tuple("0123456789")


class Labelled(NamedTuple):
    """Labelled pictures.

    Attributes:
        x: (N, S, S, 3) or (N, S, S) uint8.
        y: (N,) int64.
        source: Where they come from, in words.
        classes: Names of the labels.
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    source: str
    classes: tuple[str, ...]


class PseudoLabelled(NamedTuple):
    """Unlabelled pictures with pseudo-labels.

    Attributes:
        x: (B, 3, 32, 32) in [-1, 1].
        y: (B,) pseudo-labels.
        sure: (B,) 1 where the pseudo-label is used, otherwise 0.
    """

    x: Tensor
    y: Tensor
    sure: Tensor


class ClassifierStage:
    """Cross-entropy over classes on jittered pictures; with `unlabelled`, self-training on MNIST's beside them; with
    `contrastive`, features without labels, and cross-entropy for a linear probe of them alone."""

    def __init__(
        self, config: ClassifierTraining | FolderClassifierTraining, data: Path | None, accelerator: Accelerator
    ) -> None:
        self.config, self.accelerator = config, accelerator
        self.device = str(accelerator.device)
        self.batch = config.batch
        self.figure = "-accuracy"
        self.notes: tuple[str, ...] = ()
        train, held = self._read(data)
        self.source, self.classes = train.source, train.classes
        torch.manual_seed(config.seed)
        if config.net == "paper":
            net: nn.Module = PaperDigitEncoder()
        else:
            net = ClassEncoder(config.width, outputs=len(self.classes), size=config.size, probe=config.contrastive)
        if config.start:
            start = checkpoint.load_encoder(config.start)
            if start.config != net.config:
                raise UserError(f"start={config.start}: holds {start.config} instead of {net.config}.")
            net.load_state_dict(start.state_dict())
        self.ema = copy.deepcopy(net).to(accelerator.device).eval().requires_grad_(False)
        self.net = prepare(net, accelerator, config.compile)
        learnt = self.net
        if config.contrastive:
            self.project = prepare(projection(net.hidden), accelerator)
            learnt = nn.ModuleList([self.net, self.project])
        self.optimizer = adamw(learnt, config.lr, config.weight_decay, accelerator)
        self.real = self.drawn = self._tensors(train)
        self.val = self._tensors(held)
        if config.through:
            loaded = model.load(config.through, self.device).without_truncation()
            self.real = transferred(loaded, *self.real, VIEWS, torch.Generator().manual_seed(config.seed))
            self.val = transferred(loaded, *self.val)
        if config.drawn:
            drawn = Digits(*drawn_digits.draw_many("street", SEED_DRAWN, min(DRAWN, 20 * len(train.x))), "drawn")
            self.drawn = self._tensors(drawn)
        if config.unlabelled:
            # Their labels are used only to remove the absent digit, if there is one.
            self.unlabelled, _ = self._tensors(digits.mnist(data, "train", config.limit))
            # Shares of the classes, as the moving average predicts them.
            self.shares = torch.full((10,), 0.1, device=self.device)

    def _read(self, data: Path | None) -> tuple[Labelled, Labelled]:
        """The pictures to learn, and those held out."""
        config = self.config
        if config.domain == "folder":
            pictures = read_labelled(config)
            note = folders.describe_skipped(pictures, config.folder)
            self.notes = (note,) if note else ()
            x, y, classes = pictures.x, pictures.labels, pictures.classes
            return tuple(Labelled(x[i], y[i], "own folder", classes) for i in folders.split(len(x)))
        if config.domain == "svhn":
            read, splits = digits.svhn, ("train", "val")
        else:
            read, splits = digits.mnist, ("train", "test")
        return tuple(Labelled(*read(data, split, config.limit), DIGIT_NAMES) for split in splits)

    def _tensors(self, part: Labelled | Digits) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) uint8 and (N,) labels, without the absent digit."""
        here = part.y != -1 if self.config.absent is None else part.y != self.config.absent
        x, y = torch.from_numpy(part.x[here]), torch.from_numpy(part.y[here])
        return channels_first(x).to(self.device), y.to(self.device)

    def step(self, step: int) -> dict[str, Tensor]:
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, warm=200, flat=0.0, low=0.0))
        self.net.train()
        loss, scalars = self._contrast(step) if self.config.contrastive else self._classify(step)
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        update_ema(self.ema, self.net, self.config.ema, step)
        return {"loss": loss, **scalars}

    def _classify(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x, y = self._batch(step)
        pseudo = self._pseudo_labelled(step) if self.config.unlabelled else None
        with self.accelerator.autocast():
            logits = self.net.logits(self.net(x if pseudo is None else torch.cat([x, pseudo.x]))).float()
        scalars = {"accuracy": (logits[: len(x)].argmax(1) == y).float().mean()}
        loss = F.cross_entropy(logits[: len(x)], y, label_smoothing=self.config.smoothing)
        if pseudo is not None:
            each = F.cross_entropy(logits[len(x) :], pseudo.y, reduction="none", label_smoothing=self.config.smoothing)
            loss = loss + (each * pseudo.sure).mean()
            scalars["sure"] = pseudo.sure.mean()
        return loss, scalars

    def _contrast(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        (a, y), (b, _) = self._batch(step), self._batch(step, view=1)
        with self.accelerator.autocast():
            features = self.net(torch.cat([a, b]))
            contrast = nt_xent(*self.project(features).chunk(2), self.config.temperature)
            logits = self.net.logits(features[: len(a)].detach()).float()  # no label reaches the features
        loss = contrast + F.cross_entropy(logits, y)
        return loss, {"contrast": contrast, "accuracy": (logits.argmax(1) == y).float().mean()}

    @torch.no_grad()
    def _pseudo_labelled(self, step: int) -> PseudoLabelled:
        """Strongly augmented unlabelled pictures of t, labelled by the moving average (Sohn et al., FixMatch, 2020).

        It predicts the labels from weakly augmented pictures. All classes are made equally frequent (Berthelot et al.,
        ReMixMatch, 2020); otherwise a way of writing a digit that f mistakes for another would be learnt as the other.
        """
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step + 500_000)
        n = round(self.batch * self.config.unlabelled)
        index = torch.randint(len(self.unlabelled), (n,), generator=random)
        x = to_float(self.unlabelled[index.to(self.unlabelled.device)])
        weak = augment.random_affine(x, random, angle=5, scale=0.05, shift=0.04)
        guesses = self.ema.logits(self.ema(weak)).softmax(1)
        self.shares.lerp_(guesses.mean(0), 0.02 if step > 50 else 0.1)
        if self.config.balanced:
            guesses = guesses / self.shares
        share, y = (guesses / guesses.sum(1, keepdim=True)).max(1)
        strong = augment.degrade(
            augment.color_jitter(augment.sketch(augment.random_affine(x, random), random, 0.5), random), random
        )
        local = local_slice(n, self.accelerator)
        strong = strong[local].contiguous(memory_format=layout(self.net, self.device))
        return PseudoLabelled(strong, y[local], (share[local] >= CONFIDENT).float())

    def _batch(self, step: int, view: int = 0) -> tuple[Tensor, Tensor]:
        """Augmented pictures and their labels; another view: the same pictures, augmented otherwise."""
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        n = self.batch
        drawn = round(n * self.config.drawn) if self.config.domain == "svhn" else 0
        parts = []
        for (x, y), count in ((self.real, n - drawn), (self.drawn, drawn)):
            index = torch.randint(len(x), (count,), generator=random).to(x.device)
            parts.append((x[index], y[index]))
        x, y = (torch.cat(part) for part in zip(*parts))
        x = to_float(x)
        if view:
            random.manual_seed(self.config.seed * 1_000_003 + step + 500_000 * (view + 1))
        street = self.config.domain != "mnist" and not self.config.through
        x = (
            augment.random_affine(x, random)
            if street
            else augment.random_affine(x, random, angle=10, scale=0.1, shift=0.08)
        )
        if self.config.stylise:
            x = augment.sketch(x, random, self.config.stylise)
        if street:
            x = augment.degrade(augment.color_jitter(x, random, 0.0 if self.config.domain == "folder" else 0.3), random)
        local = local_slice(n, self.accelerator)
        return x[local].contiguous(memory_format=layout(self.net, self.device)), y[local]

    def samples(self) -> Image:
        """Augmented training pictures."""
        rows = images.to_images(self._batch(0)[0].contiguous()[:48])
        return images.grid([rows[i : i + 12] for i in range(0, len(rows), 12)])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Accuracy on the validation part (of MNIST: the test part, which nothing is chosen by)."""
        x, y = self.val
        guesses = torch.cat([self.ema.logits(self.ema(to_float(part))).argmax(1) for part in x.split(256)])
        return {"accuracy": float((guesses == y).float().mean())}

    def state(self) -> dict[str, Any]:
        kept = states(self, ("net", "ema", "optimizer") + ("project",) * self.config.contrastive)
        return {**kept, "shares": {"of": self.shares}} if self.config.unlabelled else kept

    def load_state(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if shares := state.pop("shares", None):
            self.shares.copy_(shares["of"])
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        trained = {"step": step, **to_dict(self.config), "data": self.source}
        info = {"kind": "encoder", "encoder": self.net.config, "classes": list(self.classes), "trained": trained}
        return checkpoint.save(directory, info, {"encoder": self.ema.state_dict()})


def read_labelled(config: FolderClassifierTraining) -> folders.Pictures:
    """The user's own folder of classes. Raises UserError with one line if there is none, or too little in it."""
    if not config.folder:
        raise UserError("which pictures? Give a folder with a sub-folder for each class: --set folder=DIR.")
    crop = head if config.heads else None
    return folders.read(config.folder, config.size, config.limit, labelled=True, crop=crop)


@torch.no_grad()
def transferred(
    loaded: model.Checkpoint, x: Tensor, y: Tensor, views: int = 1, random: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """G of (N, 3, 32, 32) uint8 pictures, and of further jittered views of them, as such pictures; and the labels."""
    made = []
    for view in range(views):
        for few in x.split(256):
            seen = to_float(few)
            if view:
                seen = augment.color_jitter(augment.random_affine(seen, random), random, negative=0)
            made.append(to_uint8(to_rgb(loaded.transfer(seen))))
    return torch.cat(made), y.repeat(views)


def head(image: Image) -> Image | None:
    """The biggest face's head, cut out as the app does; None where there is no face."""
    from ...faces.align import align
    from ...faces.detect import detect

    found = detect(image, max_faces=1)
    return align(image, found[0]).image if found else None


def channels_first(x: Tensor) -> Tensor:
    """(N, 32, 32) grey or (N, 32, 32, 3) → (N, 3, 32, 32); grey is repeated, as the paper does for f."""
    return x[:, None].expand(-1, 3, -1, -1) if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()

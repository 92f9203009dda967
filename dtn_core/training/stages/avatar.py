"""Stage: train c, which chooses an avatar's parameters (after Wolf, Taigman, Polyak, "Unsupervised Creation of
Parameterized Avatars", ICCV 2017). R is the artist's engine (`avatars.engine`).

c learns from drawings, whose parameters are known, and from photos, of which only f's reading is known:

- cross-entropy of c(f(R(u))) against u, with noise on the features;
- constancy in f's attributes (`agree`): what c draws is what f reads in the photo, e.g. glasses as often and on whom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from ...avatars import choose, rendering, skin
from ...avatars.calibrate import learn
from ...avatars.choose import HAIR_ATTRIBUTES, QUESTIONS, Decisions, kind_index
from ...avatars.parameters import HAIR_COLOURS, SPECS, Parameters
from ...avatars.predict import AvatarPredictor
from ...avatars.proportions import Statistics, measure_proportions, shape_statistics
from ...config import AvatarTraining, to_dict
from ...core import augment, images
from ...core.errors import UserError
from ...core.progress import track
from ...core.types import Image
from ...data import portraits
from ...faces.parse import parse
from ...networks import checkpoint
from ...networks.avatar_head import AvatarHead
from ...networks.encoders import Standardise, weights_of
from ...networks.resnet import ATTRIBUTES, AttributeEncoder
from ..feature_builders import batches
from ..optim import adamw, flat_cosine, load_states, local_slice, optimizer_step, prepare, set_lr, states

FIRST_SEED = 30_000_000
"""First seed of c's avatars, so that none of them is used by g, a judge or an evaluation."""

HELD_OUT = 500
"""Avatars that c is tested on, or a quarter where there are few."""

SKIN_PHOTOS = 5000
"""Photos of each of UTKFace and CelebA-HQ from which the skin and the proportions are learnt."""

LIGHTS = 3
"""Views of each of them in other light."""

CROP = 128


class AvatarStage:
    """c from f(R(u)) and unlabelled photos. f is frozen, so f of all pictures is computed once; no label is used."""

    def __init__(self, config: AvatarTraining, data: Path, f: nn.Module, accelerator: Accelerator) -> None:
        if not isinstance(f, AttributeEncoder):
            raise UserError(f"encoder={config.encoder}: c needs an attribute encoder.")
        self.config, self.accelerator, self.f = config, accelerator, f
        device = self.accelerator.device
        self.device = str(device)
        self.batch = config.batch
        self.figure = "miss"
        self.spec = SPECS[config.style]
        drawings = rendering.sample_parameters(config.style, FIRST_SEED, config.avatars, config.seed)
        self.heads = {slot: len(v) for slot, v in self.spec.slots.items() if slot != "mouth"}
        self.heads |= {f"colour:{n}": len(v) for n, v in self.spec.colours.items() if n not in ("skin", "beard")}
        self.labels = {k: v.to(device) for k, v in encode(self.spec, drawings, self.heads).items()}
        f_t = drawn_features(drawings, f, config.seed, device)
        photos = portraits.celeba(data, "train", (), config.limit)
        crops = _head_crops(photos)
        if config.celebahq:
            crops += _head_crops(portraits.celebahq(data, "train", (), config.celebahq))
        f_s = photo_features(crops, f, device)
        count = min(SKIN_PHOTOS, config.limit or SKIN_PHOTOS)
        self.skin, self.shape_statistics = learn_appearance(data, f, count, device)
        self.preview = crops[:12]
        self.n_celeba = len(photos)
        self.n_val = min(HELD_OUT, len(f_t) // 4)
        self.standardise_s = Standardise.of(f_s[: self.n_celeba], weights_of(f)).to(device)
        self.standardise_t = Standardise.of(f_t, weights_of(f)).to(device)
        self.f_s = f_s.to(device)
        self.z_s, self.z_t = self.standardise_s(self.f_s), self.standardise_t(f_t.to(device))
        torch.manual_seed(config.seed)
        c = AvatarHead(f.dim, self.heads)
        self._suppress_unused_choices(c.choose)
        self.nets = prepare(nn.ModuleDict({"head": c}), accelerator, config.compile)
        self.optimizer = adamw(self.nets, config.lr, config.weight_decay, accelerator)
        self.targets = self._targets()

    @torch.no_grad()
    def _suppress_unused_choices(self, choose: nn.Linear) -> None:
        """Give choices that occur in no drawing a large negative bias; `agree` would raise them with their kind."""
        start = 0
        for head, count in self.heads.items():
            unseen = torch.bincount(self.labels[head].clamp_min(0), minlength=count).cpu() == 0
            choose.weight[start : start + count][unseen] = 0
            choose.bias[start : start + count][unseen] = -20
            start += count

    def _targets(self) -> dict[str, Tensor]:
        """Predictions of f for every photo: question → (N,) probability; "hair" → (N, colours)."""
        with torch.no_grad():
            chances = self.f.logits(self.f_s).sigmoid().cpu().numpy().astype(np.float64)
        self.attributes = dict(zip(ATTRIBUTES, chances.T))
        made = {
            name: choose.question_probability(self.attributes, q.f_attributes)
            for name, q in QUESTIONS[self.config.style].items()
        }
        made["hair"] = choose.hair_probabilities(self.attributes)
        return {k: torch.from_numpy(v).float().to(self.f_s.device) for k, v in made.items()}

    def step(self, step: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, flat=0.3))
        local = local_slice(self.batch, self.accelerator)
        drawn = torch.randint(self.n_val, len(self.z_t), (self.batch,), generator=random)[local].to(self.z_t.device)
        photo = torch.randint(len(self.z_s), (self.batch,), generator=random)[local].to(self.z_s.device)
        noise = torch.randn(self.batch, self.z_t.shape[1], generator=random)[local].to(self.z_t.device)
        self.nets.train()
        with self.accelerator.autocast():
            log_p_t = self._log_p(self.z_t[drawn] + self.config.noise * noise)
            log_p_s = self._log_p(self.z_s[photo])
        terms = {"drawn": classified(log_p_t, {k: v[drawn] for k, v in self.labels.items()})}
        loss = terms["drawn"]
        if self.config.agree:
            terms["agree"] = self._agree(log_p_s, photo)
            loss = loss + self.config.agree * terms["agree"]
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss, **terms}

    def _log_p(self, z: Tensor) -> dict[str, Tensor]:
        """(B, dim) standardised f → c's log-probabilities, float32."""
        return {k: v.float().log_softmax(1) for k, v in self.nets["head"](z).items()}

    def _agree(self, log_p: dict[str, Tensor], photo: Tensor) -> Tensor:
        """Constancy in f's attributes: the cross-entropy of c's answers against f's probabilities. The answer to a
        question is c's log-odds, as in `avatars.choose.log_odds`; that of the hair's colour its log-probabilities."""
        losses = []
        for name, question in QUESTIONS[self.config.style].items():
            sides = []
            for side in (question.yes, question.no):
                ((slot, kinds),) = side.items()
                sides.append(log_p[slot][:, kind_index(self.config.style, slot, kinds)].logsumexp(1))
            odds = sides[0] - sides[1]
            losses.append(F.binary_cross_entropy_with_logits(odds, self.targets[name][photo]))
        palette = self.spec.colours["hair"]
        named = [[palette.index(code) for code in HAIR_COLOURS[name]] for name in HAIR_ATTRIBUTES]
        hair = torch.stack([log_p["colour:hair"][:, index].logsumexp(1) for index in named], 1)
        losses.append(F.cross_entropy(hair, self.targets["hair"][photo]))
        return torch.stack(losses).sum()

    def _artist(self) -> dict[str, np.ndarray]:
        """Head → the share of each choice among the drawings."""
        counts = {
            head: torch.bincount(self.labels[head][self.labels[head] >= 0], minlength=count)
            for head, count in self.heads.items()
        }
        return {head: (count / count.sum().clamp_min(1)).cpu().double().numpy() for head, count in counts.items()}

    def predictor(self) -> AvatarPredictor:
        """c with its current weights, and with decisions calibrated on the photos."""
        made = AvatarPredictor(
            style=self.config.style,
            f=self.f,
            standardise=self.standardise_s,
            head=self.nets.eval()["head"],
            decisions=Decisions({}, {}, {}, {}, {}),
            skin=self.skin,
        )
        log_probabilities = made.log_probabilities(self.f_s[: self.n_celeba])
        attributes = {name: values[: self.n_celeba] for name, values in self.attributes.items()}
        learnt = learn(made.style, log_probabilities, attributes, self.shape_statistics, self._artist())
        return replace(made, decisions=learnt)

    def samples(self) -> Image:
        """Photos and their avatars."""
        made = self.predictor()(images.to_tensor(self.preview).to(self.device))
        drawn = [images.composite_over(avatar.image(64, "head"), (128, 128, 128)) for avatar in made]
        return images.grid([[cv2.resize(head, (64, 64), interpolation=cv2.INTER_AREA) for head in self.preview], drawn])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Of held-out drawings, the share of misclassified parameters (miss); of photos, how far c's answers are from
        f's (agree), which needs no labels."""
        self.nets.eval()
        log_p = self._log_p(self.z_t[: self.n_val])
        known = {k: v[: self.n_val] for k, v in self.labels.items()}
        right = [(log_p[k].argmax(1) == v)[v >= 0].float().mean() for k, v in known.items() if len(v[v >= 0])]
        first = torch.arange(min(1000, len(self.z_s)), device=self.z_s.device)
        agree = self._agree(self._log_p(self.z_s[first]), first)
        return {"miss": 1 - float(torch.stack(right).mean()), "agree": float(agree)}

    def state(self) -> dict[str, Any]:
        return states(self, ("nets", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        """f and c as a translation that is drawn only; `join` puts c into one that paints."""
        made, trained = self.predictor(), {"step": step, **to_dict(self.config)}
        info = {"kind": "avatar", "encoder": self.f.config, "avatar": made.describe(), "trained": trained}
        sides = {"s": self.standardise_s, "t": self.standardise_t}
        statistics = {f"{k}_{d}": v for d, side in sides.items() for k, v in side.state_dict().items()}
        tensors = {"encoder": self.f.state_dict(), "avatar": made.tensors(), "statistics": statistics}
        return checkpoint.save(directory, info, tensors)


def _head_crops(photos: portraits.Portraits) -> list[Image]:
    return [portraits.head_crop(picture, photos.eyes, CROP) for picture in photos.pictures]


def learn_appearance(data: Path, f: nn.Module, count: int, device: torch.device) -> tuple[nn.Linear, Statistics]:
    """Fit the skin's regression, and the statistics of proportions, on at most `count` photos of each set."""
    rng = np.random.default_rng(0)
    views, colours, proportions = [], [], []
    for read in (portraits.celebahq, portraits.utkface):
        heads = _head_crops(read(data, "train", (), count))
        parsed = [parse(images.to_tensor(part)) for part in batches(heads, 64)]
        lit = np.concatenate([skin.lit_skin(*part) for part in parsed])
        is_known = ~np.isnan(lit).any(1)
        lights = [[skin.relight(head, rng) for head in heads] for _ in range(LIGHTS)]
        features = np.stack([photo_features(relit, f, device).cpu().numpy() for relit in lights])
        views.append(features[:, is_known])
        colours.append(lit[is_known])
        if read is portraits.celebahq:  # whole heads
            proportions = [measure_proportions(part.probabilities) for part in parsed]
    weights, bias = skin.fit(np.concatenate(views, 1), np.concatenate(colours))
    regression = nn.Linear(weights.shape[1], 3).requires_grad_(False)
    regression.weight.copy_(torch.from_numpy(weights))
    regression.bias.copy_(torch.from_numpy(bias))
    joined = {name: np.concatenate([part[name] for part in proportions]) for name in proportions[0]}
    return regression.to(device).eval(), shape_statistics(joined)


def encode(spec: Any, many: list[Parameters], heads: dict[str, int]) -> dict[str, Tensor]:
    """{head: (N,) index}, -1 where the drawing doesn't show it."""
    made = {}
    for head in heads:
        if not head.startswith("colour:"):
            made[head] = [spec.slots[head].index(p.variants[head]) for p in many]
            continue
        name = head.removeprefix("colour:")
        palette = spec.colours[name]
        made[head] = [palette.index(p.colours[name]) if _is_visible(p, name) else -1 for p in many]
    return {head: torch.tensor(index) for head, index in made.items()}


def _is_visible(p: Parameters, colour: str) -> bool:
    """Whether a drawing shows a colour: hats hide hair, bald heads have none."""
    if colour == "hat":
        return p.kind_of("top") == "hat"
    if colour == "glasses":
        return any(p.kind_of(slot) not in (None, "none") for slot in ("accessories", "glasses"))
    if colour == "flowers":
        return bool(p.variants["hairAccessories"])
    if colour == "hair":
        return p.kind_of("top") not in ("hat", "bald") and p.kind_of("hair") != "bald"
    return True


@torch.no_grad()
def drawn_features(many: list[Parameters], f: nn.Module, seed: int, device: torch.device) -> Tensor:
    """(N, dim) f of drawings over mid-grey, each moved a little."""
    random = torch.Generator().manual_seed(seed)
    features = []
    for drawn in track(batches(rendering.draw_heads(many), 128), "computing f of drawings", unit="batch"):
        x = images.to_tensor(drawn)[:, :3]
        move = (2 * torch.rand(len(x), 4, generator=random) - 1)[:, [0, 1, 1, 2, 3]]  # both sides scaled alike
        features.append(f(augment.affine_by(x, move, angle=4.01, scale=0.05, shift=0.03).to(device)).cpu())
    return torch.cat(features)


@torch.no_grad()
def photo_features(heads: list[Image], f: Callable[[Tensor], Tensor], device: torch.device) -> Tensor:
    """(N, dim) f of head crops."""
    parts = [heads[i : i + 128] for i in range(0, len(heads), 128)]
    return torch.cat([f(images.to_tensor(x).to(device)).cpu() for x in track(parts, "computing f(s)", unit="batch")])


def classified(log_p: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    """Mean over heads of the cross-entropy, where the drawing shows the choice."""
    losses = [F.nll_loss(log_p[k], v, ignore_index=-1) for k, v in labels.items() if (v >= 0).any()]
    return torch.stack(losses).mean()

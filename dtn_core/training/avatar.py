"""Stage: train c, which chooses an avatar's parameters (after Wolf, Taigman, Polyak, "Unsupervised Creation of
Parameterized Avatars", ICCV 2017). R, the artist's engine, needs no learnt imitator: `avatars.atlas` is it, exactly.

c learns from drawings, whose parameters are known, and from photos, of which nothing is known but what f reads:

- cross-entropy of c(f(R(u))) against u, with noise on the features;
- constancy in f's own words (`agree`): what c draws is what f reads in the photo, e.g. glasses as often and on whom;
- L_CONST through R (`alpha`): ‖f(x) − f(R(c(f(x))))‖² with straight-through choices;
- the batch's marginals held to f's (`prior`); a D on parameters (`adversary`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from .. import augment, checkpoint, colours, images
from ..avatars import choose, skin
from ..avatars.atlas import atlas, to_tensor
from ..avatars.calibrate import learn
from ..avatars.choose import HAIR_READS, QUESTIONS, Decisions, kind_index
from ..avatars.choose_shape import Statistics, shape_statistics
from ..avatars.parameters import HAIR_COLOURS, SPECS, Parameters
from ..config import AvatarTraining, to_dict
from ..domains import portraits, styles
from ..drawer import Drawer
from ..errors import UserError
from ..networks.avatar_head import AvatarHead, PictureHead, added
from ..networks.encoders import Standardise, weights_of
from ..networks.resnet import ATTRIBUTES, AttributeEncoder
from ..types import Image
from .optim import adamw, flat_cosine, load_states, optimizer_step, part, prepare, prepare_optimizer, set_lr, states

SEEDS = 30_000_000
"""Seeds of c's avatars start here: none is among g's, a judge's or those of an evaluation."""

HELD_OUT = 500
"""Avatars that c is tested on, or a quarter where there are few."""

GROUPED = 3000
"""Photos of UTKFace from which the skin and the shapes of groups are learnt."""

CROP = 128


class AvatarStage:
    """c from f(R(u)) and unlabelled photos; the switches are the settings of `config.AvatarTraining`."""

    def __init__(
        self,
        config: AvatarTraining,
        data: Path,
        f: nn.Module,
        accelerator: Accelerator,
        seen: Seen | None = None,
    ) -> None:
        """seen: what `see` gave for these settings, so that several trainings can share it."""
        if not isinstance(f, AttributeEncoder) or f.skin is None:
            raise UserError(f"encoder={config.encoder}: c needs an attribute encoder with a head for the skin.")
        self.config, self.accelerator, self.f = config, accelerator, f
        device = self.accelerator.device
        self.device, self.batch, self.figure = str(device), config.batch, "miss"
        self.spec = SPECS[config.style]
        seen = seen or see(config, data, f, device)
        self.heads, self.pictures, heads = seen.choices, seen.pictures, seen.heads
        self.skin_means, self.shape_statistics = seen.skin_means, seen.shape_statistics
        self.labels = {k: v.to(device) for k, v in seen.labels.items()}
        self.shown = heads[:12]
        weights = weights_of(f).clone()
        if config.logits_only:
            weights[: f.hidden] = 0
        self.counted, self.held = seen.counted, min(HELD_OUT, len(seen.f_t) // 4)
        self.standardise_s = Standardise.of(seen.f_s[: self.counted], weights).to(device)
        self.standardise_t = Standardise.of(seen.f_t, weights).to(device)
        self.f_s = seen.f_s.to(device)
        self.z_s, self.z_t = self.standardise_s(self.f_s), self.standardise_t(seen.f_t.to(device))
        self.painted = self._painted(heads, device) if config.reader != "f" else None
        torch.manual_seed(config.seed)
        self.nets = nn.ModuleDict()
        if config.reader != "g":
            self.nets["head"] = AvatarHead(f.dim, self.heads, config.mlp)
        if config.reader != "f":
            self.nets["picture"] = PictureHead(self.heads)
        for net in self.nets.values():
            self._silence(net.choose)
        self.nets = prepare(self.nets, accelerator, config.compile)
        self.optimizer = adamw(self.nets, config.lr, config.weight_decay, accelerator)
        if config.adversary:
            self.d = nn.Sequential(nn.Linear(sum(self.heads.values()), 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
            self.d = self.d.to(device)
            self.adam_d = prepare_optimizer(torch.optim.Adam(self.d.parameters(), config.lr), accelerator)
        self.targets = self._targets()

    @torch.no_grad()
    def _silence(self, choose: nn.Linear) -> None:
        """What no drawing shows is never chosen: without a word against it, `agree` would raise it with its kind."""
        start = 0
        for head, count in self.heads.items():
            unseen = torch.bincount(self.labels[head].clamp_min(0), minlength=count).cpu() == 0
            choose.weight[start : start + count][unseen] = 0
            choose.bias[start : start + count][unseen] = -20
            start += count

    def _painted(self, heads: list[Image], device: torch.device) -> Tensor:
        """(N, 3, 64, 64) G(x) of the photos, by the translation that c is to read."""
        translation = checkpoint.load(self.config.through, device)
        parts = [heads[i : i + 64] for i in range(0, len(heads), 64)]
        rows = [translation.transfer(images.to_tensor(x).to(device))[:, :3] for x in tqdm(parts, desc="G(s)")]
        return torch.cat(rows)

    def _targets(self) -> dict[str, Tensor]:
        """What f reads in every photo: question → (N,) probability; "hair" → (N, colours)."""
        with torch.no_grad():
            chances = self.f.logits(self.f_s).sigmoid().cpu().numpy().astype(np.float64)
        self.attributes = dict(zip(ATTRIBUTES, chances.T))
        made = {name: choose.reading(self.attributes, q.reads) for name, q in QUESTIONS[self.config.style].items()}
        made["hair"] = choose.hair_reading(self.attributes)
        return {k: torch.from_numpy(v).float().to(self.f_s.device) for k, v in made.items()}

    def step(self, step: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps, flat=0.3))
        mine = part(self.batch, self.accelerator)
        drawn = torch.randint(self.held, len(self.z_t), (self.batch,), generator=random)[mine].to(self.z_t.device)
        photo = torch.randint(len(self.z_s), (self.batch,), generator=random)[mine].to(self.z_s.device)
        noise = torch.randn(self.batch, self.z_t.shape[1], generator=random)[mine].to(self.z_t.device)
        self.nets.train()
        with self.accelerator.autocast():
            log_p_t = self._log_p(self.z_t[drawn] + self.config.noise * noise, self.pictures, drawn, random)
            log_p_s = self._log_p(self.z_s[photo], self.painted, photo, None)
        terms = {"drawn": classified(log_p_t, {k: v[drawn] for k, v in self.labels.items()})}
        if self.config.agree:
            terms["agree"] = self._agree(log_p_s, photo)
        if self.config.prior:
            terms["prior"] = self._prior(log_p_s)
        if self.config.alpha:
            terms["const"] = self._const(log_p_s, photo, random)
        if self.config.adversary:
            terms["adversary"] = self._adversary(log_p_s, drawn)
        weights = {"drawn": 1.0, **{k: getattr(self.config, k) for k in ("agree", "prior", "adversary")}}
        loss = sum(value * weights.get(name, self.config.alpha) for name, value in terms.items())
        if self.config.sparsity and "head" in self.nets:
            loss = loss + self.config.sparsity * self.nets["head"].choose.weight.abs().mean()
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss, **terms}

    def _log_p(
        self, z: Tensor, pictures: Tensor | None, index: Tensor, random: torch.Generator | None
    ) -> dict[str, Tensor]:
        """c's log-probabilities; drawings are roughened first, so that they look painted."""
        of_g = None
        if "picture" in self.nets:
            x = pictures[index.to(pictures.device)]
            x = images.to_float(x) if x.dtype == torch.uint8 else x
            of_g = self.nets["picture"](augment.degrade_mildly(x, random) if random else x)
            of_g = {k: v.float() for k, v in of_g.items()}
        of_f = {k: v.float() for k, v in self.nets["head"](z).items()} if "head" in self.nets else None
        return added(of_f, of_g)

    def _odds(self, log_p: dict[str, Tensor]) -> dict[str, Tensor]:
        """Question → (B,) log-odds of yes, as `avatars.choose.log_odds`; "hair" → (B, colours) log-probabilities."""
        made = {}
        for name, question in QUESTIONS[self.config.style].items():
            sides = []
            for side in (question.yes, question.no):
                ((slot, kinds),) = side.items()
                sides.append(log_p[slot][:, kind_index(self.config.style, slot, kinds)].logsumexp(1))
            made[name] = sides[0] - sides[1]
        palette = self.spec.colours["hair"]
        named = [[palette.index(code) for code in HAIR_COLOURS[name]] for name in HAIR_READS]
        made["hair"] = torch.stack([log_p["colour:hair"][:, index].logsumexp(1) for index in named], 1)
        return made

    def _agree(self, log_p: dict[str, Tensor], photo: Tensor) -> Tensor:
        """Constancy in f's own words: the cross-entropy of c's answers against f's probabilities."""
        odds = self._odds(log_p)
        losses = [
            F.binary_cross_entropy_with_logits(odds[name], self.targets[name][photo])
            for name in QUESTIONS[self.config.style]
        ]
        losses.append(F.cross_entropy(odds["hair"], self.targets["hair"][photo]))
        return torch.stack(losses).sum()

    def _prior(self, log_p: dict[str, Tensor]) -> Tensor:
        """KL of the batch's mean answers from f's mean over all photos."""
        odds = self._odds(log_p)
        losses = []
        for name in QUESTIONS[self.config.style]:
            p, q = odds[name].sigmoid().mean().clamp(1e-4, 1 - 1e-4), self.targets[name].mean()
            losses.append(q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log())
        p, q = odds["hair"].softmax(1).mean(0), self.targets["hair"].mean(0)
        return torch.stack([*losses, (q * (q / p).log()).sum()]).sum()

    def _const(self, log_p: dict[str, Tensor], photo: Tensor, random: torch.Generator) -> Tensor:
        """L_CONST through R: straight-through Gumbel choices, drawn by the atlas, read by f."""
        few = slice(0, min(24, len(photo)))
        chosen = {}
        for slot, options in self.spec.slots.items():
            if slot in log_p:
                uniform = torch.rand(log_p[slot][few].shape, generator=random).clamp(1e-6, 1 - 1e-6)
                gumbel = -(-uniform.log()).log()
                soft = (log_p[slot][few] + gumbel.to(log_p[slot].device)).softmax(1)
                chosen[slot] = F.one_hot(soft.argmax(1), len(options)).float() + soft - soft.detach()
            else:
                chosen[slot] = F.one_hot(torch.zeros(few.stop, dtype=torch.long), len(options)).float()
                chosen[slot] = chosen[slot].to(self.z_s.device)
        shades = {}
        for name, palette in self.spec.colours.items():
            rgb = torch.tensor([colours.to_rgb(code) for code in palette], device=self.z_s.device) / 255.0
            head = log_p.get(f"colour:{'hair' if name == 'beard' else name}")
            shades[name] = rgb[:1].expand(few.stop, 3) if head is None else head[few].exp() @ rgb
        with torch.no_grad():
            lab = self.f.skin_lab(self.f_s[photo[few]]).cpu().numpy()
        read = {name: values[photo[few].cpu().numpy()] for name, values in self.attributes.items()}
        lightness = skin.skin_lightness(read, lab[:, 0], self.skin_means)
        codes = [skin.skin_colour(self.config.style, float(v)) for v in lightness]
        shades["skin"] = torch.tensor([colours.to_rgb(code) for code in codes], device=self.z_s.device) / 255.0
        x = to_tensor(atlas(self.config.style).to(self.z_s.device)(chosen, shades))[:, :3]
        return F.mse_loss(self.standardise_t(self.f(x)), self.z_s[photo[few]])

    def _adversary(self, log_p: dict[str, Tensor], drawn: Tensor) -> Tensor:
        """A binary D on parameters: photos' probabilities against drawings' choices, smoothed."""
        fake = torch.cat([log_p[name].exp() for name in self.heads], 1)
        real = [0.9 * F.one_hot(self.labels[n][drawn].clamp_min(0), k).float() + 0.1 / k for n, k in self.heads.items()]
        ones, zeros = fake.new_ones(len(fake), 1), fake.new_zeros(len(fake), 1)
        loss = F.binary_cross_entropy_with_logits(self.d(torch.cat(real, 1)), ones)
        loss = loss + F.binary_cross_entropy_with_logits(self.d(fake.detach()), zeros)
        optimizer_step(loss, self.adam_d, self.accelerator)
        return F.binary_cross_entropy_with_logits(self.d(fake), ones)

    def _artist(self) -> dict[str, np.ndarray]:
        """Head → the share of each choice among the drawings."""
        counts = {
            head: torch.bincount(self.labels[head][self.labels[head] >= 0], minlength=count)
            for head, count in self.heads.items()
        }
        return {head: (count / count.sum().clamp_min(1)).cpu().double().numpy() for head, count in counts.items()}

    def drawer(self) -> Drawer:
        """c as it stands, its decisions learnt from the photos."""
        nets = {name: net.eval() for name, net in self.nets.items()}
        made = Drawer(
            self.config.style, self.f, self.standardise_s, nets.get("head"), nets.get("picture"),
            Decisions({}, {}, {}, {}, {}, {}),
        )  # fmt: skip
        n = self.counted
        beliefs = made.beliefs(self.f_s[:n], None if self.painted is None else self.painted[:n])
        attributes = {name: values[:n] for name, values in self.attributes.items()}
        return Drawer(
            made.style, made.f, made.standardise, made.head, made.picture,
            learn(made.style, beliefs, attributes, self.skin_means, self.shape_statistics, self._artist()),
        )  # fmt: skip

    def samples(self) -> Image:
        """Photos and what is drawn of them."""
        n = len(self.shown)
        x = images.to_tensor(self.shown).to(self.device)
        made = self.drawer()(x, None if self.painted is None else self.painted[:n])
        drawn = [images.over(avatar.image(64, "head"), (128, 128, 128)) for avatar in made]
        return images.grid([[cv2.resize(head, (64, 64), interpolation=cv2.INTER_AREA) for head in self.shown], drawn])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Of held-out drawings, the share of parameters read wrongly (miss); of photos, how far c's answers are from
        f's (agree), which needs no labels."""
        self.nets.eval()
        held = torch.arange(self.held, device=self.z_t.device)
        log_p = self._log_p(self.z_t[: self.held], self.pictures, held, None)
        known = {k: v[: self.held] for k, v in self.labels.items()}
        right = [(log_p[k].argmax(1) == v)[v >= 0].float().mean() for k, v in known.items() if len(v[v >= 0])]
        first = torch.arange(min(1000, len(self.z_s)), device=self.z_s.device)
        photos = self._log_p(self.z_s[first], self.painted, first, None)
        return {"miss": 1 - float(torch.stack(right).mean()), "agree": float(self._agree(photos, first))}

    def state(self) -> dict[str, Any]:
        kept = states(self, ("nets", "optimizer"))
        return kept | states(self, ("d", "adam_d")) if self.config.adversary else kept

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        """f and c as a translation that is drawn only; `join` puts c into one that paints."""
        made, trained = self.drawer(), {"step": step, **to_dict(self.config)}
        info = {"kind": "avatar", "encoder": self.f.config, "avatar": made.describe(), "trained": trained}
        sides = {"s": self.standardise_s, "t": self.standardise_t}
        statistics = {f"{k}_{d}": v for d, side in sides.items() for k, v in side.state_dict().items()}
        tensors = {"encoder": self.f.state_dict(), "avatar": made.tensors(), "statistics": statistics}
        return checkpoint.save(directory, info, tensors)


class Seen(NamedTuple):
    """All that c learns from, seen once, since f is frozen.

    choices: head → how many; labels: head → (N,) index or -1; pictures: (N, 3, 64, 64) uint8 drawings; f_t: (N, dim) f
    of them; heads: photos' head crops; f_s: (M, dim) f of them; counted: the first so many photos say how often a thing
    is; skin_means, shape_statistics: see `avatars.skin` and `avatars.choose_shape`.
    """

    choices: dict[str, int]
    labels: dict[str, Tensor]
    pictures: Tensor
    f_t: Tensor
    heads: list[Image]
    f_s: Tensor
    counted: int
    skin_means: dict[str, float]
    shape_statistics: Statistics


def see(config: AvatarTraining, data: Path, f: nn.Module, device: torch.device) -> Seen:
    """Draw avatars, read photos, compute f of both. No photo's label is looked at."""
    spec = SPECS[config.style]
    made = styles.sample_parameters(config.style, SEEDS, config.avatars, config.seed)
    choices = {slot: len(v) for slot, v in spec.slots.items() if slot != "mouth"}
    choices |= {f"colour:{n}": len(v) for n, v in spec.colours.items() if n not in ("skin", "beard")}
    pictures, f_t = drawn_features(made, f, config.seed, device)
    photos = portraits.celeba(data, "train", (), config.limit)
    heads = [portraits.head_crop(p, photos.eyes, CROP) for p in photos.pictures]
    if config.celebahq:
        more = portraits.celebahq(data, "train", (), config.celebahq)
        heads += [portraits.head_crop(p, more.eyes, CROP) for p in more.pictures]
    f_s = photo_features(heads, f, device)
    groups = _groups(config.style, data, f, min(GROUPED, config.limit or GROUPED), device)
    return Seen(choices, encode(spec, made, choices), pictures, f_t, heads, f_s, len(photos), *groups)


def _groups(
    style: str, data: Path, f: nn.Module, count: int, device: torch.device
) -> tuple[dict[str, float], Statistics]:
    """Skin and shape by group, from UTKFace's photos, among which all groups are frequent; its labels aren't used."""
    photos = portraits.utkface(data, "train", (), count)
    heads = [portraits.head_crop(p, photos.eyes, CROP) for p in photos.pictures]
    seen, even = (photo_features(heads, net, device) for net in (f, lambda x: f(skin.even_light(x))))
    with torch.no_grad():
        seen, even_lit = (f.logits(z.to(device)).sigmoid().cpu().numpy().astype(np.float64) for z in (seen, even))
        lightness = f.skin_lab(even.to(device))[:, 0].cpu().numpy()
    means = skin.skin_means(dict(zip(ATTRIBUTES, even_lit.T)), lightness)
    return means, shape_statistics(style, dict(zip(ATTRIBUTES, seen.T)))


def encode(spec: Any, many: list[Parameters], heads: dict[str, int]) -> dict[str, Tensor]:
    """{head: (N,) index}, -1 where the drawing doesn't show it."""
    made = {}
    for head in heads:
        if not head.startswith("colour:"):
            made[head] = [spec.slots[head].index(p.variants[head]) for p in many]
            continue
        name = head.removeprefix("colour:")
        palette = spec.colours[name]
        made[head] = [palette.index(p.colours[name]) if _seen(p, name) else -1 for p in many]
    return {head: torch.tensor(index) for head, index in made.items()}


def _seen(p: Parameters, colour: str) -> bool:
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
def drawn_features(many: list[Parameters], f: nn.Module, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Drawings, (N, 3, 64, 64) uint8 over mid-grey, and f of them, each moved a little: (N, dim)."""
    random = torch.Generator().manual_seed(seed)
    draw, pictures, features = atlas(many[0].style), [], []
    for i in tqdm(range(0, len(many), 128), desc="f(R(u))", unit="batch"):
        x = to_tensor(draw.draw(many[i : i + 128]))[:, :3]
        pictures.append(((x + 1) * 127.5).round().to(torch.uint8))
        move = (2 * torch.rand(len(x), 4, generator=random) - 1)[:, [0, 1, 1, 2, 3]]  # both sides scaled alike
        features.append(f(augment.affine_by(x, move, angle=4.01, scale=0.05, shift=0.03).to(device)).cpu())
    return torch.cat(pictures), torch.cat(features)


@torch.no_grad()
def photo_features(heads: list[Image], f: Callable[[Tensor], Tensor], device: torch.device) -> Tensor:
    """(N, dim) f of head crops."""
    parts = [heads[i : i + 128] for i in range(0, len(heads), 128)]
    return torch.cat([f(images.to_tensor(x).to(device)).cpu() for x in tqdm(parts, desc="f(s)", unit="batch")])


def classified(log_p: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    """Mean over heads of the cross-entropy, where the drawing shows the choice."""
    losses = [F.nll_loss(log_p[k], v, ignore_index=-1) for k, v in labels.items() if (v >= 0).any()]
    return torch.stack(losses).mean()

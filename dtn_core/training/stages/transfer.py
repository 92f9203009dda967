"""Stage: the Domain Transfer Network (paper, Sec. 4): g and D against each other, f frozen."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from ...avatars.rendering import draw_heads
from ...config import DigitsTransfer, FacesTransfer, StyleTransfer, TransferTraining, to_dict
from ...core import augment, images
from ...core.errors import UserError
from ...core.images import to_float, to_rgb, to_uint8
from ...core.types import Image
from ...data import screen_print
from ...networks import checkpoint, encoders, losses
from ...networks.digits import ConvDiscriminator, DeconvGenerator
from ...networks.discriminator import Discriminator
from ...networks.encoders import Standardise
from ...networks.generator import FromPicture, Generator, LayeredGenerator, Truncated
from ...networks.upscaler import InkUpscaler
from ...pipeline import model
from ..feature_builders import batches
from ..feature_file import FeatureCache
from ..flat_targets import choose_generator
from ..optim import (
    flat_cosine,
    layout,
    load_states,
    local_slice,
    optimizer_step,
    prepare,
    prepare_optimizer,
    set_lr,
    states,
    update_ema,
)


def alpha_at(config: TransferTraining, step: int) -> float:
    """α at a step: constant, or falling geometrically between 45% and 60% of the steps to `alpha_end`."""
    if config.alpha_end is None or config.alpha == 0:
        return config.alpha
    fallen = min(1.0, max(0.0, (step / config.steps - 0.45) / 0.15))
    return config.alpha * (max(config.alpha_end, 1e-6) / config.alpha) ** fallen


class TransferStage:
    """L_D over D, then δ L_GANG + α L_CONST + β L_TID + γ L_TV over g, one optimizer step each.

    Both use the same pictures of g: D's step gets them detached, and g's step uses the updated D.
    """

    def __init__(self, config: TransferTraining, cache: FeatureCache, f: nn.Module, accelerator: Accelerator) -> None:
        config, note = choose_generator(config, cache.t)
        self.config, self.accelerator, self.f = config, accelerator, f
        device = accelerator.device
        self.device = str(device)
        self.batch = config.batch
        self.figure = "const"
        self.notes = (*cache.notes, *([note] if note else []))
        weights = encoders.weights_of(f)
        self.standardise_s = Standardise.of(cache.f_s.flatten(0, 1), weights).to(device)
        self.standardise_t = Standardise.of(cache.f_t, weights).to(device)
        self.z_s = self.standardise_s(cache.f_s.to(device))
        self.z_t = self.standardise_t(cache.f_t.to(device))
        self.z_val = self.standardise_s(cache.f_val.to(device))
        self.z_t_val = self.standardise_t(cache.f_t_val.to(device))
        self.val = cache.val
        self.t = resident(cache.t, device)
        self.t_val = cache.t_val
        self.source = cache.source
        self.x_s = None if config.contains_f else cache.x_s.to(device)
        torch.manual_seed(config.seed)
        self.g = make_g(config, f, cache.t.shape[1], cache.t.shape[-1])
        if config.start:
            self.g.load_state_dict(_start_weights(config.start, self.g))
        self.d = make_d(config, cache.t.shape[1], cache.t.shape[-1])
        self.tied = resident(tied(config, f, cache), device) if config.tie else None
        self.ema = copy.deepcopy(self.g).to(device).eval().requires_grad_(False)
        self.g = prepare(self.g, accelerator, config.compile)
        self.d = prepare(self.d, accelerator, config.compile)
        self.adam_g = self._adam(self.g, config.lr)
        self.adam_d = self._adam(self.d, config.lr_d)

    def _adam(self, net: nn.Module, lr: float) -> torch.optim.Optimizer:
        return prepare_optimizer(torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.99)), self.accelerator)

    def step(self, step: int) -> dict[str, Tensor]:
        """Do one step of D and one of g, on a batch that depends on (seed, step) alone."""
        factor = flat_cosine(step, self.config.steps)
        set_lr(self.adam_g, self.config.lr * factor)
        set_lr(self.adam_d, self.config.lr_d * factor)
        z_s, inputs, t, drawn = self._batch(step)
        has_d = bool(self.config.delta) and step > self.config.delta_from * self.config.steps
        self.g.train()
        with self.accelerator.autocast():
            g_s, g_t = self.g(inputs).float().chunk(2)
        scalars: dict[str, Tensor] = {}
        if has_d:
            d = self._step_d(g_s.detach(), g_t.detach(), t)
            scalars = {"d": d.total, "d_s": d.from_s, "d_real": d.real, "d_accuracy": d.accuracy}
            if d.from_t is not None:
                scalars["d_t"] = d.from_t
        g = self._step_g(g_s, g_t, z_s, t, step, drawn=drawn, has_d=has_d)
        update_ema(self.ema, self.g, self.config.ema, step)
        if g.tie is not None:
            scalars["tie"] = g.tie
        if self.config.generator == "layered":
            layered = self.accelerator.unwrap_model(self.g)
            scalars |= {"undecided": layered.undecided, "roughness": layered.roughness}
        return {**scalars, "g": g.total, "gang": g.gang, "const": g.const, "tid": g.tid, "tv": g.tv}

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """This process's slice of a batch of n source and n target pictures.

        Returns:
            Standardised f of the sources, (n, dim).
            Inputs of G for the sources and the targets, (2n, ...).
            The targets, (n, C, S, S) in [-1, 1].
            The avatars that c draws of the sources, if G is tied to them, otherwise None.
        """
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        n = self.batch
        device = self.z_s.device
        local = local_slice(n, self.accelerator)
        source = torch.randint(len(self.z_s), (n,), generator=random)[local].to(device)
        view = torch.randint(self.z_s.shape[1], (n,), generator=random)[local].to(device)
        target = torch.randint(len(self.t), (n,), generator=random)[local]
        t = to_float(self.t[target.to(self.t.device)].to(device)).contiguous(memory_format=layout(self.d, device))
        z_s = self.z_s[source, view]
        if self.config.noise:
            z_s = z_s + self.config.noise * torch.randn(n, z_s.shape[1], generator=random)[local].to(device)
        drawn = None if self.tied is None else to_float(self.tied[source.to(self.tied.device)].to(device))
        if self.x_s is None:
            return z_s, torch.cat([z_s, self.z_t[target.to(device)]]), t, drawn
        return z_s, torch.cat([to_float(self.x_s[source, view]), to_rgb(t)]), t, drawn

    def _step_d(self, g_s: Tensor, g_t: Tensor, t: Tensor) -> losses.DiscriminatorLoss:
        parts = [g_s, t] if self.config.binary else [g_s, g_t, t]
        with self.accelerator.autocast():
            logits = self.d(torch.cat(parts)).chunk(len(parts))
        loss = losses.discriminator(logits[0], None if self.config.binary else logits[1], logits[-1])
        optimizer_step(loss.total, self.adam_d, self.accelerator, self.config.clip)
        return loss

    def _jittered(self, x: Tensor, step: int) -> Tensor:
        """Shift by up to 1/32 of the side, or random affine.

        Otherwise g could satisfy L_CONST with a pattern that f recognises only at one place.
        """
        if self.config.random_affine:
            random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step + 700_000)
            draw = 2 * torch.rand(self.batch, 5, generator=random) - 1
            return augment.affine_by(
                x, draw[local_slice(self.batch, self.accelerator)], angle=12, scale=0.12, shift=0.08
            )
        h, w = x.shape[2:]
        reach = h // 32
        dy, dx = np.random.default_rng([self.config.seed, step]).integers(0, 2 * reach + 1, 2)
        return F.pad(x, (reach, reach, reach, reach), mode="replicate")[..., dy : dy + h, dx : dx + w]

    def _step_g(
        self,
        g_s: Tensor,
        g_t: Tensor,
        z_s: Tensor,
        t: Tensor,
        step: int,
        drawn: Tensor | None = None,
        has_d: bool = True,
    ) -> losses.GeneratorLoss:
        gang = const = g_s.new_zeros(())
        self.d.requires_grad_(False)  # L_G is minimised over g only
        with self.accelerator.autocast():
            if has_d and self.config.delta:
                parts = [g_s] if self.config.binary else [g_s, g_t]
                logits = self.d(torch.cat(parts)).chunk(len(parts))
                gang = losses.gang(logits[0], None if self.config.binary else logits[1])
            if self.config.alpha:
                const = losses.const(z_s, self.standardise_t(self.f(self._jittered(to_rgb(g_s), step)).float()))
        loss = losses.generator(
            gang, const, losses.tid(t, g_t, self.config.absolute), losses.tv(g_s),
            alpha_at(self.config, step), self.config.beta, self.config.gamma, self.config.delta,
            None if drawn is None else losses.avatar_loss(g_s, drawn, self.config.absolute), self.config.tie,
        )  # fmt: skip
        if self.config.generator == "layered":
            layered = self.accelerator.unwrap_model(self.g)
            penalty = self.config.undecided * layered.undecided + self.config.roughness * layered.roughness
            loss = loss._replace(total=loss.total + penalty)
        optimizer_step(loss.total, self.adam_g, self.accelerator, self.config.clip)
        self.d.requires_grad_(True)
        return loss

    @torch.no_grad()
    def samples(self) -> Image:
        """Rows in pairs: validation pictures of s and G(s); targets and G(t)."""
        n = min(14, len(self.val), len(self.t))
        rows = []
        for start in (0, n):
            if start + n > len(self.val) or start + n > len(self.t):
                break
            row = slice(start, start + n)
            t = to_float(self.t[row].to(self.z_t.device))
            inputs_t = self.z_t[row] if self.x_s is None else to_rgb(t)
            rows += [list(self.val[row].numpy()), to_rgb_images(self.ema(self._val_inputs()[row]))]
            rows += [to_rgb_images(t), to_rgb_images(self.ema(inputs_t))]
        return images.grid(rows)

    def _val_inputs(self) -> Tensor:
        if self.x_s is None:
            return self.z_val
        return to_float(self.val).permute(0, 3, 1, 2).to(self.z_val.device)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Figures on held-out pictures.

        Returns:
            const: L_CONST. It needs no labels, so a checkpoint may be chosen by it.
            diversity: Spread of G(s) relative to that of t.
            tid: L_TID.
        """
        g_s = torch.cat([self.ema(x) for x in self._val_inputs().split(64)])
        f_g = torch.cat([self.standardise_t(self.f(to_rgb(x))) for x in g_s.split(64)])
        t = to_float(self.t_val.to(g_s.device))
        figures = {
            "const": float(losses.const(self.z_val, f_g)),
            "diversity": float(spread(g_s) / spread(t).clamp_min(1e-6)),
        }
        if self.config.beta:
            inputs = self.z_t_val if self.x_s is None else to_rgb(t)
            figures["tid"] = float(losses.tid(t, torch.cat([self.ema(x) for x in inputs.split(64)])))
        return figures

    def state(self) -> dict[str, Any]:
        return states(self, ("g", "d", "ema", "adam_g", "adam_d"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        """Write f, its statistics and the averaged g as a checkpoint that `model.load` reads."""
        statistics = {
            "mean_s": self.standardise_s.mean, "std_s": self.standardise_s.std,
            "mean_t": self.standardise_t.mean, "std_t": self.standardise_t.std,
        }  # fmt: skip
        g = self._truncated() if isinstance(self.config, DigitsTransfer) and self.config.truncation < 1 else self.ema
        tensors = {"statistics": statistics, "generator": g.state_dict()}
        if own := checkpoint.own_weights(self.f):
            tensors["encoder"] = own
        upscaler = make_upscaler(self.config)
        if upscaler:
            tensors["upscaler"] = upscaler.state_dict()
        info = {
            "kind": "transfer", "encoder": self.f.config, "generator": g.config,
            "upscaler": upscaler and upscaler.config,
            "emphasis": self.config.emphasis, "sees": input_domain(self.config),
            "trained": {"step": step, **to_dict(self.config), "data": self.source},
        }  # fmt: skip
        if getattr(self.config, "shift", 0):
            info["shift"] = self.config.shift
        return checkpoint.save(directory, info, tensors)

    def _truncated(self) -> Truncated:
        z = self.z_s[:, 0]
        logits = torch.cat([self.f.logits(self.standardise_s.invert(part)) for part in z.split(4096)])
        return Truncated(self.ema, self.config.truncation, class_means(z, logits), tail_of(self.f))


def class_means(z: Tensor, logits: Tensor) -> Tensor:
    """Mean z of each class that f predicts: (N, dim), (N, classes) → (classes, dim); zeros for classes without z."""
    one_hot = F.one_hot(logits.argmax(1), logits.shape[1]).to(z)
    return one_hot.T @ z / one_hot.sum(0).clamp_min(1)[:, None]


def tail_of(f: nn.Module) -> int:
    """Number of last elements of f's output that are its logits; all of them if it doesn't end in logits."""
    return f.dim - getattr(f, "hidden", 0)


def _start_weights(name: str, g: nn.Module) -> dict[str, Tensor]:
    """Weights of a translation's g to start from. Raises UserError if it has another architecture."""
    other = model.load(name).require_generator()
    if other.config != g.config:
        raise UserError(f"start={name}: its g is {other.config}, these settings want {g.config}.")
    return other.state_dict()


@torch.no_grad()
def tied(config: FacesTransfer, f: nn.Module, cache: FeatureCache) -> Tensor:
    """The avatars that c predicts from the first view of every source picture, (N, 4, 64, 64) uint8.

    Raises:
        UserError: c draws another style, or uses another f, than g.
    """
    predictor = model.load_avatar_predictor(config.avatar)
    if predictor.style != config.style:
        raise UserError(f"avatar={config.avatar}: c must draw {config.style}.")
    weights = f.state_dict()
    other = predictor.f.state_dict()
    same = weights.keys() == other.keys() and all(torch.equal(w.cpu(), other[name]) for name, w in weights.items())
    if not same:
        raise UserError(f"avatar={config.avatar}: c reads another f than encoder={config.encoder}.")
    chosen = [
        avatar.parameters
        for features in cache.f_s[:, 0].split(256)
        for avatar in predictor.decide(predictor.read(features))
    ]
    return torch.cat([to_uint8(images.to_tensor(drawn)) for drawn in batches(draw_heads(chosen), 256)])


def input_domain(config: TransferTraining) -> str:
    """Input domain of the trained translation: whole pictures, heads, or digits."""
    if isinstance(config, DigitsTransfer):
        return "digits"
    return "heads" if config.heads else "pictures"


def spread(x: Tensor) -> Tensor:
    """Root mean square deviation of pictures from their mean picture."""
    return x.sub(x.mean(0)).square().mean().sqrt()


def resident(x: Tensor, device: torch.device) -> Tensor:
    """Move pictures to the device; if they would fill more than half of a GPU's free memory, to pinned memory."""
    if device.type == "cuda" and x.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
        return x.pin_memory()
    return x.to(device)


def to_rgb_images(x: Tensor) -> list[Image]:
    """(B, 1|3|4, H, W) → RGB pictures, RGBA ones over mid-grey."""
    return list(images.to_images(to_rgb(x)))


def make_g(config: TransferTraining, f: nn.Module, channels: int, size: int) -> nn.Module:
    """Build g, or the G that doesn't contain f, with random weights."""
    if config.generator == "deconv":
        g: nn.Module = DeconvGenerator(f.dim, config.base, channels)
    elif config.generator == "layered":
        g = LayeredGenerator(f.dim, config.base, channels, size, config.layers)
    else:
        pointwise = isinstance(config, FacesTransfer | StyleTransfer)
        g = Generator(f.dim, config.base, channels, size, pointwise)
    if config.contains_f:
        return g
    own = encoders.build(f.config).train().requires_grad_(True)
    return FromPicture(own, g)


def make_upscaler(config: TransferTraining) -> InkUpscaler | None:
    """SR of a style transfer, which needs no training: it uses the style picture's inks. None for other transfers."""
    if not isinstance(config, StyleTransfer):
        return None
    colours = screen_print.read_inks(config.picture).colours
    upscaler = InkUpscaler(len(colours), 256 // config.size)
    upscaler.inks.copy_(torch.from_numpy(colours) / 127.5 - 1)
    return upscaler


def make_d(config: TransferTraining, channels: int, size: int) -> nn.Module:
    """Build D with random weights."""
    classes = 2 if config.binary else 3
    if config.generator == "deconv":
        return ConvDiscriminator(channels, config.d_base, classes)
    return Discriminator(channels, size, config.d_base, config.d_upscale, classes)

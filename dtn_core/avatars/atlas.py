"""R as a differentiable function of soft choices: exact, with nothing learnt.

A drawing is layers laid over one another in a fixed order; a layer is one variant of one slot, coloured by one or two
palettes. Premultiplied, layer = base + Σ colour × mask, and the picture is the layers composed by "over", so
probabilities over variants and any RGB go through by linearity. Two exceptions: the lenses of avataaars' sunglasses and
wayfarers lie by `screen` over what is behind them, here over nothing; and layers are resampled for the shape of a face,
which leaves edges softer than resvg's (mean error below .008 of full scale, not .002). tests/avatars/test_atlas.py
holds this and resvg together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from ..colours import to_rgb
from .engine import View, alone, frame, raster
from .parameters import NONE, SPECS, Parameters
from .shape import SHAPES, affine


class Atlas(nn.Module):
    """All layers of a style at one size, as buffers; made by resvg in seconds.

    forward: {slot: (B, variants) probabilities}, {colour: (B, 3) RGB in [0, 1]}, {name of `shape.SHAPES`: (B,) in
    [-1, 1]} (none: the artist's own shape) → (B, 4, size, size) in [0, 1], premultiplied.
    """

    def __init__(self, style: str, size: int = 64, view: View = "head") -> None:
        super().__init__()
        self.style, self.size, self.view, self.spec = style, size, view, SPECS[style]
        self.painted: dict[str, list[str]] = {}
        for layer in self.spec.layers:
            bases, masks = [], {name: [] for name in self.spec.colours}
            for variant in self.spec.slots.get(self._slots(layer)[0], ("only",)):
                text = "" if variant == "" else alone(_marked(style, layer, variant), view).get(layer, "")
                base = self._paint(text, None)
                bases.append(base)
                for name, mask in masks.items():
                    there = text and _mark(style, name) in text
                    mask.append(
                        (self._paint(text, name) - base)[..., 0] if there else np.zeros((size, size), np.float32)
                    )
            self.register_buffer(f"{layer}_base", torch.from_numpy(np.stack(bases).transpose(0, 3, 1, 2).copy()))
            self.painted[layer] = [name for name, mask in masks.items() if any(m.any() for m in mask)]
            for name in self.painted[layer]:
                self.register_buffer(f"{layer}_{name}", torch.from_numpy(np.stack(masks[name])))

    def _slots(self, layer: str) -> tuple[str, ...]:
        """The slot whose variants a layer has, and those of which something must be drawn too."""
        return self.spec.follows.get(layer, (layer,))

    def _paint(self, text: str, white: str | None) -> np.ndarray:
        """(size, size, 4) float32 in [0, 1], premultiplied: all palettes black but one."""
        if not text:
            return np.zeros((self.size, self.size, 4), np.float32)
        for name in self.spec.colours:
            text = text.replace(_mark(self.style, name), "#ffffff" if name == white else "#000000")
        rgba = raster(text, self.size).astype(np.float32) / 255
        rgba[..., :3] *= rgba[..., 3:]
        return rgba

    def forward(
        self, chosen: Mapping[str, Tensor], colours: Mapping[str, Tensor], shape: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        n, side, out = len(next(iter(chosen.values()))), self.size, None
        for name in self.spec.layers:
            base = getattr(self, f"{name}_base")
            slot, *others = self._slots(name)
            weight = chosen[slot] if slot in chosen else base.new_ones(n, 1)
            for other in others:
                weight = weight * (1 - chosen[other][:, self.spec.slots[other].index(NONE)])[:, None]
            layer = (weight @ base.flatten(1)).view(n, 4, side, side)
            rgb, alpha = layer[:, :3], layer[:, 3:]
            for colour in self.painted[name]:
                mask = (weight @ getattr(self, f"{name}_{colour}").flatten(1)).view(n, 1, side, side)
                rgb = rgb + mask * colours[colour][:, :, None, None]
            layer = torch.cat([rgb, alpha], 1)
            if shape and (change := affine(self.style, name, shape)) is not None:
                layer = self._resampled(layer, *change)
                alpha = layer[:, 3:]
            out = layer if out is None else layer + (1 - alpha) * out
        return out

    def _resampled(self, layer: Tensor, a: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
        """A layer under (B,) affine changes, see `shape.affine`. Beyond the frame it goes on like its edge."""
        left, top, side = frame(self.style, self.view)
        zero = torch.zeros_like(a)
        x = [1 / a, zero, (2 * (left - e) / a - 2 * left) / side + 1 / a - 1]
        y = [zero, 1 / d, (2 * (top - f) / d - 2 * top) / side + 1 / d - 1]
        grid = nn.functional.affine_grid(torch.stack([*x, *y], 1).view(-1, 2, 3), list(layer.shape), False)
        return nn.functional.grid_sample(layer, grid, padding_mode="border", align_corners=False)

    def encode(self, many: list[Parameters]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Hard choices as forward takes them."""
        device = self.get_buffer(f"{self.spec.layers[0]}_base").device
        chosen = {
            slot: nn.functional.one_hot(torch.tensor([v.index(p.variants[slot]) for p in many]), len(v))
            .float()
            .to(device)
            for slot, v in self.spec.slots.items()
        }
        colours = {
            name: torch.tensor([to_rgb(p.colours[name]) for p in many], device=device) / 255.0
            for name in self.spec.colours
        }
        return chosen, colours

    def draw(self, many: list[Parameters]) -> Tensor:
        """(B, 4, size, size) in [0, 1], premultiplied."""
        device = self.get_buffer(f"{self.spec.layers[0]}_base").device
        shape = {name: torch.tensor([p.shape[name] for p in many], device=device) for name in SHAPES[self.style]}
        return self(*self.encode(many), {name: values for name, values in shape.items() if values.any()})


@lru_cache(maxsize=4)
def atlas(style: str, size: int = 64, view: View = "head") -> Atlas:
    """A style's atlas, made once for a size and a view. Shared: on the CPU, not to be moved."""
    return Atlas(style, size, view)


def to_tensor(premultiplied: Tensor) -> Tensor:
    """(B, 4, S, S) in [0, 1], premultiplied → the tensor of `images`: over mid-grey in [-1, 1], alpha likewise."""
    colour, alpha = premultiplied[:, :3], premultiplied[:, 3:]
    return torch.cat([2 * colour - alpha, 2 * alpha - 1], 1)


def _mark(style: str, colour: str) -> str:
    """A colour that stands for a palette in the SVG, and is nobody's."""
    return f"#01020{list(SPECS[style].colours).index(colour)}"


def _marked(style: str, layer: str, variant: str) -> Parameters:
    """Everything there is drawn, so that no layer is missing, the one in question as this variant."""
    spec = SPECS[style]
    shown = {slot: next(v for v in variants if v) for slot, variants in spec.slots.items()}
    slot = spec.follows.get(layer, (layer,))[0]
    if slot in spec.slots:
        shown[slot] = variant
    return Parameters(style, shown, {name: _mark(style, name) for name in spec.colours})

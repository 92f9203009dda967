"""Augmentation of single pictures (uint8, NumPy's generator) and of batches on any device (floats in [-1, 1], a torch
generator on the CPU, so that a seed gives the same everywhere)."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .types import Image


def affine_matrix(rng: np.random.Generator, size: int, strength: float = 1.0) -> NDArray[np.float64]:
    """(2, 3) random affine of a crop: ±8°, scale .9-1.12, shift ±6%, flipped half of the time."""
    angle = np.deg2rad(rng.uniform(-8, 8) * strength)
    scale = 1 + (rng.uniform(0.9, 1.12) - 1) * strength
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    dx, dy = rng.uniform(-0.06, 0.06, 2) * size * strength
    flip = -1.0 if rng.random() < 0.5 else 1.0
    centre = size / 2
    return np.array(
        [
            [cos * flip, -sin, centre + dx - cos * flip * centre + sin * centre],
            [sin * flip, cos, centre + dy - sin * flip * centre - cos * centre],
        ]
    )


def stylise(rng: np.random.Generator, image: Image, share: float = 0.75) -> Image:
    """Make a share of photos look drawn, at random, so that f meets drawings half-way: flat patches, few colours, drawn
    edges; and each in another light and tint, some with a hidden patch. (S, S, 3) uint8 → the same."""
    if rng.random() < share:
        if rng.random() < 0.6:
            image = cv2.medianBlur(image, int(rng.choice((3, 5, 7))))
        else:
            image = cv2.bilateralFilter(image, 7, float(rng.uniform(40, 120)), 5)
        if rng.random() < 0.3:
            edges = cv2.adaptiveThreshold(
                cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
                255,
                cv2.ADAPTIVE_THRESH_MEAN_C,
                cv2.THRESH_BINARY,
                7,
                6,
            )
            image = image.copy()
            image[edges == 0] = image[edges == 0] // 3
        if rng.random() < 0.7:
            levels = int(rng.integers(24, 65))
            image = np.minimum(image.astype(np.int16) // levels * levels + levels // 2, 255).astype(np.uint8)
    if rng.random() < 0.35:  # hide a patch behind its own mean colour: no attribute may hang on one place
        size = len(image)
        h, w = (int(v) for v in rng.integers(size // 8, size // 2, 2))
        y, x = int(rng.integers(0, size - h)), int(rng.integers(0, size - w))
        image = image.copy()
        image[y : y + h, x : x + w] = image[y : y + h, x : x + w].mean((0, 1))
    tint = rng.uniform(0.8, 1.25) * (1 + rng.uniform(-0.07, 0.07, 3))
    return np.clip(image * tint + rng.uniform(-20, 20), 0, 255).astype(np.uint8)


def relight(rng: np.random.Generator, image: Image) -> Image:
    """Strong changes of light: exposure .4 to 1.9, gamma .75 to 1.35, warm to cold, shade from one side. What f says of
    a person, skin above all, shouldn't move with them. (S, S, 3) uint8 → the same."""
    lit = (image.astype(np.float32) / 255) ** rng.uniform(0.75, 1.35)
    warm, green = rng.uniform(-0.18, 0.18), rng.uniform(-0.05, 0.05)
    lit *= 2 ** rng.uniform(-1.3, 0.95) * np.array([1 + warm, 1 + green, 1 - warm], np.float32)
    if rng.random() < 0.4:
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
        ramp = np.linspace(-1, 1, len(image), dtype=np.float32)
        side = np.clip(np.cos(angle) * ramp[None] + np.sin(angle) * ramp[:, None], -1, 1)
        lit *= (1 - depth * (side + 1) / 2)[..., None]
    return (np.clip(lit, 0, 1) * 255).astype(np.uint8)


def hide_context(rng: np.random.Generator, image: Image) -> Image:
    """Cover what a tight crop of the face doesn't show with a plain colour, so that tight and whole-head sets
    look alike to f."""
    size = len(image)
    top, side = round(0.342 * size), round(0.172 * size)
    covered = np.empty_like(image)
    covered[:] = rng.integers(0, 256, 3)
    covered[top:, side : size - side] = image[top:, side : size - side]
    return covered


def random_affine(
    x: Tensor, random: torch.Generator, angle: float = 11, scale: float = 0.15, shift: float = 0.12
) -> Tensor:
    """Turn by up to ±angle degrees, stretch each side by ±scale, move by up to ±shift of it; (B, C, H, W)."""
    return affine_by(x, 2 * torch.rand(len(x), 5, generator=random) - 1, angle, scale, shift)


def affine_by(x: Tensor, draw: Tensor, angle: float, scale: float, shift: float) -> Tensor:
    """`random_affine` with given numbers for each picture: draw (B, 5) in [-1, 1]."""
    b = len(x)
    turn, sx, sy = draw[:, 0] * math.radians(angle), 1 + draw[:, 1] * scale, 1 + draw[:, 2] * scale
    rows = [turn.cos() * sx, -turn.sin() * sy, 2 * shift * draw[:, 3], turn.sin() * sx, turn.cos() * sy]
    motion = torch.stack([*rows, 2 * shift * draw[:, 4]], 1).view(b, 2, 3).to(x.device)
    spots = F.affine_grid(motion, list(x.shape), align_corners=False)
    return F.grid_sample(x, spots, padding_mode="border", align_corners=False)


def color_jitter(x: Tensor, random: torch.Generator, negative: float = 0.3) -> Tensor:
    """Other gain (.6-1.4) and offset (±.25 for each channel), for a share the negative; (B, 3, H, W) in [-1, 1]."""
    b = len(x)
    draw = torch.rand(b, 5, 1, 1, generator=random).to(x.device)
    x = x * (0.6 + 0.8 * draw[:, :1]) + (0.5 * draw[:, 1:4] - 0.25)
    return torch.where(draw[:, 4:] < negative, -x, x).clamp(-1, 1)


def degrade(x: Tensor, random: torch.Generator) -> Tensor:
    """Blur for half of the pictures, grain for half, a hidden patch for half; (B, C, H, W) in [-1, 1]."""
    b, _, h, w = x.shape
    draw = torch.rand(b, 7, 1, 1, generator=random)
    soft = _blur(_blur(x))
    x = x + (draw[:, :1] * (draw[:, 1:2] < 0.5)).to(x.device) * (soft - x)
    grain = torch.randn(x.shape, generator=random).to(x.device)
    x = x + (0.15 * draw[:, 2:3] * (draw[:, 3:4] < 0.5)).to(x.device) * grain
    ys, xs = torch.arange(h).view(1, 1, h, 1), torch.arange(w).view(1, 1, 1, w)
    far = 3 + 4 * torch.rand(b, 2, 1, 1, generator=random)  # half the sides of the patch
    patch = ((ys - draw[:, 4:5] * h).abs() < far[:, :1]) & ((xs - draw[:, 5:6] * w).abs() < far[:, 1:])
    patch = (patch & (draw[:, 6:] < 0.5)).to(x.device)
    return torch.where(patch, x.mean((2, 3), keepdim=True), x).clamp(-1, 1)


def sketch(x: Tensor, random: torch.Generator, share: float) -> Tensor:
    """A share of the pictures driven towards drawings, so that f reads those too: slanted, bent, grey with hard
    contrast, strokes made thinner or thicker; (B, 3, H, W) in [-1, 1]."""
    b, _, h, w = x.shape
    draw = torch.rand(b, 6, generator=random)
    eye = torch.eye(2, 3).expand(b, 2, 3).clone()
    eye[:, 0, 1] = 0.9 * draw[:, 0] - 0.45
    bend = F.interpolate(torch.randn(b, 2, 4, 4, generator=random), (h, w), mode="bicubic").permute(0, 2, 3, 1)
    spots = F.affine_grid(eye, [b, 1, h, w], align_corners=False) + 0.1 * draw[:, 1].view(b, 1, 1, 1) * bend
    bent = F.grid_sample(x, spots.to(x.device), padding_mode="border", align_corners=False)
    grey = bent.mean(1, keepdim=True)
    draw = draw.view(b, 6, 1, 1).to(x.device)
    thick, thin = F.max_pool2d(grey, 3, 1, 1), -F.max_pool2d(-grey, 3, 1, 1)
    mix = 0.9 * draw[:, 2:3]
    grey = grey + mix * (torch.where(draw[:, 3:4] < 0.35, thick, torch.where(draw[:, 3:4] < 0.7, thin, grey)) - grey)
    low, high = grey.amin((2, 3), keepdim=True), grey.amax((2, 3), keepdim=True)
    level = low + (high - low) * (0.35 + 0.3 * draw[:, 4:5])
    hard = torch.tanh((grey - level) / (high - low + 1e-3) * 8).expand_as(x)
    return torch.where(draw[:, 5:] < share, hard, x)


def random_flip(x: Tensor, random: torch.Generator) -> Tensor:
    """Half of the pictures, at random, left to right; (B, C, H, W)."""
    flipped = (torch.rand(len(x), generator=random) < 0.5).view(-1, 1, 1, 1).to(x.device)
    return torch.where(flipped, x.flip(3), x)


def degrade_mildly(x: Tensor, random: torch.Generator) -> Tensor:
    """Some blur, noise and brightness for each picture, and for all a shift by up to 2 pixels; (B, C, H, W)."""
    b = len(x)
    draw = torch.rand(b, 4, generator=random)
    soft = _blur(x)
    mix = (draw[:, 0] * (draw[:, 1] < 0.6)).view(b, 1, 1, 1).to(x.device)
    noise = torch.randn(x.shape, generator=random).to(x.device)
    x = x + mix * (soft - x) + noise * (0.12 * draw[:, 2]).view(b, 1, 1, 1).to(x.device)
    x = x * (0.85 + 0.3 * draw[:, 3]).view(b, 1, 1, 1).to(x.device)
    dy, dx = (int(v) for v in torch.randint(-2, 3, (2,), generator=random))
    return torch.roll(x, (dy, dx), (2, 3)).clamp(-1, 1)


def as_generated(x: Tensor, random: torch.Generator) -> Tensor:
    """Make clean renders look as g makes them: softened and noisy, each to its own degree; (B, C, H, W)."""
    b = len(x)
    strength, grain = torch.rand(2, b, 1, 1, 1, generator=random)
    soft = _blur(x)
    coarse = F.interpolate(torch.randn(b, x.shape[1], *(v // 2 for v in x.shape[2:]), generator=random), x.shape[2:])
    fine = torch.randn(x.shape, generator=random)
    noise = (0.5 * coarse + 0.5 * fine) * 0.08 * grain.square()
    return (x + 0.7 * strength.square() * (soft - x) + noise).clamp(-1, 1)


def _blur(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)

"""Choose g for the user's own pictures of t: flat layers for drawings in few colours, pixels for everything else."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..config import FoldersTransfer, TransferTraining
from ..core.colors import flat_share
from ..core.images import to_float, to_images, to_rgb

FLAT_FROM = 0.8
"""Share of flat pixels from which g paints layers. Avataaars has .94, the Cartoon Set .84, photos of faces .40."""

MEASURED_PICTURES = 100

LAYERS = {"absolute": 1.0, "noise": 0.1, "gamma": 0.0, "delta_from": 0.35, "undecided": 0.6, "roughness": 4.0}
"""Settings of a layered g that follows no drawn avatar, as for the Cartoon Set."""

LAYERS_DELTA = 0.15
"""Factor on the weight of L_GANG: D makes undecided masks flicker."""


def choose_generator(config: TransferTraining, t: Tensor) -> tuple[TransferTraining, str]:
    """Decide `FoldersTransfer.generator`, unless the user has.

    Args:
        config: The settings.
        t: (N, 4, S, S) uint8 pictures of t.

    Returns:
        The settings with a decided generator, and a line for the user; "" for other translations.
    """
    if not isinstance(config, FoldersTransfer):
        return config, ""
    share, _ = flat_share(to_images(to_rgb(to_float(t[:MEASURED_PICTURES]))))
    measured = f"{share:.0%} of the pixels of t lie near one of ten colours"
    if config.generator == "layered":
        warning = "" if share >= FLAT_FROM else ": t is not flat, so that g will lose its shades"
        return config, f"g paints {config.layers} flat layers, as set; {measured}{warning}."
    if config.generator == "upsample":
        return config, f"g paints pixels, as set; {measured}."
    if share < FLAT_FROM:
        return replace(config, generator="upsample"), f"g paints pixels, since t is not flat: {measured}."
    chosen = replace(config, generator="layered", delta=LAYERS_DELTA * config.delta, **LAYERS)
    return chosen, f"g paints {config.layers} flat layers, since t is flat: {measured}."

"""The presets, and the way to one by its name."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UserError
from ..core.files import parse_json
from . import files
from .files import Config
from .schema import (
    AvatarTraining,
    ClassifierTraining,
    EncoderTraining,
    FolderClassifierTraining,
    JudgeTraining,
    ParserTraining,
    UpscalerTraining,
)
from .transfers import (
    DigitsTransfer,
    FacesTransfer,
    FoldersTransfer,
    StyleTransfer,
)

_TINY = {"log_every": 2, "sample_every": 4, "save_every": 4, "precision": "fp32"}
PRESETS: dict[str, Config] = {
    "encoder-tiny": EncoderTraining(steps=8, batch=8, width=8, hidden=16, limit=64, **_TINY),
    "encoder": EncoderTraining(
        steps=9000, batch=96, lr=3e-3, size=80, celebahq=0.75, utkface=0.3, relight=0.5, focus=2.0, skin=0.5,
        log_every=50, sample_every=3000, save_every=500,
    ),
    "encoder-drawn": EncoderTraining(
        steps=4000, batch=96, lr=1.5e-3, start="encoder", size=80, celebahq=0.75, utkface=0.3, relight=0.4,
        stylised=0.4, focus=2.0, skin=0.5, drawn=0.25, squash=True, log_every=50, sample_every=2000, save_every=500,
    ),
    "judge-tiny": JudgeTraining(steps=8, batch=8, width=8, avatars=64, **_TINY),
    "judge": JudgeTraining(steps=1500, batch=96, lr=3e-3, save_every=500),
    "judge-toon": JudgeTraining(style="toon-head", steps=1500, batch=96, lr=3e-3, save_every=500),
    "judge-lorelei": JudgeTraining(style="lorelei", steps=1500, batch=96, lr=3e-3, save_every=500),
    "judge-cartoon": JudgeTraining(style="cartoon-set", steps=1500, batch=96, lr=3e-3, save_every=500),
    "digits-f-tiny": ClassifierTraining(steps=8, batch=8, width=8, limit=64, **_TINY),
    "digits-f": ClassifierTraining(
        steps=6000, batch=96, lr=3e-3, drawn=0.45, stylise=0.35, weight_decay=0.1, save_every=500, sample_every=1000
    ),
    "digits-f-adapted": ClassifierTraining(
        steps=2000, batch=64, lr=1e-3, start="digits-f", drawn=0.45, stylise=0.35, unlabelled=1.0, weight_decay=0.1,
        save_every=500, sample_every=1000,
    ),
    "digits-f-contrastive": ClassifierTraining(
        steps=3500, batch=96, lr=1.5e-3, contrastive=True, drawn=0.45, stylise=0.5, save_every=500, sample_every=1000
    ),
    "digits-judge-street": ClassifierTraining(
        steps=3000, batch=96, lr=3e-3, seed=1, width=24, drawn=0.45, weight_decay=0.1, save_every=500,
        sample_every=1000,
    ),
    "digits-f-paper": ClassifierTraining(steps=4000, batch=128, net="paper", smoothing=0.0, save_every=500),
    "digits-adapted-tiny": ClassifierTraining(steps=8, batch=8, width=8, limit=64, through="digits", **_TINY),
    "digits-adapted": ClassifierTraining(
        steps=800, batch=96, lr=3e-3, through="digits", stylise=0.6, unlabelled=1.0, save_every=800
    ),
    "digits-judge": ClassifierTraining(steps=1800, batch=96, lr=3e-3, domain="mnist", save_every=600, sample_every=600),
    "digits-judge-paper": ClassifierTraining(
        steps=6000, batch=128, lr=2e-3, domain="mnist", net="paper", save_every=1000, sample_every=1000
    ),
    "avatar-tiny": AvatarTraining(steps=8, batch=8, avatars=64, celebahq=0, limit=32, **_TINY),
    "avatar-cpu": AvatarTraining(steps=3000, batch=256, lr=5e-3, log_every=100, sample_every=1000, save_every=1000),
    "avatar": AvatarTraining(
        steps=20000, batch=1024, lr=5e-3, avatars=60000, celebahq=30000, log_every=100, sample_every=2000,
        save_every=2000,
    ),
    "parser-tiny": ParserTraining(steps=8, batch=8, size=32, unlabelled=16, limit=24, **_TINY),
    "parser-cpu": ParserTraining(
        steps=8000, batch=32, lr=2e-3, precision="fp32", log_every=50, sample_every=1000, save_every=250
    ),
    "parser": ParserTraining(
        steps=40000, batch=64, lr=2e-3, unlabelled=25000, ema=0.9995, log_every=100, sample_every=4000, save_every=2000
    ),
    "upscaler-tiny": UpscalerTraining(steps=8, batch=4, width=8, depth=2, avatars=8, **_TINY),
    "upscaler": UpscalerTraining(steps=4000, batch=16, lr=1e-3, save_every=500),
    "folder-f-tiny": FolderClassifierTraining(steps=8, batch=8, width=8, **_TINY),
    "folder-f": FolderClassifierTraining(
        size=64, steps=2000, batch=64, lr=3e-3, stylise=0.35, weight_decay=0.1, save_every=500,
        sample_every=1000, keep="best",
    ),
    "folders-tiny": FoldersTransfer(
        steps=8, batch=8, size=32, base=8, d_base=8, views=1, limit=64, ema=0.5, **_TINY
    ),
    "folders-cpu": FoldersTransfer(
        steps=2000, batch=32, lr=5e-4, alpha=5.0, beta=50.0, base=24, keep="best"
    ),
    "folders": FoldersTransfer(
        steps=20000, batch=128, lr=5e-4, alpha=5.0, beta=50.0, base=48, d_base=64, d_upscale=2.0,
        ema=0.999, views=8, keep="best", log_every=100, sample_every=500, save_every=1000,
    ),
    "faces-tiny": FacesTransfer(
        steps=8, batch=8, base=8, d_base=8, avatars=32, views=1, limit=32, ema=0.5, **_TINY
    ),
    **{
        name: FacesTransfer(
            steps=steps, batch=32, lr=5e-4, encoder="encoder-drawn", style=style, utkface=0.25, alpha=20.0,
            alpha_end=8.0, random_affine=True, base=base, avatars=avatars, views=3, emphasis=emphasis,
        )
        for name, style, steps, base, avatars, emphasis in (
            ("faces-cpu", "avataaars", 5000, 24, 10000, 1.5), ("toon-cpu", "toon-head", 2500, 16, 6000, 1.5),
        )
    },
    "faces": FacesTransfer(
        steps=30000, batch=128, lr=5e-4, encoder="encoder-drawn", utkface=0.25, alpha=20.0,
        alpha_end=8.0, random_affine=True, base=64, d_base=64, d_upscale=2.0, ema=0.999, avatars=12000, views=4,
        log_every=100, sample_every=1000, save_every=1000,
    ),
    **{
        name: FacesTransfer(
            steps=steps, batch=24, lr=8e-4, encoder="encoder-drawn", style=style, tie=20.0, avatar=avatar, utkface=0.25,
            alpha=0.5, beta=20.0, gamma=0.0, delta=delta, delta_from=0.5, random_affine=True, generator="layered",
            layers=layers, base=16, d_base=24, absolute=1.0, noise=0.1, undecided=undecided, roughness=roughness,
            avatars=avatars, views=2, precision="fp32", save_every=200,
        )
        for name, style, avatar, steps, layers, avatars, delta, undecided, roughness in (
            ("faces-layered-cpu", "avataaars", "emoji", 4500, 20, 8000, 0.08, 0.6, 3.0),
            ("toon-layered-cpu", "toon-head", "toon-head", 3000, 16, 6000, 0.15, 0.3, 2.0),
        )
    },
    "cartoon-layered-cpu": FacesTransfer(
        steps=4500, batch=24, lr=8e-4, encoder="encoder-drawn", style="cartoon-set", utkface=0.25, alpha=5.0,
        alpha_end=2.0, beta=20.0, gamma=0.0, delta=0.15, delta_from=0.35, random_affine=True, generator="layered",
        base=16, d_base=24, absolute=1.0, noise=0.1, undecided=0.6, roughness=4.0, avatars=2000, views=3,
        precision="fp32", save_every=200,
    ),
    "faces-layered": FacesTransfer(
        steps=30000, batch=128, lr=8e-4, encoder="encoder-drawn", tie=20.0, avatar="emoji", utkface=0.25, alpha=0.5,
        beta=20.0, gamma=0.0, delta=0.08, delta_from=0.3, random_affine=True, generator="layered", layers=32, base=48,
        undecided=0.6, roughness=3.0, d_base=64, d_upscale=2.0, ema=0.999, absolute=1.0, noise=0.1, avatars=12000,
        views=4, log_every=100, sample_every=1000, save_every=1000,
    ),
    "faces-paper": FacesTransfer(
        steps=8000, batch=32, lr=5e-4, encoder="dlib", alpha=100.0, beta=1.0, gamma=0.05, d_upscale=2.375
    ),
    "style-tiny": StyleTransfer(
        steps=8, batch=8, base=8, d_base=8, photos=32, views=1, limit=32, ema=0.5, **_TINY
    ),
    "style-cpu": StyleTransfer(
        steps=3000, batch=32, lr=5e-4, encoder="encoder-drawn+dlib", utkface=0.25, alpha=10.0, random_affine=True,
        base=32, photos=8000, views=2,
    ),
    "style": StyleTransfer(
        steps=30000, batch=128, lr=5e-4, encoder="encoder-drawn+dlib", utkface=0.25, alpha=10.0, random_affine=True,
        base=64, d_base=64, d_upscale=2.0, ema=0.999, photos=20000, log_every=100, sample_every=1000, save_every=1000,
    ),
    "digits-tiny": DigitsTransfer(
        encoder="digits-f", steps=8, batch=8, base=8, d_base=8, views=1, limit=32, ema=0.5, **_TINY
    ),
    "digits-cpu": DigitsTransfer(
        encoder="digits-f", steps=1000, batch=32, lr=5e-4, lr_d=5e-4, alpha=3.0, beta=15.0, gamma=0.0,
        base=16, d_base=24, ema=0.99, keep="best", save_every=200,
    ),
    "digits-best": DigitsTransfer(
        encoder="digits-f-adapted", steps=2000, batch=32, lr=5e-4, lr_d=5e-4, alpha=5.0, beta=15.0,
        gamma=0.0, base=16, d_base=24, ema=0.995, random_affine=True, keep="best", save_every=200,
        truncation=0.7, shift=2,
    ),
    "digits": DigitsTransfer(
        encoder="digits-f", steps=20000, batch=128, lr=2e-4, lr_d=2e-4, alpha=15.0, beta=15.0, gamma=0.0,
        base=128, d_base=128, ema=0.99, keep="best", generator="deconv", save_every=500, log_every=100,
        sample_every=1000,
    ),
}  # fmt: skip
"""By name; "-tiny" ones take seconds and are for tests, "-cpu" an hour or two on two cores, plain a GPU."""


def find(name: str) -> tuple[Config, str]:
    """A preset, or a JSON file of `to_dict`'s form, and a short name for its runs. Raises UserError."""
    if name in PRESETS:
        return PRESETS[name], name
    path = Path(name)
    if path.suffix != ".json":
        raise UserError(f"unknown preset '{name}'; known: {', '.join(PRESETS)}; or give a .json file.")
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: no configuration can be read from it ({error}).") from None
    if not isinstance(values, dict):
        raise UserError(f"{name}: holds no configuration; config.json of a run shows how one looks.")
    return files.from_dict(values), path.stem

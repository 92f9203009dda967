"""A look before a training starts: is the data there, how long will it take, and is there room for it?"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image as PILImage

from .. import config as configs
from ..avatars import styles
from ..core import images
from ..core.errors import UserError
from ..core.files import child_environment
from ..core.processes import peak_memory
from ..core.types import Image
from ..data import digits, folders, portraits
from ..data.portraits import data_folder, optional_folder
from .loop import Stage

SHOWN = 12
"""Pictures in a row of the preview."""

TRIED = 3
"""Steps that are timed, after one that warms up."""


@dataclass(frozen=True)
class DryRun:
    """What a training would have and need.

    counts: pictures by what they are for; skipped: (name, why) of the user's files that can't be used; preview: rows of
    s and of t, (H, W, 3) uint8, or None; seconds_per_step: measured; seconds: for all steps and the preparation, about;
    memory, memory_free, disk, disk_free: bytes; device: in words; problems: what endangers the training, a line each.
    """

    counts: dict[str, int]
    skipped: tuple[tuple[str, str], ...]
    preview: Image | None
    seconds_per_step: float
    seconds: float
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    device: str
    problems: tuple[str, ...]


def run_isolated(config: configs.Config, data: str | None, runs: Path, seconds: float | None = None) -> DryRun:
    """Look in a process of its own, whose memory can be measured and which leaves nothing behind. seconds: the longest
    that may take, None for any. Raises UserError as the training itself would for bad input."""
    command = [sys.executable, "-m", "dtn_core", "train", "-", "--dry-run", "--json", "--runs", str(runs)]
    command += ["--data", data] if data else []
    values = json.dumps(configs.to_dict(config))
    try:
        done = subprocess.run(
            command, input=values, capture_output=True, text=True, env=child_environment(), timeout=seconds
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(f"the check took longer than {seconds:.0f} s. Give fewer pictures.") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # it was killed before it could answer
        last = (done.stderr.strip().splitlines() or ["it was killed, perhaps for lack of memory"])[-1]
        raise UserError(last) from None
    if done.returncode:
        raise UserError(answer["error"], code=answer["code"])
    return from_json(answer)


def to_json(found: DryRun) -> dict:
    """Plain values; the preview as a base64 PNG."""
    values = asdict(found)
    if found.preview is not None:
        buffer = io.BytesIO()
        PILImage.fromarray(found.preview).save(buffer, "png")
        values["preview"] = base64.b64encode(buffer.getvalue()).decode()
    return values


def from_json(values: dict) -> DryRun:
    """The inverse of `to_json`."""
    picture = values["preview"]
    return DryRun(
        **{
            **values,
            "preview": images.load(base64.b64decode(picture)) if picture else None,
            "skipped": tuple(tuple(pair) for pair in values["skipped"]),
            "problems": tuple(values["problems"]),
        }
    )


def run(config: configs.Config, data: str | None, runs: Path) -> DryRun:
    """`run_isolated`, in this process. The networks take a few steps on noise, so no data has to be prepared."""
    from .optim import make_accelerator

    counts, skipped, rows = _data(config, data)
    accelerator = make_accelerator(config)
    stage, f_seconds = _stage(config, data, accelerator)
    clock = 0.0
    for step in range(1, TRIED + 2):
        if step == 2:
            clock = time.perf_counter()
        told = stage.step(step)
        next(iter(told.values())).item()  # waits for a GPU
    per_step = (time.perf_counter() - clock) / TRIED
    state = sum(v.nbytes for v in _tensors(stage.state()))
    device = str(accelerator.device)
    held, free, words = _memory(device)
    seconds = per_step * config.steps + f_seconds * counts.get("s", 0) * getattr(config, "views", 0)
    exports = state // 4 * (config.exports + 2)  # fp16, without the optimizers' halves
    disk, disk_free = 2 * state + exports, shutil.disk_usage(_existing(runs)).free
    problems = []
    if disk > disk_free:
        problems.append(f"The disk of {runs} has {disk_free >> 20} MB free; about {disk >> 20} MB are wanted.")
    if held > free:
        problems.append(f"About {held >> 20} MB of memory are wanted, {free >> 20} MB are free: use a smaller batch.")
    if skipped:
        files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
        problems.append(f"{files} can't be used, first {skipped[0][0]} ({skipped[0][1]}).")
    fewest = min((n for name, n in counts.items() if "held out" not in name), default=config.batch)
    if fewest < config.batch:
        problems.append(f"Only {fewest} pictures for a batch of {config.batch}: they are repeated within it.")
    return DryRun(
        counts, skipped, _preview(rows), per_step, seconds, held, free, disk, disk_free, words, tuple(problems)
    )


def _data(config: configs.Config, data: str | None) -> tuple[dict[str, int], tuple[tuple[str, str], ...], list[Image]]:
    """Counts, skipped files, and rows of pictures to show."""
    if isinstance(config, configs.FoldersTransfer):
        from .feature_builders import read_folders

        s, t = read_folders(config)
        parts = {"s": folders.split(len(s.x)), "t": folders.split(len(t.x))}
        counts = {name: len(learnt) for name, (learnt, _) in parts.items()}
        counts |= {f"{name} held out": len(held) for name, (_, held) in parts.items()}
        return counts, (*s.skipped, *t.skipped), [s.x[:SHOWN], t.x[:SHOWN]]
    if isinstance(config, configs.FolderClassifierTraining):
        from .stages.classifier import read_labelled

        found = read_labelled(config)
        counts = dict(zip(found.classes, np.bincount(found.labels).tolist()))
        return counts, found.skipped, [found.x[found.labels == i][:SHOWN] for i in range(len(counts))][:6]
    if isinstance(config, configs.DigitsTransfer | configs.ClassifierTraining):
        folder = optional_folder(data)
        s, t = digits.svhn(folder, "train", config.limit), digits.mnist(folder, "train", config.limit)
        counts = {"s": len(s.x), "t": len(t.x), "s held out": len(digits.svhn(folder, "val", config.limit).x)}
        return counts, (), [s.x[:SHOWN], t.x[:SHOWN, ..., None].repeat(3, 3)]
    if isinstance(
        config, configs.FacesTransfer | configs.StyleTransfer | configs.EncoderTraining | configs.AvatarTraining
    ):
        folder = data_folder(data)
        photos = portraits.celeba(folder, "train", (), config.limit)
        held = portraits.celeba(folder, "val", (), config.limit)
        rows = [np.stack([portraits.head_crop(p, photos.eyes, 128) for p in photos.pictures[:SHOWN]])]
        counts = {"s": len(photos), "s held out": len(held)}
        if isinstance(config, configs.StyleTransfer):
            from .feature_builders import stylised

            counts["t"] = len(portraits.celebahq(folder, "train", (), config.photos))
            rows.append(stylised(config, folder, SHOWN))
        elif not isinstance(config, configs.EncoderTraining):
            counts["t"], shown = _of_style(config.style, config.avatars, folder)
            rows.append(shown)
        return counts, (), rows
    if isinstance(config, configs.JudgeTraining):
        count, shown = _of_style(config.style, config.avatars, optional_folder(data))
        return {"avatars": count}, (), [shown]
    return {"avatars": config.avatars}, (), [styles.render_many(range(SHOWN))[0]]


def _of_style(style: configs.Style, count: int, folder: Path | None) -> tuple[int, Image]:
    """How many pictures of a style are learnt of so many that are asked for, and some to show."""
    if style in styles.PACKS:
        learnt = styles.parts(style, folder)[0].pictures
        return min(count, len(learnt)), learnt[:SHOWN]
    return count, styles.draw(style, range(SHOWN)).pictures


def _stage(config: configs.Config, data: str | None, accelerator: Accelerator) -> tuple[Stage, float]:
    """The stage of these settings on noise, and the seconds that f takes for one picture."""
    from .stages.registry import make_stage

    if not isinstance(config, configs.TransferTraining):
        few: dict[str, Any] = {"limit": 64} if hasattr(config, "limit") else {"avatars": min(config.avatars, 16)}
        if isinstance(config, configs.AvatarTraining):
            few |= {"avatars": 64, "celebahq": 0}
        if isinstance(config, configs.FolderClassifierTraining):
            few = {}
        if isinstance(config, configs.ClassifierTraining):
            few |= {"drawn": 0.0, "through": None, "unlabelled": 0.0}
            data = None  # drawn digits will do
        return make_stage(replace(config, **few), data, accelerator, Path(), None), 0.0
    from .feature_file import FeatureCache, make_encoder
    from .stages.transfer import TransferStage

    f = make_encoder(config.encoder, str(accelerator.device))
    channels, size = config.channels, config.size
    x = torch.rand(16, 3, size, size, device=accelerator.device) * 2 - 1
    start = time.perf_counter()
    with torch.no_grad():
        float(f(x).sum())
    seconds = (time.perf_counter() - start) / len(x)
    noise = torch.Generator().manual_seed(0)
    features = torch.randn(32, f.dim, generator=noise)
    t = torch.randint(0, 256, (32, channels, size, size), generator=noise, dtype=torch.uint8)
    views = torch.randint(0, 256, (32, 1, 3, size, size), generator=noise, dtype=torch.uint8)
    val = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    pack = FeatureCache(features[:, None], t, features, features[:2], val, t[:2], features[:2], views)
    return TransferStage(config, pack, f, accelerator), seconds


def _memory(device: str) -> tuple[int, int, str]:
    """Bytes held at most, bytes that were free for it, and the device in words."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.max_memory_reserved(device)
        return held, free + held, torch.cuda.get_device_name(device)
    held = peak_memory()
    return held, available_memory() + held, f"CPU, {os.cpu_count()} cores"


def available_memory() -> int:
    """Bytes of main memory that can be had."""
    import psutil  # comes with accelerate

    return psutil.virtual_memory().available


def _tensors(node: object) -> list[torch.Tensor]:
    if isinstance(node, torch.Tensor):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    return [tensor for child in children for tensor in _tensors(child)]


def _preview(rows: list[Image]) -> Image | None:
    """Rows of pictures at 64 pixels."""
    scaled = [[cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in row] for row in rows if len(row)]
    return images.grid(scaled) if scaled else None


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path


def table(found: DryRun) -> str:
    """For the terminal."""
    lines = [f"{name}: {count:,} pictures" for name, count in found.counts.items()]
    lines += [
        f"device: {found.device}",
        f"time: {found.seconds_per_step:.3f} s a step, about {found.seconds / 60:.1f} minutes in all",
        f"memory: about {found.memory / 2**30:.1f} GB of {found.memory_free / 2**30:.1f} GB free",
        f"disk: about {found.disk >> 20} MB of {found.disk_free >> 20} MB free",
        *(f"mind: {problem}" for problem in found.problems),
    ]
    return "\n".join(lines)

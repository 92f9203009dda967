"""Check before a training starts whether its data is there, and how much time, memory and disk it needs."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image as PILImage

from .. import config as configs
from ..avatars import rendering, styles
from ..core import images
from ..core.errors import UserError
from ..core.files import child_environment
from ..core.processes import peak_memory
from ..core.types import Image
from ..data import digits, folders, portraits
from ..data.portraits import data_folder, optional_folder
from .loop import Stage

PREVIEW_COLUMNS = 12

TIMED_STEPS = 3
"""Steps that are timed, after one that warms up."""


@dataclass(frozen=True)
class DryRun:
    """What a training would use and need.

    Attributes:
        counts: Number of pictures by use.
        skipped: (name, reason) of the user's files that can't be used.
        preview: Rows of pictures of s and of t, (H, W, 3) uint8, or None.
        seconds_per_step: Measured time of a step.
        seconds: Estimated time of the whole training with its preparation.
        memory: Bytes needed.
        memory_free: Bytes available.
        disk: Bytes needed.
        disk_free: Bytes available.
        device: Name of the device.
        problems: What endangers the training, a line each.
        notes: What else the user should know, a line each.
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
    notes: tuple[str, ...] = ()


class Data(NamedTuple):
    """The data of a training.

    Attributes:
        counts: Number of pictures by use.
        rows: Rows of pictures for the preview, (N, S, S, 3 or 4) uint8 each.
        skipped: (name, reason) of the user's files that can't be used.
        notes: What else the user should know, a line each.
        config: The settings, where they depend on the data.
    """

    counts: dict[str, int]
    rows: list[Image]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    config: configs.Config | None = None


def run_isolated(config: configs.Config, data: str | None, runs: Path, seconds: float | None = None) -> DryRun:
    """`run` in a separate process, whose memory can be measured and is released afterwards.

    Args:
        config: The settings.
        data: The data folder.
        runs: Folder of the runs.
        seconds: Time limit; None for none.

    Raises:
        UserError: Bad input, as in the training itself, or the time limit is reached.
    """
    command = [sys.executable, "-m", "dtn_core", "train", "-", "--dry-run", "--json", "--runs", str(runs)]
    if data:
        command += ["--data", data]
    settings = json.dumps(configs.to_dict(config))
    try:
        process = subprocess.run(
            command, input=settings, capture_output=True, text=True, env=child_environment(), timeout=seconds
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(f"the check took longer than {seconds:.0f} s. Give fewer pictures.") from None
    try:
        answer = json.loads(process.stdout)
    except ValueError:  # it was killed before it could answer
        lines = process.stderr.strip().splitlines() or ["it was killed, perhaps for lack of memory"]
        raise UserError(lines[-1]) from None
    if process.returncode:
        raise UserError(answer["error"], code=answer["code"])
    return from_json(answer)


def to_json(result: DryRun) -> dict:
    """Plain values; the preview as a base64 PNG."""
    values = asdict(result)
    if result.preview is not None:
        buffer = io.BytesIO()
        PILImage.fromarray(result.preview).save(buffer, "png")
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
            "notes": tuple(values["notes"]),
        }
    )


def run(config: configs.Config, data: str | None, runs: Path) -> DryRun:
    """Count the pictures and do a few steps, on noise where computing features of the pictures would take long."""
    from .optim import make_accelerator

    counts, rows, skipped, notes, decided = _read_data(config, data)
    config = decided or config
    accelerator = make_accelerator(config)
    stage, seconds_of_f = _make_stage(config, data, accelerator)
    seconds_per_step = _time_steps(stage)
    memory, memory_free, device = _memory(str(accelerator.device))
    views = counts.get("s", 0) * getattr(config, "views", 0)
    state_bytes = sum(tensor.nbytes for tensor in _tensors(stage.state()))
    export_bytes = state_bytes // 4 * (config.exports + 2)  # fp16, without the optimizers' state
    disk = 2 * state_bytes + export_bytes
    disk_free = shutil.disk_usage(_existing(runs)).free
    problems = []
    if disk > disk_free:
        problems.append(f"The disk of {runs} has {disk_free >> 20} MB free; about {disk >> 20} MB are wanted.")
    if memory > memory_free:
        problems.append(
            f"About {memory >> 20} MB of memory are wanted, {memory_free >> 20} MB are free: use a smaller batch."
        )
    return DryRun(
        counts=counts,
        skipped=skipped,
        preview=_preview(rows),
        seconds_per_step=seconds_per_step,
        seconds=seconds_per_step * config.steps + seconds_of_f * views,
        memory=memory,
        memory_free=memory_free,
        disk=disk,
        disk_free=disk_free,
        device=device,
        problems=(*problems, *_data_problems(config, counts, skipped)),
        notes=notes,
    )


def _data_problems(
    config: configs.Config, counts: dict[str, int], skipped: tuple[tuple[str, str], ...]
) -> Iterator[str]:
    if skipped:
        files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
        yield f"{files} can't be used, first {skipped[0][0]} ({skipped[0][1]})."
    fewest = min((count for name, count in counts.items() if "held out" not in name), default=config.batch)
    if fewest < config.batch:
        yield f"Only {fewest} pictures for a batch of {config.batch}: they are repeated within it."


def _time_steps(stage: Stage) -> float:
    """Seconds per step."""
    start = 0.0
    for step in range(1, TIMED_STEPS + 2):
        if step == 2:  # the first step warms up
            start = time.perf_counter()
        scalars = stage.step(step)
        next(iter(scalars.values())).item()  # waits for a GPU
    return (time.perf_counter() - start) / TIMED_STEPS


def _read_data(config: configs.Config, data: str | None) -> Data:
    """Count the pictures of a training, and read some of them for the preview."""
    if isinstance(config, configs.FoldersTransfer):
        return _read_folders(config)
    if isinstance(config, configs.FolderClassifierTraining):
        return _read_labelled_folder(config)
    if isinstance(config, configs.DigitsTransfer | configs.ClassifierTraining):
        folder = optional_folder(data)
        s = digits.svhn(folder, "train", config.limit)
        t = digits.mnist(folder, "train", config.limit)
        val = digits.svhn(folder, "val", config.limit)
        counts = {"s": len(s.x), "t": len(t.x), "s held out": len(val.x)}
        return Data(counts, [s.x[:PREVIEW_COLUMNS], t.x[:PREVIEW_COLUMNS, ..., None].repeat(3, 3)])
    if isinstance(config, configs.JudgeTraining):
        count, pictures = _style_pictures(config.style, config.avatars, optional_folder(data))
        return Data({"avatars": count}, [pictures])
    if isinstance(config, configs.UpscalerTraining):
        return Data({"avatars": config.avatars}, [rendering.render_many(range(PREVIEW_COLUMNS))[0]])
    return _read_photos(config, data_folder(data))


def _read_folders(config: configs.FoldersTransfer) -> Data:
    from .feature_builders import packed, read_folders
    from .flat_targets import MEASURED_PICTURES, choose_generator

    s, t = read_folders(config)
    train_s, val_s = folders.split(len(s.x))
    train_t, val_t = folders.split(len(t.x))
    counts = {"s": len(train_s), "t": len(train_t), "s held out": len(val_s), "t held out": len(val_t)}
    rows = [s.x[:PREVIEW_COLUMNS], t.x[:PREVIEW_COLUMNS]]
    decided, note = choose_generator(config, packed(t.x[:MEASURED_PICTURES]))
    return Data(counts, rows, (*s.skipped, *t.skipped), (note,), decided)


def _read_labelled_folder(config: configs.FolderClassifierTraining) -> Data:
    from .stages.classifier import read_labelled

    pictures = read_labelled(config)
    counts = dict(zip(pictures.classes, np.bincount(pictures.labels).tolist()))
    rows = [pictures.x[pictures.labels == label][:PREVIEW_COLUMNS] for label in range(len(counts))]
    return Data(counts, rows[:6], pictures.skipped)


def _read_photos(
    config: configs.FacesTransfer | configs.StyleTransfer | configs.EncoderTraining | configs.AvatarTraining,
    folder: Path,
) -> Data:
    photos = portraits.celeba(folder, "train", (), config.limit)
    val = portraits.celeba(folder, "val", (), config.limit)
    first = photos.pictures[:PREVIEW_COLUMNS]
    rows = [np.stack([portraits.head_crop(picture, photos.eyes, 128) for picture in first])]
    counts = {"s": len(photos), "s held out": len(val)}
    if isinstance(config, configs.StyleTransfer):
        from .feature_builders import stylised

        counts["t"] = len(portraits.celebahq(folder, "train", (), config.photos))
        rows.append(stylised(config, folder, PREVIEW_COLUMNS))
    elif not isinstance(config, configs.EncoderTraining):
        counts["t"], pictures = _style_pictures(config.style, config.avatars, folder)
        rows.append(pictures)
    return Data(counts, rows)


def _style_pictures(style: configs.Style, limit: int, folder: Path | None) -> tuple[int, Image]:
    """How many pictures of a style will be learnt, `limit` at most, and some for the preview."""
    if style in styles.PACKS:
        pictures = rendering.split_pack(style, folder)[0].pictures
        return min(limit, len(pictures)), pictures[:PREVIEW_COLUMNS]
    return limit, rendering.draw(style, range(PREVIEW_COLUMNS)).pictures


def _make_stage(config: configs.Config, data: str | None, accelerator: Accelerator) -> tuple[Stage, float]:
    """A stage with these settings and little data, and the seconds that f takes for one picture."""
    from .stages.registry import make_stage

    if isinstance(config, configs.TransferTraining):
        return _make_transfer_stage(config, accelerator)
    changes: dict[str, Any] = {}
    if isinstance(config, configs.AvatarTraining):
        changes = {"limit": 64, "avatars": 64, "celebahq": 0}
    elif isinstance(config, configs.ClassifierTraining):
        changes = {"limit": 64, "drawn": 0.0, "through": None, "unlabelled": 0.0}
        data = None  # uses drawn digits
    elif isinstance(config, configs.EncoderTraining):
        changes = {"limit": 64}
    elif isinstance(config, configs.JudgeTraining | configs.UpscalerTraining):
        changes = {"avatars": min(config.avatars, 16)}
    return make_stage(replace(config, **changes), data, accelerator, Path(), None), 0.0


def _make_transfer_stage(config: configs.TransferTraining, accelerator: Accelerator) -> tuple[Stage, float]:
    """`_make_stage` for a transfer, whose features and pictures are noise."""
    from .feature_file import FeatureCache, make_encoder
    from .stages.transfer import TransferStage

    f = make_encoder(config.encoder, str(accelerator.device))
    size = config.size
    x = torch.rand(16, 3, size, size, device=accelerator.device) * 2 - 1
    start = time.perf_counter()
    with torch.no_grad():
        float(f(x).sum())
    seconds = (time.perf_counter() - start) / len(x)
    noise = torch.Generator().manual_seed(0)
    features = torch.randn(32, f.dim, generator=noise)
    t = torch.randint(0, 256, (32, config.channels, size, size), generator=noise, dtype=torch.uint8)
    views = torch.randint(0, 256, (32, 1, 3, size, size), generator=noise, dtype=torch.uint8)
    cache = FeatureCache(
        f_s=features[:, None],
        t=t,
        f_t=features,
        f_val=features[:2],
        val=torch.zeros(2, size, size, 3, dtype=torch.uint8),
        t_val=t[:2],
        f_t_val=features[:2],
        x_s=views,
    )
    return TransferStage(config, cache, f, accelerator), seconds


def _memory(device: str) -> tuple[int, int, str]:
    """Peak memory in bytes, bytes available including it, and the name of the device."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        used = torch.cuda.max_memory_reserved(device)
        return used, free + used, torch.cuda.get_device_name(device)
    used = peak_memory()
    return used, available_memory() + used, f"CPU, {os.cpu_count()} cores"


def available_memory() -> int:
    """Bytes of available main memory."""
    import psutil  # comes with accelerate

    return psutil.virtual_memory().available


def _tensors(node: object) -> list[torch.Tensor]:
    if isinstance(node, torch.Tensor):
        return [node]
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list | tuple):
        return [tensor for child in node for tensor in _tensors(child)]
    return []


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


def table(result: DryRun) -> str:
    """A dry run as text for the terminal."""
    lines = [f"{name}: {count:,} pictures" for name, count in result.counts.items()]
    lines += [
        f"device: {result.device}",
        f"time: {result.seconds_per_step:.3f} s a step, about {result.seconds / 60:.1f} minutes in all",
        f"memory: about {result.memory / 2**30:.1f} GB of {result.memory_free / 2**30:.1f} GB free",
        f"disk: about {result.disk >> 20} MB of {result.disk_free >> 20} MB free",
        *result.notes,
        *(f"warning: {problem}" for problem in result.problems),
    ]
    return "\n".join(lines)

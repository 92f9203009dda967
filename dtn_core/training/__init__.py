"""Training: stages (what is learnt), the loop (when), run directories (where)."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import (
    AvatarTraining,
    ClassifierTraining,
    Config,
    EncoderTraining,
    JudgeTraining,
    TransferTraining,
    UpscalerTraining,
)
from ..errors import UserError
from ..events import Failed, Noted

if TYPE_CHECKING:  # torch takes seconds to import, and those who only read runs don't need it
    from accelerate import Accelerator

    from .loop import Stage


def run_training(
    config: Config | None,
    name: str,
    runs: Path,
    data: str | None,
    resume: Path | None = None,
    pack: Path | None = None,
    tracker: str | None = None,
) -> tuple[Path, Path | None]:
    """Start a run, or resume one (its own configuration counts then). Returns (run directory, checkpoint); under
    `accelerate launch`, every process calls this, the first writes, and the others get None.

    data: folder of packs, or None for DTN_DATA, or for what the resumed run had; pack: file of a ready training pack
    for the transfer, made if None; tracker: also log to "tensorboard" or "trackio". Raises UserError with one line for
    bad input.
    """
    from .engine import make_accelerator, part
    from .loop import train
    from .runs import Run

    first = int(os.environ.get("RANK", "0")) == 0
    run = None
    if resume is not None:
        run = Run.reopen(resume) if first else None
        config, data, path = (Run.config_of(resume), data or Run.data_of(resume), resume)
    else:
        assert config is not None
        _check_data(config, data, pack)
        if first:
            run = Run.create(runs, name, config, data)
        path = run.path if run else runs
    if run:
        run.tell(Noted(0, "Reads the pictures, and computes f of them where that isn't kept yet."))
    try:
        accelerator = make_accelerator(config, tracker, path)
        part(config.batch, accelerator)
        if tracker:
            accelerator.init_trackers("dtn-studio", {k: v for k, v in asdict(config).items() if v is not None})
        with accelerator.main_process_first():  # which makes the pack; the others read it
            stage = make_stage(config, data, accelerator, path.parent if resume else runs, pack)
        exported = train(stage, run, config, accelerator)
        accelerator.end_training()
    except Exception as error:
        if run:
            run.tell(Failed(str(error).splitlines()[0] if str(error) else type(error).__name__))
        raise
    return path, exported


def _check_data(config: Config, data: str | None, pack: Path | None) -> None:
    """Complain before a directory is made."""
    from ..domains.portraits import data_folder
    from ..domains.styles import PACKS

    if isinstance(config, EncoderTraining | AvatarTraining) or (
        isinstance(config, JudgeTraining) and config.style in PACKS
    ):
        data_folder(data)
    if isinstance(config, TransferTraining) and pack is not None:
        from .packs import check_pack, make_encoder

        check_pack(pack, make_encoder(config.encoder))
    elif isinstance(config, TransferTraining):
        if config.task == "faces":
            data_folder(data)
        if config.task == "folders" and not (config.s and config.t):
            raise UserError("which pictures? Give two folders or zips: --set s=DIR --set t=DIR.")
    if isinstance(config, ClassifierTraining) and config.domain == "folder" and not config.folder:
        raise UserError("which pictures? Give a folder with a sub-folder for each class: --set folder=DIR.")


def make_stage(config: Config, data: str | None, accelerator: Accelerator, runs: Path, pack: Path | None) -> Stage:
    """The stage of these settings, with its data read or made."""
    from ..domains.portraits import data_folder, optional_folder

    if isinstance(config, TransferTraining):
        from .packs import get_pack, make_encoder, read_pack
        from .transfer import TransferStage

        f = make_encoder(config.encoder, str(accelerator.device))
        if pack is not None:
            return TransferStage(config, read_pack(pack, f), f, accelerator)
        made = get_pack(config, f, optional_folder(data), str(accelerator.device), runs / "packs")
        return TransferStage(config, made, f, accelerator)
    if isinstance(config, EncoderTraining):
        from .encoder import EncoderStage

        return EncoderStage(config, data_folder(data), accelerator)
    if isinstance(config, ClassifierTraining):
        from .classifier import ClassifierStage

        return ClassifierStage(config, optional_folder(data), accelerator)
    if isinstance(config, JudgeTraining):
        from .judge import JudgeStage

        return JudgeStage(config, optional_folder(data), accelerator)
    if isinstance(config, AvatarTraining):
        from .avatar import AvatarStage
        from .packs import make_encoder

        f = make_encoder(config.encoder, str(accelerator.device))
        return AvatarStage(config, data_folder(data), f, accelerator)
    assert isinstance(config, UpscalerTraining)
    from .upscaler import UpscalerStage

    return UpscalerStage(config, None, accelerator)

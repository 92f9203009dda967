"""Training: stages (what is learnt), the loop (when), run directories (where)."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import config as configs
from ..errors import UserError
from ..events import Failed, Noted

if TYPE_CHECKING:  # torch takes seconds to import, and those who only read runs don't need it
    from accelerate import Accelerator

    from .loop import Stage


def run_training(
    config: configs.Config | None,
    name: str,
    runs: Path,
    data: str | None,
    resume: Path | None = None,
    feature_cache: Path | None = None,
    tracker: str | None = None,
) -> tuple[Path, Path | None]:
    """Start a run, or resume one (its own configuration counts then). Returns (run directory, checkpoint); under
    `accelerate launch`, every process calls this, the first writes, and the others get None.

    data: folder of data packs, or None for DTN_DATA or the resumed run's; feature_cache: file of a ready feature cache
    for the transfer, made if None; tracker: also log to "tensorboard" or "trackio". Raises UserError with one line for
    bad input.
    """
    from ..devices import device_errors
    from .loop import train
    from .optim import make_accelerator, part
    from .runs import Run

    first = int(os.environ.get("RANK", "0")) == 0
    run = None
    if resume is not None:
        run = Run.reopen(resume) if first else None
        config, data, path = (Run.config_of(resume), data or Run.data_of(resume), resume)
    else:
        assert config is not None
        _check_data(config, data, feature_cache)
        if first:
            run = Run.create(runs, name, config, data)
        path = run.path if run else runs
    if run:
        run.write(Noted(0, "Reads the pictures, and computes f of them where that isn't kept yet."))
    try:
        with device_errors():
            accelerator = make_accelerator(config, tracker, path)
            part(config.batch, accelerator)
            if tracker:
                accelerator.init_trackers("dtn-studio", {k: v for k, v in asdict(config).items() if v is not None})
            with accelerator.main_process_first():  # which makes the feature cache; the others read it
                stage = make_stage(config, data, accelerator, path.parent if resume else runs, feature_cache)
            exported = train(stage, run, config, accelerator)
            accelerator.end_training()
    except Exception as error:
        if run:
            run.write(Failed(str(error).splitlines()[0] if str(error) else type(error).__name__))
        raise
    return path, exported


class Needs(NamedTuple):
    """What a record needs to be trained. stage: module and class, imported when it is used; data: whether it needs
    the photos of the data folder; encoder: whether the stage takes f; own: settings that name the user's pictures."""

    stage: str
    data: bool = False
    encoder: bool = False
    own: tuple[str, ...] = ()


NEEDS: dict[type[configs.Config], Needs] = {
    configs.EncoderTraining: Needs("encoder.EncoderStage", data=True),
    configs.ClassifierTraining: Needs("classifier.ClassifierStage"),
    configs.FolderClassifierTraining: Needs("classifier.ClassifierStage", own=("folder",)),
    configs.JudgeTraining: Needs("judge.JudgeStage"),
    configs.FacesTransfer: Needs("transfer.TransferStage", data=True, encoder=True),
    configs.DigitsTransfer: Needs("transfer.TransferStage", encoder=True),
    configs.StyleTransfer: Needs("transfer.TransferStage", data=True, encoder=True),
    configs.FoldersTransfer: Needs("transfer.TransferStage", encoder=True, own=("s", "t")),
    configs.AvatarTraining: Needs("avatar.AvatarStage", data=True, encoder=True),
    configs.UpscalerTraining: Needs("upscaler.UpscalerStage"),
}


def _check_data(config: configs.Config, data: str | None, feature_cache: Path | None) -> None:
    """Raise UserError before a run directory is made."""
    from ..domains.portraits import data_folder
    from ..domains.styles import PACKS

    needs = NEEDS[type(config)]
    if feature_cache is not None:
        from .feature_cache import check_cache, make_encoder

        if not isinstance(config, configs.TransferTraining):
            raise UserError("--feature-cache goes with a translation's preset: faces, style, digits or folders.")
        check_cache(feature_cache, make_encoder(config.encoder))
        return
    if needs.data or (isinstance(config, configs.JudgeTraining) and config.style in PACKS):
        data_folder(data)
    if not all(getattr(config, name) for name in needs.own):
        example = " ".join(f"--set {name}=DIR" for name in needs.own)
        raise UserError(f"which pictures? Give a folder or zip: {example}.")


def make_stage(
    config: configs.Config, data: str | None, accelerator: Accelerator, runs: Path, feature_cache: Path | None
) -> Stage:
    """The stage of these settings, with its data read or made."""
    from ..domains.portraits import data_folder, optional_folder
    from .feature_cache import get_cache, make_encoder, read_cache

    needs = NEEDS[type(config)]
    module, name = needs.stage.split(".")
    stage = getattr(import_module(f".{module}", __name__), name)
    folder = data_folder(data) if needs.data and feature_cache is None else optional_folder(data)
    if not needs.encoder:
        return stage(config, folder, accelerator)
    f = make_encoder(config.encoder, str(accelerator.device))
    if not isinstance(config, configs.TransferTraining):
        return stage(config, folder, f, accelerator)
    if feature_cache is not None:
        return stage(config, read_cache(feature_cache, f), f, accelerator)
    return stage(config, get_cache(config, f, folder, str(accelerator.device), runs / "feature-cache"), f, accelerator)

"""Training: stages (what is learnt), the loop (when), run directories (where)."""

from __future__ import annotations

from pathlib import Path

from accelerate import Accelerator

from ..config import (
    ClassifierTraining,
    Config,
    EncoderTraining,
    JudgeTraining,
    TransferTraining,
    UpscalerTraining,
    kind_of,
)
from ..devices import has_bf16, pick_device
from ..events import Failed
from .loop import Stage, train
from .runs import Run


def run_training(
    config: Config | None,
    name: str,
    runs: Path,
    data: str | None,
    resume: Path | None = None,
    pack: Path | None = None,
) -> tuple[Path, Path]:
    """Start a run, or resume one (its own configuration counts then). Returns (run directory, checkpoint).

    data: folder of packs, or None for DTN_DATA; pack: file of a ready training pack for the transfer, made if
    None. Raises ValueError with one line for bad input.
    """
    from ..domains.portraits import data_folder

    if resume is not None:
        run = Run.reopen(resume)
        config = run.config
    else:
        assert config is not None
        faces = kind_of(config) == "encoder" or (isinstance(config, TransferTraining) and config.task == "faces")
        if faces and pack is None:
            data_folder(data)  # complain before a directory is made
        run = Run.create(runs, name, config)
    device = pick_device(config.device)
    precision = "fp32" if config.precision == "bf16" and not has_bf16(device) else config.precision
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no" if precision == "fp32" else precision)
    try:
        stage = _stage(config, data, accelerator, runs, pack)
        exported = train(stage, run, config.steps, config.log_every, config.sample_every, config.save_every)
    except Exception as error:
        run.tell(Failed(str(error).splitlines()[0] if str(error) else type(error).__name__))
        raise
    return run.path, exported


def _stage(config: Config, data: str | None, accelerator: Accelerator, runs: Path, pack: Path | None) -> Stage:
    from ..domains.portraits import data_folder, optional_folder

    if isinstance(config, TransferTraining):
        from .packs import Pack, get_pack, make_encoder
        from .transfer import TransferStage

        f = make_encoder(config.encoder, str(accelerator.device))
        if pack is not None:
            return TransferStage(config, Pack.read(pack), f, accelerator)
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

        return JudgeStage(config, None, accelerator)
    assert isinstance(config, UpscalerTraining)
    from .upscaler import UpscalerStage

    return UpscalerStage(config, None, accelerator)

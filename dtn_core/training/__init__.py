"""Training: stages (what is learnt), the loop (when), run directories (where)."""

from __future__ import annotations

from pathlib import Path

from accelerate import Accelerator

from ..config import Config, EncoderTraining, JudgeTraining, TransferTraining, UpscalerTraining, kind_of
from ..devices import pick_device
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
        if kind_of(config) in ("encoder", "transfer") and pack is None:
            data_folder(data)  # complain before a directory is made
        run = Run.create(runs, name, config)
    device = pick_device(config.device)
    precision = "no" if config.precision == "fp32" else config.precision
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision=precision)
    try:
        stage = _stage(config, data, accelerator, runs, pack)
        exported = train(stage, run, config.steps, config.log_every, config.sample_every, config.save_every)
    except Exception as error:
        run.tell(Failed(str(error).splitlines()[0] if str(error) else type(error).__name__))
        raise
    return run.path, exported


def _stage(config: Config, data: str | None, accelerator: Accelerator, runs: Path, pack: Path | None) -> Stage:
    from ..domains.portraits import data_folder

    if isinstance(config, TransferTraining):
        from .transfer import Pack, TransferStage, make_encoder, make_pack, pack_path

        f = make_encoder(config.encoder, str(accelerator.device))
        path = pack or pack_path(config, f, runs / "packs")
        if not path.exists():
            make_pack(config, f, data_folder(data), str(accelerator.device)).write(path)
        return TransferStage(config, Pack.read(path), f, accelerator)
    if isinstance(config, EncoderTraining):
        from .encoder import EncoderStage

        return EncoderStage(config, data_folder(data), accelerator)
    if isinstance(config, JudgeTraining):
        from .judge import JudgeStage

        return JudgeStage(config, None, accelerator)
    assert isinstance(config, UpscalerTraining)
    from .upscaler import UpscalerStage

    return UpscalerStage(config, None, accelerator)

"""The stage of each kind of settings, and how it gets its data."""

from __future__ import annotations

from pathlib import Path

from accelerate import Accelerator

from ... import config as configs
from ...data.portraits import data_folder, optional_folder
from ..feature_cache import get_cache
from ..feature_file import make_encoder, read_cache
from ..loop import Stage
from .avatar import AvatarStage
from .classifier import ClassifierStage
from .encoder import EncoderStage
from .judge import JudgeStage
from .parser import ParserStage
from .transfer import TransferStage
from .upscaler import UpscalerStage

STAGES: dict[type[configs.Config], type[Stage]] = {
    configs.EncoderTraining: EncoderStage,
    configs.ClassifierTraining: ClassifierStage,
    configs.FolderClassifierTraining: ClassifierStage,
    configs.JudgeTraining: JudgeStage,
    configs.FacesTransfer: TransferStage,
    configs.DigitsTransfer: TransferStage,
    configs.StyleTransfer: TransferStage,
    configs.FoldersTransfer: TransferStage,
    configs.AvatarTraining: AvatarStage,
    configs.UpscalerTraining: UpscalerStage,
    configs.ParserTraining: ParserStage,
}
"""The stage of each kind of settings. What data each needs: `training.NEEDS`."""


def make_stage(
    config: configs.Config,
    data: str | None,
    accelerator: Accelerator,
    runs: Path,
    feature_cache: Path | None = None,
) -> Stage:
    """Build the stage of a configuration, and read or compute its data.

    Args:
        config: What to train.
        data: Folder of the data packs; None for DTN_DATA.
        accelerator: Where to train.
        runs: Folder of the runs, in which feature caches are kept.
        feature_cache: File of a ready feature cache for a transfer.

    Raises:
        UserError: Data are missing or damaged.
    """
    from .. import NEEDS

    needs = NEEDS[type(config)]
    stage = STAGES[type(config)]
    needs_folder = needs.data and feature_cache is None
    folder = data_folder(data) if needs_folder else optional_folder(data)
    if not needs.encoder:
        return stage(config, folder, accelerator)
    device = str(accelerator.device)
    f = make_encoder(config.encoder, device)
    if not isinstance(config, configs.TransferTraining):
        return stage(config, folder, f, accelerator)
    if feature_cache is not None:
        cache = read_cache(feature_cache, f)
    else:
        cache = get_cache(config, f, folder, device, runs / "feature-cache")
    return stage(config, cache, f, accelerator)

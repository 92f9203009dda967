"""What can be trained, and the presets: frozen records, checked when made, to and from plain dictionaries."""

from .files import KINDS, Config, descriptions, from_dict, kind_of, parse_set, to_dict, upgrade
from .presets import PRESETS, find
from .schema import (
    AvatarTraining,
    ClassifierTraining,
    DigitsTransfer,
    EncoderTraining,
    FacesTransfer,
    FolderClassifierTraining,
    FoldersTransfer,
    JudgeTraining,
    Style,
    StyleTransfer,
    Training,
    TransferTraining,
    UpscalerTraining,
)

__all__ = [
    "KINDS", "PRESETS", "AvatarTraining", "ClassifierTraining", "Config", "DigitsTransfer", "EncoderTraining",
    "FacesTransfer", "FolderClassifierTraining", "FoldersTransfer", "JudgeTraining", "Style", "StyleTransfer",
    "Training", "TransferTraining", "UpscalerTraining", "descriptions", "find", "from_dict", "kind_of", "parse_set",
    "to_dict", "upgrade",
]  # fmt: skip

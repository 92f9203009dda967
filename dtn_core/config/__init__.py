"""What can be trained, and the presets: frozen records, checked when made, to and from plain dictionaries."""

from .files import (
    KINDS,
    PICTURE_PATHS,
    Config,
    descriptions,
    from_dict,
    kind_of,
    move_pictures,
    parse_set,
    to_dict,
    upgrade,
    with_absolute_paths,
)  # fmt: skip
from .presets import PRESETS, find
from .schema import (
    AvatarTraining,
    ClassifierTraining,
    EncoderTraining,
    FolderClassifierTraining,
    JudgeTraining,
    ParserTraining,
    Style,
    Training,
    UpscalerTraining,
)
from .transfers import (
    DigitsTransfer,
    FacesTransfer,
    FoldersTransfer,
    StyleTransfer,
    TransferTraining,
)

__all__ = [
    "KINDS", "PICTURE_PATHS", "PRESETS", "AvatarTraining", "ClassifierTraining", "Config", "DigitsTransfer",
    "EncoderTraining", "FacesTransfer", "FolderClassifierTraining", "FoldersTransfer", "JudgeTraining",
    "ParserTraining", "Style", "StyleTransfer", "Training", "TransferTraining", "UpscalerTraining", "descriptions",
    "find", "from_dict", "kind_of", "move_pictures", "parse_set", "to_dict", "upgrade", "with_absolute_paths",
]  # fmt: skip

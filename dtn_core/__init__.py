"""DTN Studio: an unsupervised translation from faces to emoji, and from any picture domain to another.

    from dtn_core import Transferrer, images

    (face,) = Transferrer.from_pretrained("emoji")(images.load("portrait.jpg")).faces
    images.save("emoji.png", face.picture(512))

Packages, lowest first; imports point up this list only (tests/test_imports.py):

core        errors, types, files, images, colors, devices, augmentation
config      settings of a training: schema, presets, parsing
networks    f, g, D, SR, c, losses; the format of checkpoints; the Hub
faces       detect, align, judge, track and paste faces
avatars     the artists' engine: parameters, drawing, decisions of c; styles/ holds one file a style
data        where pictures come from: portraits, digits, folders, rendered avatars
pipeline    a checkpoint as a callable: photos, digits, live/, video/
training    stages/, the loop, runs/, the feature cache
evaluation  measures, tables, experiments, evidence
ui, cli     the app and the command line
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.errors import UserError as UserError
    from .pipeline.digits import DigitTransferrer as DigitTransferrer
    from .pipeline.photo import Transferrer as Transferrer

__version__ = "0.3.0"
__all__ = ["DigitTransferrer", "Transferrer", "UserError", "__version__"]

_MODULES = {"DigitTransferrer": "pipeline.digits", "Transferrer": "pipeline.photo", "UserError": "core.errors"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch takes seconds, which `--help` should not."""
    if name == "images":
        return import_module(".core.images", __name__)
    if name not in _MODULES:
        raise AttributeError(f"module 'dtn_core' has no attribute '{name}'")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)

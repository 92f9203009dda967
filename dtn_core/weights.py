"""Where installed packages keep the pretrained weights that dtn_core reads. Nothing is fetched."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from .errors import UserError


def dlib_model_path(name: str) -> Path:
    """Where the package face_recognition_models keeps a model; the package itself is not imported (it needs
    the removed pkg_resources). Raises UserError with the remedy if it isn't installed."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("dlib's models are missing. Run: pip install face_recognition_models==0.3.0")
    return Path(spec.submodule_search_locations[0]) / "models" / name

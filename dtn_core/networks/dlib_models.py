"""Where the pretrained weights that dtn_core reads lie on this computer. Only `download_facenet` uses the network."""

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
    """Where the package face_recognition_models keeps a model; the package itself is not imported (it needs
    the removed pkg_resources). Raises UserError with the remedy if it isn't installed."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("dlib's models are missing. Run: pip install face_recognition_models==0.3.0")
    return Path(spec.submodule_search_locations[0]) / "models" / name


def facenet_path() -> Path:
    """Return where facenet-pytorch and we keep its weights; they may not be there."""
    return Path(torch.hub.get_dir()).parent / "checkpoints" / Path(urlsplit(FACENET_URL).path).name


def download_facenet() -> None:
    """Download facenet's weights unless they are here. To be called only where the user asked for facenet by name.

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
            'python -c "from dtn_core.weights import download_facenet; download_facenet()"'
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # UnpicklingError, RuntimeError, EOFError: whatever is wrong with a file
        raise UserError(f"{path}: damaged, or not facenet's weights. Delete it and download them again.") from None
    return {name: tensor for name, tensor in state.items() if not name.startswith("logits.")}

"""DTN Studio: an unsupervised translation from faces to emoji, and from any picture domain to another.

    from dtn_core import Transferrer, images

    (face,) = Transferrer.from_pretrained("emoji")(images.load("portrait.jpg")).faces
    images.save("emoji.png", face.picture(512))

The house, floor by floor; imports point down only (tests/test_floors.py keeps it so):

floor 0  errors, config, types, files, picture_files, images, augment,
         colours, events, devices, locks, processes, metrics, weights,
         zips                                     words everyone uses
floor 1  networks/, losses, faces/, avatars/      parts; siblings don't know each other
floor 2  checkpoint, joining, hub,
         drawer, domains/                         weights that explain themselves; where pictures come from
floor 3  transfer, training/, evaluation/         the pipeline; the loop; the figures
floor 4  live/, video/, experiments/, evidence/   faces that move; trainings, figures, and all that was measured
floor 5  ui/, cli/, __main__                      the app and the command line
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import UserError as UserError
    from .transfer import DigitTransferrer as DigitTransferrer
    from .transfer import Transferrer as Transferrer

__version__ = "0.2.0"
__all__ = ["DigitTransferrer", "Transferrer", "UserError", "__version__"]


def __getattr__(name: str) -> Any:
    """On first use: torch takes seconds to import, which `--help` doesn't wait for."""
    if name not in __all__:
        raise AttributeError(f"module 'dtn_core' has no attribute '{name}'")
    module = "errors" if name == "UserError" else "transfer"
    return getattr(import_module(f".{module}", __name__), name)

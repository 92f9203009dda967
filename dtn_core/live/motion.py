"""How a face moves: 68 landmarks, measured against a neutral baseline of this very face, become a few numbers."""

from __future__ import annotations

from typing import NamedTuple


class Motion(NamedTuple):
    """One face in one frame. Left and right are the picture's.

    x, y: the middle between the eyes, pixels of the frame; apart: pixels between the eyes' centres, as they would be
    from the front; roll: degrees clockwise; yaw, pitch: -1..1, towards the picture's right and down, 0 to the camera;
    lids: of the left and the right eye, 0 closed, 1 as open as usual, at most 1.3; brows: likewise two, -1..1, 0 as
    usual, 1 raised; open: of the mouth, 0..1; wide: -1 pursed, 0 as usual, 1 wide; smile: 0..1.
    """

    x: float
    y: float
    apart: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    lids: tuple[float, float] = (1.0, 1.0)
    brows: tuple[float, float] = (0.0, 0.0)
    open: float = 0.0
    wide: float = 0.0
    smile: float = 0.0

"""Map the colours of HDR video (HLG or PQ, BT.2020) to SDR (BT.709).

FFmpeg's filters for it need zscale, which PyAV's wheels lack.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.types import Image

TRANSFERS = {16: "PQ", 18: "HLG"}
"""FFmpeg's codes of HDR transfer functions."""

WHITE = 203.0
"""Luminance of diffuse white in cd/m², ITU-R BT.2408."""

PEAK = 1000.0
"""Luminance in cd/m² of the display that HLG is made for."""

KNEE = 0.6
"""Light, relative to diffuse white, from which highlights are compressed. Skin is below."""

_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020
_STEPS = 4096


def to_sdr(picture: Image, transfer: str) -> Image:
    """Convert a frame.

    Args:
        picture: (H, W, 3) uint8 RGB, coded as HDR.
        transfer: "HLG" or "PQ".

    Returns:
        (H, W, 3) uint8 RGB of BT.709.
    """
    light = _decoding(transfer)[picture]  # relative to diffuse white
    if transfer == "HLG":  # the system gamma of a display of `PEAK`, applied to luminance
        luminance = np.maximum(light @ _LUMA, 1e-6)[..., None]
        light = light * (luminance * WHITE / PEAK) ** 0.2
    light = cv2.transform(light, _TO_BT709)
    brightest = np.maximum(light.max(2, keepdims=True), 1e-6)
    light = np.maximum(light, 0) * (_tone_map(brightest) / brightest)
    return _encoding()[(light * (_STEPS - 1)).clip(0, _STEPS - 1).astype(np.uint16)]


def _tone_map(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compress light, relative to diffuse white, to 0..1: linear up to `KNEE`, and highlights above it."""
    room = 1 - KNEE
    return np.where(light <= KNEE, light, KNEE + room * (1 - np.exp((KNEE - light) / room)))


@cache
def _decoding(transfer: str) -> NDArray[np.float32]:
    """Light, relative to diffuse white, of each of 256 code values."""
    code = np.linspace(0, 1, 256)
    if transfer == "PQ":  # SMPTE ST 2084
        root = code ** (1 / 78.84375)
        light = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (light / WHITE).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return (scene * PEAK / WHITE).astype(np.float32)


@cache
def _encoding() -> Image:
    """Code values of BT.709 for `_STEPS` levels of light, by the gamma of displays."""
    return (255 * np.linspace(0, 1, _STEPS) ** (1 / 2.4)).round().astype(np.uint8)

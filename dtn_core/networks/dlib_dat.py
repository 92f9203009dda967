"""Reader of dlib's serialised face network (.dat)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import UserError


class DatReader:
    """dlib's serialisation: packed integers, mantissa-exponent floats, raw float32 tensors, layers nested
    from the loss (first in the stream) to the input (last)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def face_net(self) -> list[dict[str, Any]]:
        """All layers of the face ResNet that have details, from the input to the loss."""
        layers: list[dict[str, Any]] = []
        try:
            self._layer(self._grammar(), layers)
        except (IndexError, ValueError) as error:
            raise UserError(f"not dlib's face network ({error}). Reinstall face_recognition_models.") from None
        if self.at != len(self.data):
            raise UserError("not dlib's face network (bytes left over). Reinstall face_recognition_models.")
        return layers

    @staticmethod
    def _grammar() -> Iterator[str]:
        def residual(down: bool) -> list[str]:
            head = ["relu", "add", "avg", "skip", "tag"] if down else ["relu", "add"]
            return [*head, "affine", "con", "relu", "affine", "con", "tag"]

        plan = "d" + "rrd" + "rrd" + "rrrd" + "rrr"
        middle = [name for kind in plan for name in residual(kind == "d")]
        return iter(["loss", "fc", "avg_all", *middle, "max", "relu", "affine", "con_input"])

    def _layer(self, grammar: Iterator[str], layers: list[dict[str, Any]]) -> None:
        kind = next(grammar)
        version = self._int()
        if kind == "loss":
            self._string(), self._float(), self._float()
            return self._layer(grammar, layers)
        if kind in ("tag", "skip"):
            return self._layer(grammar, layers)
        if kind == "con_input":
            layers.append(self._input())
        else:
            self._layer(grammar, layers)
        details = self._details()
        self._bool(), self._bool(), self._bool(), self._tensor(), self._tensor()
        if kind == "con_input":
            self._tensor()
            if version >= 3:
                self._int()
        elif version >= 2:
            self._tensor()
        layers.append(details)
        return None

    def _details(self) -> dict[str, Any]:
        name = self._string()
        layer: dict[str, Any] = {"type": name}
        if name in ("con_4", "con_5", "con_6"):
            layer["params"] = self._tensor()
            for _ in range(7):
                self._int()
            layer["filters"] = self._alias()
            self._alias()
            for _ in range(4):
                self._float()
            for _ in range(int(name[-1]) - 4):
                self._bool()
        elif name in ("affine_", "affine_2"):
            layer["params"] = self._tensor()
            self._alias(), self._alias(), self._int()
            if name == "affine_2":
                self._bool()
        elif name == "relu_2":
            self._bool()
        elif name in ("max_pool_2", "avg_pool_2"):
            for _ in range(6):
                self._int()
        elif name in ("fc_2", "fc_3"):
            layer["out"], layer["in"] = self._int(), self._int()
            layer["params"] = self._tensor()
            self._alias(), self._alias(), self._int()
            for _ in range(4):
                self._float()
            if name == "fc_3":
                self._bool()
        elif name not in ("relu_", "add_prev_"):
            raise ValueError(f"unknown layer {name!r}")
        return layer

    def _input(self) -> dict[str, Any]:
        name = self._string()
        average = [self._float() for _ in range(3)]
        if name == "input_rgb_image_sized":
            self._int(), self._int()
        return {"type": name, "average": average}

    def _int(self) -> int:
        control = self.data[self.at]
        length = control & 0x0F
        if not 1 <= length <= 8 or control & 0x70:
            raise ValueError(f"bad integer at byte {self.at}")
        value = int.from_bytes(self.data[self.at + 1 : self.at + 1 + length], "little")
        self.at += 1 + length
        return -value if control & 0x80 else value

    def _float(self) -> float:
        mantissa, exponent = self._int(), self._int()
        if exponent >= 32000:
            return {32000: float("inf"), 32001: float("-inf")}.get(exponent, float("nan"))
        return float(mantissa) * 2.0**exponent

    def _bool(self) -> bool:
        self.at += 1
        return self.data[self.at - 1 : self.at] == b"1"

    def _string(self) -> str:
        length = self._int()
        self.at += length
        return self.data[self.at - length : self.at].decode("ascii")

    def _tensor(self) -> np.ndarray:
        if self._int() != 2:
            raise ValueError(f"bad tensor at byte {self.at}")
        shape = [self._int() for _ in range(4)]
        n = int(np.prod(shape))
        self.at += 4 * n
        return np.frombuffer(self.data, "<f4", n, self.at - 4 * n).reshape(shape)

    def _alias(self) -> list[int]:
        if self._int() != 1:
            raise ValueError(f"bad tensor view at byte {self.at}")
        return [self._int() for _ in range(4)]

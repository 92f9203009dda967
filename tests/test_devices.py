"""Where to compute, and in which precision: a CPU without bf16 of its own takes fp32."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from dtn_core import training
from dtn_core.config import PRESETS
from dtn_core.core import devices
from dtn_core.core.errors import UserError
from dtn_core.training import optim


def test_devices_by_name(monkeypatch):
    assert devices.pick_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.pick_device("auto") == "cpu"
    for name, words in (("cuda", "no CUDA device"), ("tpu", "unknown device")):
        with pytest.raises(UserError, match=words):
            devices.pick_device(name)


def test_bf16_support_of_a_cpu(monkeypatch):
    assert isinstance(devices.has_bf16("cpu"), bool)
    for output, has in (
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx2": True}, False),
        ({}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda output=output: output, raising=False)
        assert devices.has_bf16("cpu") is has
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # an older torch
    assert devices.has_bf16("cpu") is False


@pytest.mark.parametrize(
    ("wanted", "has", "taken"),
    [("bf16", False, "no"), ("bf16", True, "bf16"), ("fp32", True, "no"), ("fp16", False, "no")],
)
def test_training_falls_back_to_fp32_without_bf16(few_digits, monkeypatch, tmp_path, wanted, has, taken):
    asked = []

    def accelerator(cpu, mixed_precision, **others):
        asked.append((cpu, mixed_precision))
        return Accelerator(cpu=True)

    monkeypatch.setattr(optim, "Accelerator", accelerator)
    monkeypatch.setattr(optim, "has_bf16", lambda device: has)
    config = replace(PRESETS["digits-f-tiny"], steps=1, batch=2, limit=4, device="cpu", precision=wanted)
    training.run_training(config, "f", tmp_path, None)
    assert asked == [(True, taken)]

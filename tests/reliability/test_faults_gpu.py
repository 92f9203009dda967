"""Errors of a GPU, raised where it computes: one line with the remedy, and nothing that was saved is lost."""

from __future__ import annotations

import gc
import io
import json
import struct

import pytest
import torch
from made_videos import moved, video
from PIL import Image

from dtn_core import cli
from dtn_core.core.devices import device_errors
from dtn_core.core.errors import UserError
from dtn_core.pipeline.live.protocol import Protocol
from dtn_core.pipeline.live.session import Session
from dtn_core.pipeline.photo import Transferrer
from dtn_core.pipeline.video import emojify_video
from dtn_core.training.runs.status import read_status
from dtn_core.training.stages.transfer import TransferStage

from .faults import training

pytestmark = pytest.mark.reliability

ERRORS = {
    "memory": (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 1 MiB free."),
    "assert": (RuntimeError, "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later."),
    "cublas": (RuntimeError, "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
    "cudnn": (RuntimeError, "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    "host": (RuntimeError, "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
    "accelerator": (getattr(torch, "AcceleratorError", RuntimeError), "CUDA error: an illegal memory access"),
}

REMEDY = r"^the (GPU failed|device's memory is full).*use the device cpu\.$"


def failing(kind):
    def fail(*_, **__):
        raise kind[0](kind[1])

    return fail


@pytest.fixture(params=ERRORS)
def error(request):
    return ERRORS[request.param]


def test_other_errors_keep_their_traceback():
    with pytest.raises(RuntimeError, match="^shapes do not fit$"), device_errors():
        raise RuntimeError("shapes do not fit")


def test_a_failed_training_keeps_its_checkpoint_and_resumes(error, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DTN_DATA", raising=False)
    path, step = training.new_run(tmp_path, steps=6, sample_every=9), TransferStage.step

    def until_four(stage, number):
        if number == 4:
            raise error[0](error[1])
        return step(stage, number)

    with monkeypatch.context() as patch:
        patch.setattr(TransferStage, "step", until_four)
        assert cli.main(["train", "--resume", str(path)]) == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
    gc.collect()  # the failed run is held as long as its error
    run, saved = training.check_states(path)
    assert (run.status, run.saved_step, saved) == ("failed", 3, 3)
    assert "out of memory at a batch of 1. Use a smaller" in run.reason or "use the device cpu" in run.reason
    assert cli.main(["train", "--resume", str(path)]) == 0
    assert read_status(path).status == "done"


def test_pictures_digits_and_videos_say_it_in_a_line(error, drawing, hopper, monkeypatch, tmp_path):
    monkeypatch.setattr(type(drawing.checkpoint.predictor.f), "forward", failing(error))
    (tmp_path / "clip.mp4").write_bytes(video(moved(hopper, 3)))
    for act in (
        lambda: drawing(hopper),
        lambda: drawing.read(torch.zeros(1, 3, 64, 64)),
        lambda: emojify_video(tmp_path / "clip.mp4", tmp_path / "out.mp4", drawing),
    ):
        with pytest.raises(UserError, match=REMEDY):
            act()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_live_video_reports_an_error_and_recovers(error, drawing, hopper, monkeypatch):
    protocol, buffer = Protocol(Session(drawing)), io.BytesIO()
    Image.fromarray(hopper).save(buffer, "JPEG")
    message = struct.pack("<I", 1) + buffer.getvalue()
    with monkeypatch.context() as patch:
        patch.setattr(Transferrer, "read", device_errors()(failing(error)))
        answers = [protocol.answer(message, at) for at in (0.0, 1.0, 2.0)]
    assert any("use the device cpu." in answer.get("error", "") for answer in answers)
    answers = [protocol.answer(message, at) for at in (4.0, 5.0, 6.0, 7.0)]
    assert answers[-1]["faces"]
    assert any(answer["avatars"] for answer in answers)
    json.dumps(answers, allow_nan=False)

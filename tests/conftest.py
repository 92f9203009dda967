"""What several tests need: real portraits that ship inside packages, tiny random checkpoints, and a
real browser."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import browsing
import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from serving import serve
from tiny_digits import write_digits, write_judge
from torch.nn import functional as F

from dtn_core import cli
from dtn_core.avatars.calibrate import learn
from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.predict import AvatarPredictor
from dtn_core.core.images import load
from dtn_core.data import digits, drawn_digits
from dtn_core.networks import checkpoint
from dtn_core.networks.avatar_head import AvatarHead
from dtn_core.networks.encoders import Standardise
from dtn_core.networks.generator import Generator
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.networks.upscaler import Upscaler
from dtn_core.pipeline.photo import Transferrer

torch.set_num_threads(1)
# A shell starts background jobs with SIGINT ignored, and commands that tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
SLOW = (
    "e2e",
    "reliability",
    # Documentation whose commands are run.
    "test_docs.py::test_readmes_commands_run",
    "test_docs.py::test_the_api_pages_other_languages_run",
    "test_docs.py::test_the_api_pages_python_runs",
    "test_docs.py::test_the_live_pages_python_runs",
    "test_tutorials.py",
    # Benchmarks, and figures that are computed again.
    "evaluation/test_drawn_measures.py::test_a_checkpoint_that_draws_is_measured_as_it_paints_and_as_it_draws",
    "evaluation/test_faces.py::test_evaluate_writes_every_figure_with_its_provenance",
    "experiments/test_digit_suite.py",
    "test_encoder_benchmark.py",
    "test_latency.py",
    "test_live_benchmark.py",
    "test_motion_benchmark.py",
    "test_shipped.py::test_the_digits_figures_come_out_again",
    "test_shipped.py::test_the_figures_come_out_again",
    "test_video_benchmark.py",
    # Many processes, one after another.
    "test_app.py::test_a_bad_start_is_reported_in_one_line_and_exit_code_2",
    "test_cli_many.py::test_ctrl_c_keeps_what_is_done",
    "test_cli_videos.py::test_progress_and_ctrl_c",
    "test_hub.py::test_a_checkpoint_survives_the_hub",
    "test_hub.py::test_a_run_is_pushed_to_the_hub_with_its_card",
    "test_package.py",
    "test_without_posix.py::test_the_app_starts_and_serves_its_page",
    "test_without_posix.py::test_trainings_are_started_stopped_resumed_and_deleted",
    "training/test_loop.py::test_two_machines_train_as_one",
)
"""Folders, files and tests of the slow tier, relative to this folder."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests that `SLOW` names as slow, before pytest selects by mark. Those marked `smoke` stay fast."""
    for item in items:
        path = item.path.relative_to(TESTS)
        names = {*map(str, path.parents), str(path), f"{path}::{item.originalname}"}
        if not names.isdisjoint(SLOW) and not item.get_closest_marker("smoke"):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def hopper_path():
    """Grace Hopper, 512x600 JPEG with one face, from matplotlib's sample data."""
    from matplotlib.cbook import get_sample_data

    return Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))


@pytest.fixture(scope="session")
def hopper(hopper_path):
    picture = load(hopper_path)
    picture.flags.writeable = False
    return picture


@pytest.fixture(scope="session")
def astronaut():
    """Eileen Collins, 512x512 with one face, from scikit-image."""
    from skimage.data import astronaut

    picture = astronaut()
    picture.flags.writeable = False
    return picture


@pytest.fixture(scope="session")
def dark(hopper):
    """Hopper with a twelfth of the light: a face that is found, of which too little can be seen."""
    return (hopper * 0.08).astype(np.uint8)


@pytest.fixture(scope="session")
def dim(hopper):
    """Hopper with less than a third of the light: an emoji, and a note."""
    return (hopper * 0.3).astype(np.uint8)


@pytest.fixture(scope="session")
def data_folder():
    """The folder of data packs, by DTN_DATA or beside the repository; the test is skipped where there is
    none."""
    folder = Path(os.environ.get("DTN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "celeba.zip").exists():
        pytest.skip(f"no data packs in {folder}; set DTN_DATA")
    return folder


def make_avatar_predictor(f, features, style="avataaars"):
    """A c with random weights that reads f, its decisions learnt from these features."""
    spec = SPECS[style]
    heads = {slot: len(variants) for slot, variants in spec.slots.items()}
    heads |= {f"colour:{name}": len(palette) for name, palette in spec.colours.items()}
    z = Standardise.of(features)
    predictor = AvatarPredictor(style, f.eval(), z, AvatarHead(f.dim, heads).eval(), None)
    artist = {head: np.full(count, 1 / count) for head, count in heads.items()}
    probabilities = predictor.attributes(features)
    return replace(
        predictor,
        decisions=learn(style, predictor.log_probabilities(features), probabilities, {}, artist),
    )


def write_checkpoint(directory, upscaler=True, seed=0, draws=False, paints=True):
    """A tiny translation with random weights, laid out as a trained one; draws: with c, which reads the same f; paints:
    with g and SR."""
    torch.manual_seed(seed)
    f = AttributeEncoder(width=8, hidden=16, skin=draws)
    g, sr = Generator(f.dim, base=4), Upscaler(width=8, depth=2)
    info = {
        "kind": "transfer",
        "encoder": f.config,
        "generator": g.config,
        "upscaler": sr.config if upscaler else None,
    }
    with torch.no_grad():
        blobs = F.interpolate(torch.rand(32, 3, 8, 8) * 2 - 1, size=64, mode="bilinear")
        features = f.eval()(blobs)
    z = Standardise.of(features)
    statistics = {f"{name}_{d}": value.clone() for name, value in z.state_dict().items() for d in "st"}
    tensors = {"encoder": checkpoint.own_weights(f), "statistics": statistics, "generator": g.state_dict()}
    if upscaler:
        tensors["upscaler"] = sr.state_dict()
    if draws:
        predictor = make_avatar_predictor(f, features)
        info["avatar"], tensors["avatar"] = predictor.describe(), predictor.tensors()
        info["trained"] = {"kind": "faces", "style": predictor.style}
    if not paints:
        for name in ("generator", "upscaler"):
            del info[name], tensors[name]
        info["kind"] = info["trained"]["kind"] = "avatar"
    return checkpoint.save(directory, info, tensors)


@pytest.fixture(scope="session")
def make_checkpoint():
    """`write_checkpoint` for tests that want one of their own (to damage it, say)."""
    return write_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Read only: tests that change one make their own."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def tiny(tiny_checkpoint):
    return Transferrer.from_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="session")
def drawing_checkpoint(tmp_path_factory):
    """As `tiny_checkpoint`, but it draws avatars too. Read only."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "drawing", draws=True)


@pytest.fixture(scope="session")
def drawing(drawing_checkpoint):
    return Transferrer.from_checkpoint(drawing_checkpoint)


@pytest.fixture(scope="session")
def drawn_only(tmp_path_factory):
    """As `drawing`, without g: what a training of c exports."""
    path = write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "drawn-only", draws=True, paints=False)
    return Transferrer.from_checkpoint(path)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


_drawn = cache(drawn_digits.draw_many)


@pytest.fixture(scope="module")
def few_digits():
    """What a data folder of None gives: few drawn digits a part, drawn once for all tests. Every digit is among the
    training and test ones. Yields their numbers."""
    counts = {"train": 64, "val": 24, "test": 48}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DTN_DATA", raising=False)
        patch.setattr(digits, "DRAWN", {part: (n, digits.DRAWN[part][1]) for part, n in counts.items()})
        for module in (digits, drawn_digits):
            patch.setattr(module, "draw_many", lambda *call: tuple(array.copy() for array in _drawn(*call)))
        yield counts


@pytest.fixture(scope="module")
def playwright():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if browsing.CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright, astronaut, tmp_path_factory):
    """A Chromium whose webcam shows Eileen Collins; a red edge on the left tells whether a picture is mirrored."""
    frame = np.full((480, 640, 3), 90, np.uint8)
    frame[:, :80] = (220, 0, 0)
    frame[:, 80:560] = np.asarray(PILImage.fromarray(astronaut).resize((480, 480)))
    with browsing.chromium(playwright, [browsing.jpeg(frame)] * 30, tmp_path_factory.mktemp("webcam")) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_digit_checkpoints(tmp_path_factory):
    """Directories of a translation of digits and of their judge, with random weights. Read only."""
    folder = tmp_path_factory.mktemp("digits")
    return write_digits(folder / "tiny-digits"), write_judge(folder / "tiny-judge")


@pytest.fixture(scope="session")
def shared_server(drawing_checkpoint, tiny_digit_checkpoints, tmp_path_factory):
    """The app with tiny random weights, tools for agents, and the rules of a local start: one for all tests that need
    no other flags. They leave no run behind, and call from other addresses by numbers of their own."""
    translation, judge = tiny_digit_checkpoints
    flags = "--digits", translation, "--judge", judge, "--mcp"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DTN_TRAINING", "DTN_AUTH", "SPACE_ID"):
            patch.delenv(name, raising=False)
        with serve(drawing_checkpoint, tmp_path_factory.mktemp("home"), *flags, DTN_DATA="") as running:
            yield running


@pytest.fixture(scope="module")
def server(browser, shared_server):
    """The shared app, for tests in a browser: they are skipped without one."""
    return shared_server


@pytest.fixture
def emojify_json(drawing_checkpoint, capsys):
    """Run the command in this process: (exit code, report, lines of standard error)."""

    def run(*arguments):
        line = ["emojify", *map(str, arguments), "--checkpoint", str(drawing_checkpoint), "--device", "cpu", "--json"]
        code = cli.main(line)
        out, err = capsys.readouterr()
        return code, json.loads(out), err.splitlines()

    return run

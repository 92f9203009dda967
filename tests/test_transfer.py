"""The pipeline on real portraits with a random translation."""

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tiny_digits import write_digits

from dtn_core.core.colors import to_rgb
from dtn_core.core.devices import pick_device
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_tensor
from dtn_core.faces.compose import paste
from dtn_core.faces.quality import MIN_CONFIDENCE, NOTE_CONFIDENCE
from dtn_core.networks.encoders import Standardise
from dtn_core.pipeline.model import TransferNetwork
from dtn_core.pipeline.photo import Transferrer


def test_a_face_goes_through_every_stage(tiny, hopper):
    result = tiny(hopper)
    (face,) = result.faces
    assert face.aligned.image.shape == (256, 256, 3)
    assert (face.raw.shape, face.image.shape) == ((64, 64, 4), (256, 256, 4))
    assert result.frame is hopper
    assert result.composed.shape == hopper.shape
    assert (result.composed != hopper).any()
    assert list(result.ms) == ["detect", "align", "encode", "generate", "upscale", "compose", "total"]
    stages = [ms for stage, ms in result.ms.items() if stage != "total"]
    assert min(stages) > 0
    assert sum(stages) <= result.ms["total"] < sum(stages) + 5


def test_a_face_is_drawn_and_painted(drawing, hopper):
    result = drawing(hopper)
    (face,) = result.faces
    assert drawing.draws
    assert face.kind == "drawn"
    assert (face.raw.shape, face.image.shape) == ((64, 64, 4), (256, 256, 4))
    assert face.avatar.parameters.style == "avataaars"
    assert all(0 <= sure <= 1 for sure in face.avatar.confidences.values())
    assert (face.picture(128) == face.avatar.image(128)).all()
    assert (result.composed == paste(hopper, [face])).all()
    stages = ["detect", "align", "encode", "generate", "upscale", "draw", "compose", "total"]
    assert list(result.ms) == stages


def test_drawn_runs_neither_g_nor_sr(drawing, hopper, monkeypatch):
    both = drawing(hopper)
    for net in (drawing.checkpoint.g, drawing.checkpoint.upscaler):
        monkeypatch.setattr(type(net), "forward", lambda *_: pytest.fail("it ran"))
    result = drawing(hopper, kind="drawn")
    (face,) = result.faces
    assert (face.raw, face.image) == (None, None)
    assert face.avatar == both.faces[0].avatar
    assert (result.composed == both.composed).all()
    assert list(result.ms) == ["detect", "align", "encode", "draw", "compose", "total"]


def test_painted_does_not_run_c_and_pastes_the_painted_emoji(drawing, hopper, monkeypatch):
    both = drawing(hopper)
    monkeypatch.setattr(type(drawing.checkpoint.predictor), "read", lambda *_: pytest.fail("c ran"))
    result = drawing(hopper, kind="painted")
    (face,) = result.faces
    assert (face.kind, face.avatar) == ("painted", None)
    assert face.describe() == {"kind": "painted", "parameters": None, "sure": None, "measured": None}
    assert (face.picture() == both.faces[0].image).all()
    assert (result.composed != both.composed).any()
    assert "draw" not in result.ms


def test_a_checkpoint_that_cannot_draw_always_paints(tiny, hopper):
    assert not tiny.draws
    results = [tiny(hopper, kind=kind) for kind in ("drawn", "painted", "both")]
    assert all(result.faces[0].kind == "painted" for result in results)
    assert all((result.composed == results[0].composed).all() for result in results)


def test_a_checkpoint_that_cannot_paint_draws_and_refuses_to_paint(drawn_only, drawing, hopper):
    assert (drawn_only.paints, drawing.paints) == (False, True)
    for kind in ("drawn", "both"):
        result = drawn_only(hopper, kind=kind)
        (face,) = result.faces
        assert (face.kind, face.raw, face.image) == ("drawn", None, None)
        assert face.avatar == drawing(hopper).faces[0].avatar
        assert list(result.ms) == ["detect", "align", "encode", "draw", "compose", "total"]
    for paint in (lambda: drawn_only(hopper, kind="painted"), lambda: drawn_only.transfer(torch.zeros(1, 3, 64, 64))):
        with pytest.raises(
            UserError, match=r"^checkpoint 'drawn-only' is drawn only\. Choose drawn, or [^\n]*emoji\.$"
        ):
            paint()


def test_g_and_c_share_one_pass_of_f(drawing, hopper, monkeypatch):
    calls = []
    forward = type(drawing.checkpoint.f).forward
    monkeypatch.setattr(type(drawing.checkpoint.f), "forward", lambda f, x: calls.append(f) or forward(f, x))
    both = drawing(hopper).faces[0]
    assert len(calls) == 1
    predictor = replace(
        drawing.checkpoint.predictor, f=type(drawing.checkpoint.f)(width=8, hidden=16, skin=True).eval()
    )
    other = Transferrer(replace(drawing.checkpoint, predictor=predictor))(hopper).faces[0]
    assert calls[1:] == [predictor.f, drawing.checkpoint.f]
    assert (other.raw == both.raw).all()


@pytest.mark.parametrize("light", [(0.12, 0.12, 0.12), (0.5, 0.7, 1.6)], ids=["dark", "blue"])
def test_light_that_hides_the_colours_is_noted_and_makes_no_absurd_skin(hopper, light):
    shipped = Transferrer.from_checkpoint("emoji", "cpu")
    assert shipped(hopper, kind="drawn").faces[0].note is None
    lit = np.clip(hopper * np.array(light), 0, 255).astype(np.uint8)
    grey = np.repeat(hopper.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
    for photo in (lit, grey):
        for face in shipped(photo, kind="drawn").faces:
            assert face.note
            red, green, blue = to_rgb(face.avatar.parameters.colours["skin"])
            assert red > green > blue


def test_known_avatars_are_reused_without_running_f(drawing, hopper, astronaut, monkeypatch):
    both = np.concatenate([hopper[:512], astronaut], axis=1)
    first = drawing(both, kind="drawn").faces
    known = [(face.aligned.face, face.avatar) for face in first]
    monkeypatch.setattr(type(drawing.checkpoint.f), "forward", lambda *_: pytest.fail("f ran"))
    again = drawing(both, kind="drawn", known_avatars=known).faces
    assert [face.avatar for face in again] == [face.avatar for face in first]
    assert all(a.avatar is b.avatar for a, b in zip(again, first))
    monkeypatch.undo()
    (new,) = drawing(astronaut, kind="drawn", known_avatars=known[:1]).faces
    assert new.avatar is not known[0][1]


def test_without_composition_the_frame_is_returned(drawing, hopper):
    result = drawing(hopper, compose=False)
    assert (result.composed == hopper).all()
    assert result.faces[0].avatar
    assert "compose" not in result.ms


def test_a_checkpoint_of_digits_is_refused(tmp_path):
    with pytest.raises(UserError, match="reads digits, not faces") as error:
        Transferrer.from_checkpoint(write_digits(tmp_path / "numbers"))
    assert len(str(error.value).splitlines()) == 1


def test_the_input_is_not_modified_and_results_are_deterministic(tiny, hopper):
    before = hopper.copy()
    first, second = tiny(hopper), tiny(hopper)
    assert (hopper == before).all()
    assert (first.composed == second.composed).all()


def test_a_frame_without_a_face_is_returned_unchanged(tiny, noise):
    result = tiny(noise)
    assert result.faces == ()
    assert (result.composed == noise).all()
    assert result.ms["total"] >= result.ms["detect"] > 0


def test_a_clearly_visible_face_has_a_confidence_and_no_note(tiny, hopper):
    result = tiny(hopper)
    assert result.faces[0].confidence > 0.8
    assert result.faces[0].note is None
    assert result.refused == ()


def test_a_poorly_visible_face_is_redrawn_with_a_note(tiny, dim):
    result = tiny(dim)
    (face,) = result.faces
    assert MIN_CONFIDENCE <= face.confidence < NOTE_CONFIDENCE
    assert "too dark" in face.note
    assert result.refused == ()


@pytest.mark.parametrize("thorough", [True, False])
def test_a_hardly_visible_face_is_refused_before_the_network_runs(tiny, dark, thorough, monkeypatch):
    monkeypatch.setattr(TransferNetwork, "forward", lambda *_, **__: pytest.fail("the network ran"))
    result = tiny(dark, thorough=thorough)
    assert result.faces == ()
    assert (result.composed == dark).all()
    (face,) = result.refused
    assert face.confidence < MIN_CONFIDENCE
    assert face.note == "Can't see enough of the face: it is too dark; use more light."
    assert list(result.ms) == ["detect", "align", "total"]


def test_one_of_two_is_refused(tiny, dark, astronaut):
    result = tiny(np.concatenate([dark[:512], astronaut], axis=1))
    (good,), (bad,) = result.faces, result.refused
    assert good.confidence > 0.8
    assert good.aligned.face.box.left > 512 > bad.aligned.face.box.right
    assert (result.composed[:, :512] == dark[:512]).all()
    assert (result.composed[:, 512:] != astronaut).any()


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_a_photo_on_its_side_is_turned_upright(tiny, name, turns, request):
    photo = request.getfixturevalue(name)
    result = tiny(np.rot90(photo, turns))
    assert result.rotation == 90 * turns
    assert (result.frame == photo).all()
    assert result.faces[0].aligned.face.box == tiny(photo).faces[0].aligned.face.box
    assert tiny(photo).rotation == tiny(np.rot90(photo, turns), thorough=False).rotation == 0


def test_tensor_methods_agree_with_the_pipeline(tiny, hopper):
    (face,) = tiny(hopper).faces
    y = tiny.transfer(to_tensor(face.aligned.image))
    assert y.shape == (1, 4, 64, 64)
    assert -1 <= float(y.min()) < float(y.max()) <= 1
    alpha = ((y[0, 3] + 1) * 127.5).round().numpy()
    assert np.abs(alpha - face.raw[..., 3]).max() <= 1
    large = tiny.upscale(y)
    assert large.shape == (1, 4, 256, 256)
    assert float(large.abs().max()) <= 1


def test_the_emoji_depends_on_the_face(tiny, hopper, astronaut):
    crops = np.stack([tiny(frame).faces[0].aligned.image for frame in (hopper, astronaut)])
    a, b = tiny.transfer(to_tensor(crops))
    assert float((a - b).abs().mean()) > 2e-5


def test_statistics_of_s_are_applied(tiny, hopper):
    x = to_tensor(tiny(hopper).faces[0].aligned.image)
    dim = tiny.checkpoint.f.dim
    other = Standardise(torch.full((dim,), 0.5), torch.full((dim,), 0.1))
    shifted = replace(tiny.checkpoint, standardise_s=other)
    assert not torch.allclose(tiny.transfer(x), Transferrer(shifted).transfer(x))


def test_the_network_computes_only_the_requested_outputs(drawing, hopper):
    x = to_tensor(drawing(hopper).faces[0].aligned.image)
    network = drawing.checkpoint.network
    stages = []
    painted, upscaled, reading = network(x, on_stage=stages.append)
    assert stages == ["encode", "generate", "upscale"]
    assert torch.equal(painted, drawing.transfer(x))
    assert torch.equal(upscaled, drawing.upscale(painted))
    assert (reading.skin == drawing.read(x).skin).all()
    assert network(x, paint=False)[:2] == (None, None)
    assert network(x, upscale=False, draw=False)[1:] == (None, None)


def test_mirror_flips_first(tiny, hopper):
    result = tiny(hopper, mirror=True)
    assert (result.frame == hopper[:, ::-1]).all()
    plain = tiny(hopper).faces[0].aligned.face.box
    flipped = result.faces[0].aligned.face.box
    assert (flipped.left + flipped.right) / 2 == pytest.approx(512 - (plain.left + plain.right) / 2, abs=25)


def test_faces_are_ordered_left_to_right_and_a_limit_takes_the_largest(tiny, hopper, astronaut, dark):
    half = np.full((512, 256, 3), 90, np.uint8)
    half[128:384] = astronaut[::2, ::2]
    frame = np.concatenate([half, astronaut, hopper[:512]], axis=1)
    small, middle, large = tiny(frame).faces
    lefts, widths = zip(*((face.aligned.face.box.left, face.aligned.face.box.width) for face in (small, middle, large)))
    assert lefts == tuple(sorted(lefts))
    assert widths == tuple(sorted(widths))
    (one,) = tiny(frame, max_faces=1).faces
    assert one.aligned.face.box == large.aligned.face.box
    assert np.abs(one.image.astype(int) - large.image).max() <= 1
    larger = cv2.resize(dark[:512], (614, 614))[:600]
    left, right = tiny(np.concatenate([dark, larger], axis=1)).refused
    assert left.aligned.face.box.left < right.aligned.face.box.left


def test_without_sr_the_emoji_is_interpolated(tiny, make_checkpoint, tmp_path, hopper):
    plain = tiny(hopper, upscale=False).faces[0]
    assert plain.image.shape == (256, 256, 4)
    without = Transferrer.from_checkpoint(make_checkpoint(tmp_path / "plain", upscaler=False))
    assert without.checkpoint.upscaler is None
    assert without(hopper).faces[0].image.shape == (256, 256, 4)


def test_previous_faces_smooth_the_next_frame(tiny, hopper):
    first = tiny(hopper, thorough=False)
    shifted = np.roll(hopper, 2, axis=1)
    faces = [face.aligned.face for face in first.faces]
    free = tiny(shifted, thorough=False).faces[0].aligned.face.points
    held = tiny(shifted, thorough=False, previous=faces).faces[0].aligned.face.points
    assert np.abs(held - faces[0].points).mean() < np.abs(free - faces[0].points).mean()


@pytest.mark.parametrize("kind", ["drawn", "painted", "both"])
def test_no_file_is_written(drawing, hopper, noise, kind):
    drawing(hopper), drawing(noise)  # lazily loaded modules may write their byte code
    opened = []
    watching = [True]

    def hook(event, arguments):
        if watching[0] and event == "open":
            path, mode, flags = arguments
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool(flags & 3)
            if writes and str(path) != "/dev/null":
                opened.append(path)

    sys.addaudithook(hook)  # can't be removed, only switched off
    try:
        for frame in (hopper, noise):
            drawing(frame, kind=kind), drawing(frame, kind=kind, thorough=False)
        assert opened == []
        with open("/dev/null", "w"), open(__file__):
            pass
    finally:
        watching[0] = False


def test_the_audit_hook_detects_a_written_file(tmp_path):
    opened, watching = [], [True]
    sys.addaudithook(lambda event, a: opened.append(a[0]) if watching[0] and event == "open" and a[2] & 3 else None)
    from dtn_core.core.images import save

    save(tmp_path / "face.png", np.zeros((4, 4, 3), np.uint8))
    watching[0] = False
    assert any(str(path).endswith(".png") for path in opened)


def test_device_names():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UserError, match="auto, cpu, cuda or cuda:N"):
        pick_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="Use the device cpu"):
            pick_device("cuda")

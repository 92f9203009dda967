"""Sheets of faces that nobody picked."""

import cv2
import numpy as np
import pytest

from dtn_core.cli import main
from dtn_core.core import images
from dtn_core.core.images import load
from dtn_core.evaluation import gallery
from dtn_core.pipeline.photo import Transferrer


def test_free_faces_are_random_and_come_again():
    heads = gallery.public_domain_heads(8, seed=0)
    assert len(heads) == 8
    assert all(head.shape == (len(head), len(head), 3) for head in heads)
    assert all((a == b).all() for a, b in zip(heads, gallery.public_domain_heads(8, seed=0)))
    assert any((a != b).any() for a, b in zip(heads, gallery.public_domain_heads(8, seed=1)))


def test_held_out_photos_are_of_the_test_part(data_folder):
    heads = gallery.held_out_heads(data_folder, 5, seed=3)
    assert np.stack(heads).shape == (5, 128, 128, 3)


def test_a_sheet_has_every_pair_and_fills_its_last_row(tiny):
    heads = gallery.public_domain_heads(5, seed=0)
    sheet = gallery.sheet(tiny, heads, columns=2)
    height, width = sheet.shape[:2]
    assert (height, width) == (3 * gallery.CELL + 4 * 6, 2 * 2 * gallery.CELL + 3 * 6)
    assert (sheet[-gallery.CELL :, width // 2 + 6 :] == gallery.BACKGROUND).all()


def parts(sheet):
    """The photo and the emoji of a sheet of one."""
    pair = sheet[6:-6, 6:-6].astype(int)
    return pair[:, : gallery.CELL], pair[:, gallery.CELL :]


def test_a_sheet_shows_the_photo_and_the_bust_that_is_drawn(drawing):
    (head,) = gallery.public_domain_heads(1, seed=0)
    photo, emoji = parts(gallery.sheet(drawing, [head], columns=1))
    assert (photo == cv2.resize(head, (gallery.CELL,) * 2, interpolation=cv2.INTER_AREA)).all()
    x = images.to_tensor([head])
    (avatar,) = drawing.checkpoint.predictor.decide(drawing.read(x))
    assert (emoji == images.composite_over(avatar.image(gallery.CELL, "bust"), (gallery.BACKGROUND,) * 3)).all()


def test_painted_emoji_are_chosen_or_the_only_kind(drawing, tiny):
    (head,) = gallery.public_domain_heads(1, seed=0)
    drawn, painted = (parts(gallery.sheet(drawing, [head], 1, asked))[1] for asked in (False, True))
    assert (drawn != painted).any()
    large = images.to_images(drawing.upscale(drawing.transfer(images.to_tensor([head]))))[0]
    small = cv2.resize(
        images.composite_over(large, (gallery.BACKGROUND,) * 3), (gallery.CELL,) * 2, interpolation=cv2.INTER_AREA
    )
    assert (painted == small).all()
    assert not tiny.draws
    assert (gallery.sheet(tiny, [head], 1) == gallery.sheet(tiny, [head], 1, painted=True)).all()


def test_the_command_writes_a_sheet_for_every_checkpoint(tiny_checkpoint, drawing_checkpoint, tmp_path, capsys):
    both = [str(tiny_checkpoint), str(drawing_checkpoint)]
    assert main(["gallery", *both, "-n", "3", "-o", str(tmp_path)]) == 0
    drawn = load(tmp_path / "drawing.png")
    assert drawn.shape == load(tmp_path / "tiny.png").shape
    result = capsys.readouterr().err
    assert "3 faces, painted, seed 0, checkpoint" in result
    assert "3 faces, drawn, seed 0, checkpoint" in result
    assert main(["gallery", both[1], "--painted", "-n", "3", "-o", str(tmp_path)]) == 0
    assert (load(tmp_path / "drawing.png") != drawn).any()
    assert "3 faces, painted" in capsys.readouterr().err
    assert main(["gallery", both[0], "-n", "0", "-o", str(tmp_path)]) == 2


def test_a_missing_checkpoint_is_reported_in_one_line(tmp_path, capsys):
    assert main(["gallery", "nowhere", "-o", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [1, 3])
def test_few_faces_are_all_drawn(n):
    assert len(gallery.public_domain_heads(n, seed=0)) == n


def test_avatars_with_and_without_the_face_parser_are_compared():
    heads = gallery.public_domain_heads(4, seed=0)
    transferrer = Transferrer.from_checkpoint("emoji", "cpu")
    sheet = gallery.sheet(transferrer, heads[:1], columns=1, compare=True)
    _, without, measured = np.split(sheet[6:-6, 6:-6], 3, axis=1)
    assert (sheet.shape[1] - 12) == 3 * gallery.CELL
    assert (without != measured).any()
    (avatar,) = transferrer.checkpoint.predictor.decide(transferrer.read(images.to_tensor(heads[:1])))
    assert (measured == images.composite_over(avatar.image(gallery.CELL), (gallery.BACKGROUND,) * 3)).all()

"""Sheets of faces that nobody picked."""

import numpy as np
import pytest

from dtn_core.__main__ import main
from dtn_core.evaluation import gallery
from dtn_core.images import load


def test_free_faces_are_random_and_come_again():
    heads = gallery.free(8, seed=0)
    assert len(heads) == 8
    assert all(head.shape == (len(head), len(head), 3) for head in heads)
    assert all((a == b).all() for a, b in zip(heads, gallery.free(8, seed=0)))
    assert any((a != b).any() for a, b in zip(heads, gallery.free(8, seed=1)))


def test_held_out_photos_are_of_the_test_part(data_folder):
    heads = gallery.held_out(data_folder, 5, seed=3)
    assert np.stack(heads).shape == (5, 128, 128, 3)


def test_a_sheet_has_every_pair_and_fills_its_last_row(tiny):
    heads = gallery.free(5, seed=0)
    sheet = gallery.sheet(tiny, heads, columns=2)
    height, width = sheet.shape[:2]
    assert (height, width) == (3 * gallery.CELL + 4 * 6, 2 * 2 * gallery.CELL + 3 * 6)
    assert (sheet[-gallery.CELL :, width // 2 + 6 :] == gallery.PAPER).all()


def test_the_command_writes_a_sheet_for_every_checkpoint(tmp_path, capsys):
    assert main(["gallery", "emoji", "-n", "3", "-o", str(tmp_path)]) == 0
    assert load(tmp_path / "emoji.png").shape[2] == 3
    assert "3 faces, seed 0, checkpoint" in capsys.readouterr().err
    assert main(["gallery", "emoji", "-n", "0", "-o", str(tmp_path)]) == 2


def test_a_missing_checkpoint_is_one_line(tmp_path, capsys):
    assert main(["gallery", "nowhere", "-o", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [1, 3])
def test_few_faces_are_all_drawn(n):
    assert len(gallery.free(n, seed=0)) == n

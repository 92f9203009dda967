import json

import numpy as np
from PIL import Image as PILImage

from benchmarks import gatys


def test_the_figure_has_a_row_a_face_and_a_column_a_way(tmp_path, capsys):
    assert gatys.main(["-n", "4", "--steps", "1", "-o", str(tmp_path / "gatys.png")]) == 0
    figures = json.loads((tmp_path / "gatys.json").read_text())
    assert figures["n"] == 4
    assert len(figures["rows"]) == 8
    shown = np.asarray(PILImage.open(tmp_path / "gatys.png"))
    assert shown.shape[1] > 8 * gatys.SIZE
    assert shown.shape[0] > 4 * gatys.SIZE


def test_too_few_faces_are_told(capsys):
    assert gatys.main(["-n", "1"]) == 2
    assert "at least 4" in capsys.readouterr().err

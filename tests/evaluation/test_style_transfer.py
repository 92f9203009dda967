import json
from dataclasses import replace

import pytest
from made_photos import write_photos

from dtn_core.cli import main
from dtn_core.config import PRESETS
from dtn_core.pipeline import model
from dtn_core.pipeline.photo import Transferrer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder of photos, checkpoint) of a style transfer of two steps."""
    folder = tmp_path_factory.mktemp("style")
    write_photos(folder, 60)
    settings = ["steps=2", "photos=8", "limit=8", "batch=4", "encoder=encoder"]
    command = ["train", "style-tiny", "--data", str(folder), "--runs", str(folder / "runs")]
    assert main([*command, *(f"--set={setting}" for setting in settings)]) == 0
    return folder, folder / "runs" / "00001-style-tiny" / "export"


def test_what_is_trained_paints_stickers_in_ink(trained, hopper):
    transferrer = Transferrer.from_checkpoint(trained[1])
    face = transferrer(hopper).faces[0]
    assert face.image.shape == (256, 256, 4)
    assert model.load(trained[1]).upscaler.config == {"name": "inks", "inks": 5, "factor": 4}


def test_the_figures_stand_beside_ceiling_and_floor(trained, tmp_path):
    folder, export = trained
    output = tmp_path / "style.json"
    command = ["evaluate", "style", "--checkpoint", str(export), "--data", str(folder), "-o", str(output)]
    assert main([*command, "--limit", "6"]) == 0
    figures = json.loads(output.read_text())
    assert figures["hash"] == model.load(export).hash
    assert list(figures["rows"]) == ["export", "direct filter", "direct filter, another person"]
    assert figures["data"]["n"] > 1
    own = figures["rows"]["export"]["own_print"]
    assert 1 <= own["median_rank"] <= figures["data"]["n"]


def test_other_checkpoints_are_distinguished(trained, tmp_path, capsys):
    data = ["--data", str(trained[0])]
    assert main(["evaluate", "style", "--checkpoint", "toon-head", *data]) == 2
    assert "no style transfer" in capsys.readouterr().err
    assert main(["evaluate", "faces", "--checkpoint", str(trained[1]), *data]) == 2
    assert "evaluate style" in capsys.readouterr().err


def test_the_presets_differ_only_in_size():
    small, large = PRESETS["style-cpu"], PRESETS["style"]
    assert replace(large, **{k: getattr(small, k) for k in ("base", "photos")}).encoder == small.encoder
    assert large.base > small.base

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.core.errors import UserError
from dtn_core.data import screen_print


@pytest.fixture(scope="module")
def inks():
    return screen_print.read_inks()


def test_our_inks_are_sorted_from_dark_to_light(inks):
    assert inks.colours[0].tolist() == [0x1E, 0x1A, 0x4D]
    assert inks.colours[-1].tolist() == [0xFE, 0xF0, 0xD6]
    assert (np.diff(inks.colours.sum(1, dtype=int)) > 0).all()
    assert inks.shares.sum() == pytest.approx(1)
    assert inks.shares.min() > 0.05


def test_the_inks_of_a_custom_picture(tmp_path):
    stripes = np.repeat(np.array([[10, 10, 10], [0, 90, 160], [220, 60, 60], [250, 190, 60], [250, 250, 250]]), 40, 0)
    PILImage.fromarray(np.tile(stripes.astype(np.uint8)[None], (200, 1, 1))).save(tmp_path / "stripes.png")
    found = screen_print.read_inks(tmp_path / "stripes.png")
    assert np.abs(found.colours.astype(int)[[0, -1]] - [[10] * 3, [250] * 3]).max() < 4
    assert np.abs(found.shares - 0.2).max() < 0.03


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("grey.png", None, "fewer than 5 tones"),
        ("text.png", b"no picture", "not a picture"),
        ("bad.svg", b"<svg", "cannot be read"),
        ("none.png", b"", "none.png"),
    ],
)
def test_a_bad_style_picture_is_reported_in_one_line(tmp_path, name, content, words):
    path = tmp_path / name
    if content is None:
        PILImage.new("RGB", (64, 64), (90, 90, 90)).save(path)
    elif content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        screen_print.read_inks(path)
    assert "\n" not in str(error.value)


def test_a_print_has_only_inks_and_a_rim(hopper, inks):
    from dtn_core.faces.align import align
    from dtn_core.faces.detect import detect

    head = align(hopper, detect(hopper)[0]).image
    made = screen_print.screen_print(head, inks, 256)
    assert made.shape == (256, 256, 4)
    opaque = made[..., 3] == 255
    assert 0.2 < opaque.mean() < 0.9
    assert opaque[150, 128]
    assert made[5, 5, 3] == 0
    away = np.abs(made[opaque][:, None, :3].astype(int) - inks.colours).max(-1).min(1)
    assert np.median(away) < 4, "flat areas are pure ink"
    assert len(np.unique(np.abs(made[opaque][:, None, :3].astype(int) - inks.colours).sum(-1).argmin(1))) == 5
    rim = (made[..., 3] > 100) & (made[..., 3] < 200)
    assert np.abs(made[rim][:, :3].astype(int) - inks.colours[-1]).mean() < 12
    assert (made == screen_print.screen_print(head, inks, 256)).all(), "the same every time"


def test_dark_stays_dark(hopper, inks):
    """The tones of a print follow those of the photo."""
    grey = np.full((128, 128, 3), 200, np.uint8)
    grey[40:110, 40:88] = np.linspace(20, 240, 70).astype(np.uint8)[:, None, None]
    made = screen_print.screen_print(grey, inks, 128)[..., :3].astype(int).sum(-1)[:, 64]
    assert made[48] < made[75] < made[100]

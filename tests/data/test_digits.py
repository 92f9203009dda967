"""Digits: packs, torchvision's files, drawn ones; parts, downloads, and what is said when something is wrong."""

import gzip
import hashlib
import os
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torchvision
from scipy.io import savemat

from dtn_core.core.errors import UserError
from dtn_core.data import digits

RNG = np.random.default_rng(7)
STREET = RNG.integers(0, 256, (400, 32, 32, 3), np.uint8)
HANDWRITTEN = RNG.integers(0, 256, (60, 28, 28), np.uint8)
LABELS = np.arange(400, dtype=np.uint8) % 10


def write_svhn(folder, **changes):
    np.savez(folder / "svhn.npz", **{"x": STREET, "y": LABELS, "x_unlabelled": STREET[:0], **changes})


def write_mnist(folder, **changes):
    x, y = HANDWRITTEN, LABELS[:60]
    arrays = {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:], **changes}
    np.savez(folder / "mnist.npz", **arrays)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def error_message(call, *args):
    """What a call says is wrong: one line that ends with the remedy."""
    with pytest.raises(UserError) as caught:
        call(*args)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Small sets laid out as on the servers, with torchvision and the module informed of their md5s. SVHN's labels
    are 1-10, as published."""
    folder = tmp_path / "published"
    folder.mkdir()
    ranges = {"train": range(0, 300), "test": range(300, 340), "extra": range(100, 400)}
    for part, chosen in ranges.items():
        x, y = STREET[chosen], LABELS[chosen].copy()
        y[y == 0] = 10
        savemat(folder / f"{part}_32x32.mat", {"X": x.transpose(1, 2, 3, 0), "y": y[:, None]})
    unpacked, archives = {}, []
    for name, array in {
        "train-images-idx3-ubyte": HANDWRITTEN[:40],
        "train-labels-idx1-ubyte": LABELS[:40],
        "t10k-images-idx3-ubyte": HANDWRITTEN[40:],
        "t10k-labels-idx1-ubyte": LABELS[40:60],
    }.items():
        content = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()
        unpacked[name] = hashlib.md5(content).hexdigest()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        archives.append((f"{name}.gz", md5(folder / f"{name}.gz")))
    parts = {p: ["", f"{p}_32x32.mat", md5(folder / f"{p}_32x32.mat")] for p in ranges}
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", parts)
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", archives)
    monkeypatch.setattr(digits, "MNIST_FILES", unpacked)
    return folder


@pytest.fixture
def server(published, monkeypatch):
    """The published sets behind a real server; its list of the names that were asked for. MNIST's first mirror is
    down."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            name = self.path.strip("/")
            if name not in asked:  # torchvision asks twice: for redirections, then for the file
                asked.append(name)
            super().do_GET()

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(published)))
    httpd.handle_error = lambda *_: None  # the first answer isn't read to its end
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{httpd.server_port}/"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for part in torchvision.datasets.SVHN.split_list.values():
        part[0] = address + part[1]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address + "nowhere/", address])
    yield asked
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def fetched(published, tmp_path):
    """A data folder with torchvision's files of both sets, without SVHN's extra part."""
    data = tmp_path / "data"
    raw = data / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "test"):
        (data / f"{part}_32x32.mat").write_bytes((published / f"{part}_32x32.mat").read_bytes())
    for archive in published.glob("*.gz"):
        (raw / archive.stem).write_bytes(gzip.decompress(archive.read_bytes()))
    return data


def indices(pictures):
    """Which of `STREET` the pictures are."""
    where = {picture.tobytes(): i for i, picture in enumerate(STREET)}
    return [where[picture.tobytes()] for picture in pictures]


# Packs


def test_svhn_pack_is_split_in_a_row_and_labels_stay_with_their_pictures(tmp_path):
    """Digits of one house number stand in a row and show each other at their sides: no part deals them out."""
    write_svhn(tmp_path)
    rows = {"train": range(0, 320), "val": range(320, 344), "test": range(344, 400)}
    for split, row in rows.items():
        part = digits.svhn(tmp_path, split)
        assert indices(part.x) == list(row)
        assert part.x.dtype == np.uint8
        assert part.y.dtype == np.int64
        assert part.source == "SVHN (pack)"
        assert part.y.tolist() == LABELS[row].tolist()


@pytest.mark.parametrize("count", [1, 7, 99, 399])
def test_odd_packs_lose_no_picture_and_show_none_twice(tmp_path, count):
    write_svhn(tmp_path, x=STREET[:count], y=LABELS[:count])
    chosen = [indices(digits.svhn(tmp_path, split).x) for split in ("train", "val", "test")]
    assert sum(chosen, []) == list(range(count))


def test_unlabelled_pictures_are_not_next_to_held_out_ones(tmp_path):
    write_svhn(tmp_path, x_unlabelled=STREET[:300])
    unlabelled = digits.svhn(tmp_path, "unlabelled")
    assert indices(unlabelled.x) == list(range(240))
    assert set(unlabelled.y.tolist()) == {digits.UNKNOWN}
    assert unlabelled.y.dtype == np.int64


def test_mnist_pack_is_padded_to_the_size_of_street_numbers(tmp_path):
    write_mnist(tmp_path)
    train, test = digits.mnist(tmp_path, "train"), digits.mnist(tmp_path, "test")
    assert train.x.shape == (40, 32, 32)
    np.testing.assert_array_equal(test.x[:, 2:30, 2:30], HANDWRITTEN[40:])
    assert test.x[:, :2].max() == test.x[:, :, 30:].max() == 0
    assert test.y.tolist() == LABELS[40:60].tolist()
    assert test.y.dtype == np.int64
    assert test.source == "MNIST (pack)"


def test_a_limit_takes_the_first_of_the_part(tmp_path, fetched):
    write_svhn(tmp_path, x_unlabelled=STREET[:50])
    write_mnist(tmp_path)
    for folder in (None, tmp_path, fetched):
        for load, split in ((digits.svhn, "test"), (digits.svhn, "unlabelled"), (digits.mnist, "test")):
            whole, few, none = (load(folder, split, limit) for limit in (12, 5, 0))
            np.testing.assert_array_equal(few.x, whole.x[:5])
            np.testing.assert_array_equal(few.y, whole.y[:5])
            assert len(none.x) == len(none.y) == 0


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"x": STREET[:, :28, :28]}, "x is uint8 (400, 28, 28, 3) instead of uint8 (N, 32, 32, 3)"),
        ({"x": STREET / 255}, "x is float64"),
        ({"x": np.uint8(3)}, "x is uint8 () instead"),
        ({"x_unlabelled": STREET[..., 0]}, "x_unlabelled is uint8 (400, 32, 32) instead"),
        ({"y": LABELS[:399]}, "400 pictures, but 399 labels in y"),
        ({"y": LABELS + 1}, "labels from 1 to 10 in y"),
        ({"y": LABELS.astype(np.int16) - 1}, "labels from -1 to 8 in y"),
        ({"y": np.eye(10, dtype=np.uint8)[LABELS]}, "y is uint8 (400, 10)"),
        ({"y": LABELS / 2}, "y is float64 (400,)"),
        ({"x": STREET[:0], "y": LABELS[:0]}, "no pictures"),
        ({"y": np.array([object()] * 400)}, "damaged, or not a pack of arrays"),
    ],
)
def test_wrong_contents_of_a_pack_are_reported(tmp_path, changes, what):
    write_svhn(tmp_path, **changes)
    message = error_message(digits.svhn, tmp_path, "train")
    assert "svhn.npz" in message
    assert what in message
    assert "--download" in message


def test_wrong_labels_of_mnist_are_reported_whatever_the_part(tmp_path):
    write_mnist(tmp_path, y_test=LABELS[:3])
    assert "20 pictures, but 3 labels in y_test" in error_message(digits.mnist, tmp_path, "train")


def test_packs_under_wrong_names_and_lacking_keys_are_reported(tmp_path):
    write_svhn(tmp_path)
    write_mnist(tmp_path)
    (tmp_path / "svhn.npz").rename(tmp_path / "other")
    (tmp_path / "mnist.npz").rename(tmp_path / "svhn.npz")
    (tmp_path / "other").rename(tmp_path / "mnist.npz")
    assert "svhn.npz: this is mnist.npz under another name" in error_message(digits.svhn, tmp_path, "test")
    assert "mnist.npz: this is svhn.npz under another name" in error_message(digits.mnist, tmp_path, "test")
    np.savez(tmp_path / "svhn.npz", x=STREET, **{"lab\nels": LABELS})
    assert r"lacks x_unlabelled, y; it holds 'lab\nels', 'x'" in error_message(digits.svhn, tmp_path, "test")
    np.savez(tmp_path / "svhn.npz")
    assert "it holds nothing" in error_message(digits.svhn, tmp_path, "test")


def test_damaged_packs_are_reported(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    write_mnist(tmp_path)
    whole = path.read_bytes()
    np.save(tmp_path / "one.npy", HANDWRITTEN)
    one = (tmp_path / "one.npy").read_bytes()
    for content in (b"no zip", b"PK\x03\x04 nonsense", whole[:5000], one, gzip.compress(whole)):
        path.write_bytes(content)
        assert "mnist.npz: damaged, or not a pack of arrays" in error_message(digits.mnist, tmp_path, "train")
    path.write_bytes(b"")
    assert "mnist.npz" in error_message(digits.mnist, tmp_path, "train")
    monkeypatch.setattr(np, "load", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert "cannot be read ([Errno 13] Permission denied)" in error_message(digits.mnist, tmp_path, "train")


def test_flipped_bits_of_a_pack_are_reported_in_one_line(tmp_path):
    path = tmp_path / "mnist.npz"
    write_mnist(tmp_path)
    whole = path.read_bytes()
    expected = digits.mnist(tmp_path, "train")
    rng = np.random.default_rng(3)
    # Half of them among the headers of the zip's end
    places = np.concatenate([rng.integers(0, len(whole), 150), rng.integers(len(whole) - 350, len(whole), 150)])
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            got = digits.mnist(tmp_path, "train")
        except UserError:
            assert "mnist.npz" in error_message(digits.mnist, tmp_path, "train")
        else:  # a date, say
            np.testing.assert_array_equal(got.x, expected.x)


def test_folders_without_digits_name_both_files_and_the_remedies(tmp_path):
    message = error_message(digits.svhn, tmp_path, "train")
    assert all(part in message for part in ("svhn.npz", "train_32x32.mat", "--download", "drawn digits"))
    message = error_message(digits.mnist, tmp_path, "train")
    assert all(part in message for part in ("mnist.npz", "MNIST/raw", "--download", "drawn digits"))
    assert "no such folder" in error_message(digits.svhn, tmp_path / "nowhere", "train")


def test_unknown_parts_and_negative_limits_are_reported():
    assert "train, test" in error_message(digits.mnist, None, "val")
    assert "unlabelled" in error_message(digits.svhn, None, "all")
    assert "0 or more" in error_message(digits.svhn, None, "train", -1)


# Drawn digits


def test_drawn_digits_differ_from_part_to_part_and_come_again(monkeypatch):
    parts = [digits.svhn(None, split, 30) for split in ("train", "val", "test")]
    assert len({picture.tobytes() for part in parts for picture in part.x}) == 90
    for part in parts:
        assert part.x.shape == (30, 32, 32, 3)
        assert part.y.dtype == np.int64
        assert part.source == "drawn"
    np.testing.assert_array_equal(digits.svhn(None, "val", 30).x, parts[1].x)
    train, test = digits.mnist(None, "train", 30), digits.mnist(None, "test", 30)
    assert train.x.shape == (30, 32, 32)
    assert len({picture.tobytes() for part in (train, test) for picture in part.x}) == 60
    drawn = []
    monkeypatch.setattr(digits, "draw_many", lambda *call: drawn.append(call) or (STREET, LABELS))
    digits.svhn(None, "val")
    digits.mnist(None, "train")
    assert [(kind, n) for kind, _, n in drawn] == [("street", 500), ("handwritten", 8000)]


# torchvision's files


def test_torchvision_files_go_before_packs_and_keep_their_parts(fetched):
    write_svhn(fetched, x=STREET[::-1])
    write_mnist(fetched, x_test=HANDWRITTEN[20:40])
    train, val, test = (digits.svhn(fetched, split) for split in ("train", "val", "test"))
    chosen = [indices(part.x) for part in (train, val, test)]
    assert sorted(chosen[0] + chosen[1]) == list(range(300))
    assert 0 < len(chosen[1]) < 30
    assert chosen[2] == list(range(300, 340))
    for part, where in zip((train, val, test), chosen):
        assert part.y.tolist() == LABELS[where].tolist()  # 10 has become 0
        assert part.y.dtype == np.int64
        assert part.x.flags.c_contiguous
        assert part.source == "SVHN (torchvision)"
    unlabelled = digits.svhn(fetched, "unlabelled")
    assert unlabelled.x.shape == (0, 32, 32, 3)
    assert unlabelled.y.shape == (0,)
    handwritten = digits.mnist(fetched, "test")
    np.testing.assert_array_equal(handwritten.x[:, 2:30, 2:30], HANDWRITTEN[40:])
    assert handwritten.y.tolist() == LABELS[40:60].tolist()
    assert handwritten.source == "MNIST (torchvision)"


def test_svhn_trains_on_its_extra_part_where_there_is_one(fetched, published):
    (fetched / "extra_32x32.mat").write_bytes((published / "extra_32x32.mat").read_bytes())
    (fetched / "train_32x32.mat").unlink()
    train, val = digits.svhn(fetched, "train"), digits.svhn(fetched, "val")
    assert sorted(indices(train.x) + indices(val.x)) == list(range(100, 400))
    assert indices(digits.svhn(fetched, "test").x) == list(range(300, 340))


def test_half_a_torchvision_set_gives_way_to_the_pack(fetched):
    (fetched / "test_32x32.mat").unlink()
    (fetched / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert "neither svhn.npz nor" in error_message(digits.svhn, fetched, "train")
    write_svhn(fetched)
    write_mnist(fetched)
    assert digits.svhn(fetched, "train").source == "SVHN (pack)"
    assert digits.mnist(fetched, "train").source == "MNIST (pack)"


def test_damaged_torchvision_files_are_reported(fetched):
    for load, name in (
        (digits.svhn, "train_32x32.mat"),
        (digits.mnist, "MNIST/raw/train-images-idx3-ubyte"),
        (digits.mnist, "MNIST/raw/train-labels-idx1-ubyte"),
    ):
        path = fetched / name
        content = path.read_bytes()
        path.write_bytes(content[:-7] + b"damaged")
        message = error_message(load, fetched, "train")
        assert path.name in message
        assert "damaged" in message
        assert "--download again" in message
        path.write_bytes(content)


# Downloads


def test_downloads_are_whole_usable_and_fetched_once(server, tmp_path):
    data = tmp_path / "new" / "data"
    digits.download(data)
    assert {name for name in server if "nowhere" not in name} == {
        "train_32x32.mat", "test_32x32.mat", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
    }  # fmt: skip
    assert digits.svhn(data, "test").source == "SVHN (torchvision)"
    assert digits.mnist(data, "train").source == "MNIST (torchvision)"
    assert not list(data.rglob(".*"))
    assert torchvision.datasets.MNIST(data, download=False)[0][1] == LABELS[0]
    server.clear()
    digits.download(data)
    assert server == []


def test_damaged_files_are_fetched_again_and_nothing_else(server, fetched):
    raw = fetched / "MNIST" / "raw"
    damaged = [fetched / "test_32x32.mat", fetched / "extra_32x32.mat", raw / "t10k-images-idx3-ubyte"]
    for path in damaged:
        path.write_bytes(b"damaged")
    (raw / "t10k-images-idx3-ubyte.gz").write_bytes(b"cut off")
    digits.download(fetched)
    wanted = ["test_32x32.mat", "extra_32x32.mat", "t10k-images-idx3-ubyte.gz"]
    assert [name for name in server if "nowhere" not in name] == wanted
    assert digits.svhn(fetched, "train").source == "SVHN (torchvision)"
    assert len(digits.mnist(fetched, "test").x) == 20


def test_a_whole_archive_is_unpacked_again_without_the_network(published, fetched, monkeypatch):
    raw = fetched / "MNIST" / "raw"
    name = "train-images-idx3-ubyte"
    (raw / name).write_bytes(b"damaged")
    (raw / f"{name}.gz").write_bytes((published / f"{name}.gz").read_bytes())
    monkeypatch.setattr(torchvision.datasets.utils, "download_url", None)
    digits.download(fetched)
    assert len(digits.mnist(fetched, "train").x) == 40


def test_servers_that_send_damaged_files_leave_nothing_behind(server, published, tmp_path):
    (published / "train_32x32.mat").write_bytes(b"a login page")
    message = error_message(digits.download, tmp_path / "data")
    assert "train_32x32.mat" in message
    assert "corrupted" in message
    assert not list((tmp_path / "data").iterdir())


def test_without_a_network_existing_files_are_kept(server, fetched, monkeypatch):
    unreachable = Mock(side_effect=OSError("Network is\nunreachable"))
    monkeypatch.setattr(torchvision.datasets.utils, "_get_redirect_url", unreachable)
    path = fetched / "train_32x32.mat"
    path.write_bytes(b"damaged")
    message = error_message(digits.download, fetched)
    assert "Network is unreachable" in message
    assert "--download again" in message
    assert path.read_bytes() == b"damaged"
    assert sorted(p.name for p in fetched.iterdir()) == ["MNIST", "test_32x32.mat", "train_32x32.mat"]
    path.unlink()
    (fetched / "test_32x32.mat").unlink()
    assert "couldn't be fetched" in error_message(digits.download, fetched)


def test_impossible_folders_are_reported_in_one_line(server, tmp_path):
    (tmp_path / "file").write_text("")
    assert "train_32x32.mat: couldn't be fetched" in error_message(digits.download, tmp_path / "file")


# The real sets


@pytest.fixture(scope="module")
def packs():
    """The folder of DTN_DATA, if it has both packs of digits."""
    folder = os.environ.get("DTN_DATA")
    if not folder:
        pytest.skip("DTN_DATA is unset; set it to a folder with svhn.npz and mnist.npz")
    if not all((Path(folder) / name).is_file() for name in digits.PACKS):
        pytest.skip(f"no svhn.npz and mnist.npz in {folder}")
    return Path(folder)


def test_real_street_numbers_have_their_shares_and_all_digits(packs):
    parts = {split: digits.svhn(packs, split) for split in ("train", "val", "test", "unlabelled")}
    count = sum(len(parts[split].x) for split in ("train", "val", "test"))
    assert len(parts["test"].x) / count == pytest.approx(0.14, abs=0.01)
    assert len(parts["val"].x) / count == pytest.approx(0.06, abs=0.01)
    assert all(set(parts[split].y.tolist()) == set(range(10)) for split in ("train", "val", "test"))
    held = {picture.tobytes() for split in ("val", "test") for picture in parts[split].x}
    assert not any(picture.tobytes() in held for split in ("train", "unlabelled") for picture in parts[split].x)


def test_real_handwritten_digits_are_light_on_black_and_have_the_published_md5s(packs):
    for split, file, count in (("train", "train", 60000), ("test", "t10k", 10000)):
        x, y, _ = digits.mnist(packs, split)
        assert x.shape == (count, 32, 32)
        assert x.mean() < 64
        pixels, labels = np.ascontiguousarray(x[:, 2:30, 2:30]), y.astype(np.uint8)
        for name, array in ((f"{file}-images-idx3-ubyte", pixels), (f"{file}-labels-idx1-ubyte", labels)):
            header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            assert hashlib.md5(header + array.tobytes()).hexdigest() == digits.MNIST_FILES[name]


def test_files_are_those_that_digits_are_read_from(tmp_path):
    assert digits.files(tmp_path) == []
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    read = [tmp_path / "svhn.npz", tmp_path / "extra_32x32.mat", *(raw / name for name in digits.MNIST_FILES)]
    for path in (*read, tmp_path / "celeba.zip", raw / "train-images-idx3-ubyte.gz"):
        path.touch()
    assert digits.files(tmp_path) == read

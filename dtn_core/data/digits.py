"""The digit domains: street numbers (SVHN, s) and handwritten digits (MNIST, t), all 32×32.

A data folder holds torchvision's files (see `download`), which go first, or the packs ``svhn.npz`` and
``mnist.npz``; without a folder, digits are drawn.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.files import atomic_write, temporary_directory
from .drawn_digits import draw_many

Split = Literal["train", "val", "test", "unlabelled"]
UNKNOWN = -1
"""Label of an unlabelled picture."""

DRAWN = {"train": (8000, 0), "val": (500, 1_000_000), "test": (1200, 2_000_000)}
"""Part → how many digits are drawn without data, and from which seed."""

PACKS = {
    "svhn.npz": {"x": ((32, 32, 3), "y"), "x_unlabelled": ((32, 32, 3), None)},
    "mnist.npz": {"x_train": ((28, 28), "y_train"), "x_test": ((28, 28), "y_test")},
}
"""Pack → key of its pictures → their shape and the key of their labels."""

MNIST_FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Unpacked file → its md5; torchvision only knows those of the archives and takes any unpacked file for whole."""


class Digits(NamedTuple):
    """Labelled digits.

    Attributes:
        x: (N, 32, 32, 3) uint8 RGB street numbers, or (N, 32, 32) uint8 grey handwritten digits, white on black.
        y: (N,) int64 of 0-9 or `UNKNOWN`.
        source: Name of the dataset for tables.
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    source: str


def svhn(data: Path | None, split: Split, limit: int | None = None) -> Digits:
    """A part of the street numbers, or its first `limit`. "unlabelled" is empty except in the pack.

    Raises UserError with the remedy if the folder has no such digits, or damaged ones.
    """
    _check(split, get_args(Split), limit)
    if data is None:
        return _drawn("street", split, limit)
    extra = _svhn_file(data, "extra").is_file()
    if _svhn_file(data, "test").is_file() and (extra or _svhn_file(data, "train").is_file()):
        return _svhn_torchvision(data, split, "extra" if extra else "train", limit)
    if not (data / "svhn.npz").is_file():
        raise _missing(data, "svhn.npz", "train_32x32.mat with test_32x32.mat")
    pack = _read_pack(data / "svhn.npz")
    if split == "unlabelled":
        x = pack["x_unlabelled"][_part(len(pack["x_unlabelled"]), "train")][:limit]
        return Digits(x, np.full(len(x), UNKNOWN, np.int64), "SVHN (pack)")
    part = _part(len(pack["x"]), split)
    return Digits(pack["x"][part][:limit], pack["y"][part][:limit], "SVHN (pack)")


def mnist(data: Path | None, split: Literal["train", "test"], limit: int | None = None) -> Digits:
    """A part of the handwritten digits, or its first `limit`.

    Raises UserError with the remedy if the folder has no such digits, or damaged ones.
    """
    _check(split, ("train", "test"), limit)
    if data is None:
        return _drawn("handwritten", split, limit)
    if all((_mnist_raw(data) / name).is_file() for name in MNIST_FILES):
        x, y = _mnist_torchvision(_mnist_raw(data), split)
        source = "MNIST (torchvision)"
    elif (data / "mnist.npz").is_file():
        pack = _read_pack(data / "mnist.npz")
        x, y = pack[f"x_{split}"], pack[f"y_{split}"]
        source = "MNIST (pack)"
    else:
        raise _missing(data, "mnist.npz", "the four files of MNIST/raw")
    return Digits(np.pad(x[:limit], ((0, 0), (2, 2), (2, 2))), y[:limit], source)


def files(data: Path) -> list[Path]:
    """The files of a data folder that digits are read from."""
    torchvision = [_svhn_file(data, part) for part in ("train", "test", "extra")]
    torchvision += [_mnist_raw(data) / name for name in MNIST_FILES]
    return [path for path in [*(data / name for name in PACKS), *torchvision] if path.is_file()]


def download(data: Path) -> None:
    """Fetch SVHN (its train and test part) and MNIST through torchvision.

    What is there and whole by its md5 stays; what is damaged is fetched again, an extra part included. Raises
    UserError with the remedy if something can't be fetched or written.
    """
    from torchvision.datasets import MNIST, SVHN
    from torchvision.datasets.utils import check_integrity

    parts = ("train", "test", "extra") if _svhn_file(data, "extra").is_file() else ("train", "test")
    for part in parts:
        url, name, md5 = SVHN.split_list[part]
        _fetch([url], data / name, md5)
    for name, md5 in MNIST.resources:
        archive = _mnist_raw(data) / name
        unpacked = archive.with_suffix("")
        if not check_integrity(unpacked, MNIST_FILES[unpacked.name]):
            _fetch([mirror + name for mirror in MNIST.mirrors], archive, md5)
            _unpack(archive, unpacked)


def _check(split: str, splits: Sequence[str], limit: int | None) -> None:
    if split not in splits:
        raise UserError(f"no part '{split}'. Choose one of {', '.join(splits)}.")
    if limit is not None and limit < 0:
        raise UserError(f"a limit of {limit} digits. Choose 0 or more.")


def _missing(data: Path, pack: str, files: str) -> UserError:
    what = f"neither {pack} nor torchvision's files ({files})" if data.is_dir() else f"no such folder; {pack} missing"
    return UserError(f"{data}: {what}. Fetch them with --download, or leave --data away for drawn digits.")


def _svhn_file(data: Path, part: str) -> Path:
    return data / f"{part}_32x32.mat"


def _mnist_raw(data: Path) -> Path:
    return data / "MNIST" / "raw"


def _part(count: int, split: Split, shares: tuple[float, float] = (0.80, 0.86)) -> slice:
    """Where a part lies: train up to the first share, val up to the second, test after it.

    In a row, since the digits of one house number stand in a row and show each other at their sides: dealt out at
    random, most test pictures would have a sister in training.
    """
    first, second = (round(count * share) for share in shares)
    return {"train": slice(first), "val": slice(first, second), "test": slice(second, None)}[split]


def _drawn(kind: Literal["street", "handwritten"], split: Split, limit: int | None) -> Digits:
    count, seed = DRAWN.get(split, (0, 0))
    x, y = draw_many(kind, seed, count if limit is None else min(count, limit))
    return Digits(x, y, "drawn")


def _svhn_torchvision(data: Path, split: Split, training: Literal["train", "extra"], limit: int | None) -> Digits:
    source = "SVHN (torchvision)"
    if split == "unlabelled":
        return Digits(np.empty((0, 32, 32, 3), np.uint8), np.empty(0, np.int64), source)
    from torchvision.datasets import SVHN

    part = "test" if split == "test" else training
    try:
        loaded = SVHN(data, part, download=False)
    except RuntimeError:
        raise _damaged(_svhn_file(data, part)) from None
    chosen = slice(None) if split == "test" else _part(len(loaded.data), split, (0.97, 1.0))
    # Only what was chosen is copied: the extra part alone is 1.6 GB.
    x = loaded.data[chosen][:limit].transpose(0, 2, 3, 1)
    return Digits(np.ascontiguousarray(x), loaded.labels[chosen][:limit], source)


def _mnist_torchvision(raw: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    # Not datasets.MNIST: it prefers pickles of old versions where there are some, and doesn't check its files.
    from torchvision.datasets.mnist import read_image_file, read_label_file
    from torchvision.datasets.utils import check_integrity

    part = "t10k" if split == "test" else "train"
    images, labels = raw / f"{part}-images-idx3-ubyte", raw / f"{part}-labels-idx1-ubyte"
    for path in (images, labels):
        if not check_integrity(path, MNIST_FILES[path.name]):
            raise _damaged(path)
    return read_image_file(str(images)).numpy(), read_label_file(str(labels)).numpy()


def _damaged(path: Path) -> UserError:
    return UserError(f"{path}: damaged (its md5 is not the published one). Run with --download again.")


def _read_pack(path: Path) -> Mapping[str, NDArray]:
    """A pack's checked arrays; labels come as int64. Raises UserError that says what is wrong."""
    pictures = PACKS[path.name]
    wanted = {key for x, (_, y) in pictures.items() for key in (x, y) if key}
    try:
        with np.load(path, allow_pickle=False) as pack:
            keys = set(pack.files)
            arrays = {key: pack[key] for key in wanted & keys}
    except OSError as error:
        raise _wrong(path, f"cannot be read ({_line(error)})") from None
    except Exception:  # zipfile's, zlib's, and what numpy's parser of headers lets out: SyntaxError, TokenError, ...
        raise _wrong(path, "damaged, or not a pack of arrays") from None
    if wanted - keys:
        for other in PACKS.keys() - {path.name}:
            if PACKS[other].keys() <= keys:
                raise _wrong(path, f"this is {other} under another name")
        held = ", ".join(ascii(key) for key in sorted(keys)[:8])  # names from a file may be anything
        raise _wrong(path, f"lacks {', '.join(sorted(wanted - keys))}; it holds {held or 'nothing'}")
    for x, (shape, y) in pictures.items():
        _check_pictures(path, x, arrays[x], shape)
        if y is not None:
            _check_labels(path, y, arrays[y], len(arrays[x]))
            arrays[y] = arrays[y].astype(np.int64)
    return arrays


def _check_pictures(path: Path, key: str, x: NDArray, shape: tuple[int, ...]) -> None:
    if x.shape[1:] != shape or x.ndim != len(shape) + 1 or x.dtype != np.uint8:
        sides = ", ".join(str(side) for side in shape)
        raise _wrong(path, f"{key} is {x.dtype} {x.shape} instead of uint8 (N, {sides})")


def _check_labels(path: Path, key: str, y: NDArray, count: int) -> None:
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise _wrong(path, f"{key} is {y.dtype} {y.shape} instead of whole numbers (N,)")
    if len(y) != count:
        raise _wrong(path, f"{count} pictures, but {len(y)} labels in {key}")
    if count == 0:
        raise _wrong(path, f"no pictures and no labels in {key}")
    if y.min() < 0 or y.max() > 9:
        raise _wrong(path, f"labels from {y.min()} to {y.max()} in {key} instead of 0 to 9")


def _wrong(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}. Get the pack again, or fetch the original with --download.")


def _fetch(urls: Sequence[str], target: Path, md5: str) -> None:
    """Download `target` from the first URL that works, unless it is complete."""
    from torchvision.datasets import utils

    if utils.check_integrity(target, md5):
        return
    reason = ""
    for url in urls:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary_directory(target) as folder:
                utils.download_url(url, folder, target.name, md5)
                os.replace(folder / target.name, target)
            return
        except (OSError, RuntimeError, HTTPException) as error:
            reason = _line(error)
    raise UserError(
        f"{target}: couldn't be fetched from {urls[-1]} ({reason}). Check the network and the folder and run with "
        "--download again, or leave --data away for drawn digits."
    )


def _unpack(archive: Path, target: Path) -> None:
    try:
        with atomic_write(target) as temporary:
            temporary.write_bytes(gzip.decompress(archive.read_bytes()))
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({_line(error)}). Choose another folder.") from None


def _line(error: Exception) -> str:
    """The message of an error as one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__

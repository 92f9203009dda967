"""How long many portraits take: ``python -m benchmarks.batch --data DATA [-o results/batch.json]``.

Seconds for portraits of LFW (250 pixels), and for fewer of them enlarged to the 1600 pixels that the page sends of a
phone's photo; several ways in the same run, the fastest of several turns, since what else the machine does only adds:

naive          one after the other, each as `/emojify` answers it: painted, upscaled, drawn, pasted
page           as *Many photos* does it: what is shown alone, so many at a time as the page sends
emojify        the command, its start included, by --jobs
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import torch
from PIL import Image as PILImage

from benchmarks import save
from dtn_core.domains.portraits import data_folder
from dtn_core.errors import UserError
from dtn_core.transfer import Transferrer
from dtn_core.ui import endpoints, pictures
from dtn_core.ui.batch import make_batch_handler
from dtn_core.ui.translations import Translations

LARGE = 1600
"""Pixels of a large portrait's side."""

JOBS = (1, 2)

IN_FLIGHT = 2
"""Photos that the page sends at a time."""


def portraits(data: Path, n: int, side: int | None = None) -> list[bytes]:
    """n JPEGs of LFW, the first of each person, enlarged to a side."""
    path = data / "lfw_pairs.zip"
    if not path.is_file():
        raise UserError(f"{path}: missing.")
    with zipfile.ZipFile(path) as pack:
        names = sorted(name for name in pack.namelist() if name.endswith(".jpg"))[::2][:n]
        read = [pack.read(name) for name in names]
    return read if side is None else [_enlarged(data, side) for data in read]


def _enlarged(data: bytes, side: int) -> bytes:
    buffer = io.BytesIO()
    PILImage.open(io.BytesIO(data)).resize((side, side), PILImage.Resampling.BICUBIC).save(buffer, "jpeg", quality=92)
    return buffer.getvalue()


def ways(name: str, transferrer: Transferrer, photos: Sequence[bytes]) -> dict[str, Callable[[], int]]:
    """Way → a function that does all photos once, and returns how many held a face."""
    urls = [pictures.data_url(photo, "image/jpeg") for photo in photos]
    redraw = make_batch_handler(Translations(transferrer, ("heads",), Transferrer.from_checkpoint, None))

    def naive() -> int:
        made = [endpoints.emojified(transferrer(pictures.decode(url)), transferrer) for url in urls]
        return sum(bool(one["faces"]) for one in made)

    def page() -> int:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            made = list(pool.map(lambda url: redraw({"photo": url, "style": "", "kind": "drawn"}), urls))
        return sum(bool(one["faces"]) for one in made)

    def command(jobs: int) -> Callable[[], int]:
        return lambda: _command(name, photos, jobs)

    return {"naive": naive, f"page, {IN_FLIGHT} at a time": page} | {
        f"emojify --jobs {jobs}": command(jobs) for jobs in JOBS
    }


def _command(checkpoint: str, photos: Sequence[bytes], jobs: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "photos.zip"), Path(folder, "out")
        with zipfile.ZipFile(path, "w") as pack:
            for i, photo in enumerate(photos):
                pack.writestr(f"{i:04d}.jpg", photo)
        line = [sys.executable, "-m", "dtn_core", "emojify", path, "-o", out, "--jobs", jobs]
        line += ["--checkpoint", checkpoint, "--device", "cpu"]
        done = subprocess.run([str(part) for part in line], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 2):
            raise UserError(f"emojify failed: {done.stderr[-300:]}")
        return len(list(out.glob("*.png")))


def measure(name: str, photos: Sequence[bytes], turns: int) -> dict[str, dict[str, float]]:
    """Way → seconds of its fastest turn (the ways take turns), and how many photos held a face. name: of the
    checkpoint."""
    transferrer = Transferrer.from_checkpoint(name, "cpu")
    every = ways(name, transferrer, photos)
    ways(name, transferrer, photos[:2])["naive"]()  # loads what loads late
    seconds: dict[str, list[float]] = {way: [] for way in every}
    found = {}
    for _ in range(turns):
        for way, run in every.items():
            start = perf_counter()
            found[way] = run()
            seconds[way].append(perf_counter() - start)
    return {way: {"seconds": round(min(s), 2), "found": found[way]} for way, s in seconds.items()}


def table(report: dict) -> str:
    """The figures as Markdown."""
    sizes = report["sizes"]
    lines = ["| seconds | " + " | ".join(f"{size['n']} of {side} px" for side, size in sizes.items()) + " |"]
    lines.append("|---" * (len(sizes) + 1) + "|")
    for way in next(iter(sizes.values()))["ways"]:
        cells = (f"{size['ways'][way]['seconds']:.1f}" for size in sizes.values())
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Seconds for many portraits, several ways.")
    parser.add_argument("--data", help="folder of the data packs (default: $DTN_DATA)")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("-n", type=int, default=100, help="portraits (default 100); of the large ones a quarter")
    parser.add_argument("--turns", type=int, default=3, help="turns of which the fastest counts (default 3)")
    parser.add_argument("--quick", action="store_true", help="8 portraits, one turn")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="also write them there")
    arguments = parser.parse_args(argv)
    n, turns = (8, 1) if arguments.quick else (arguments.n, arguments.turns)
    try:
        if n < 1 or turns < 1:
            raise UserError("-n and --turns must be at least 1.")
        data = data_folder(arguments.data)
        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, "cpu")
        sizes = {}
        for side, count in ((250, n), (LARGE, -(-n // 4))):
            photos = portraits(data, count, None if side == 250 else side)
            sizes[str(side)] = {"n": len(photos), "ways": measure(arguments.checkpoint, photos, turns)}
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "turns": turns,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "checkpoint": {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash},
        "sizes": sizes,
    }
    print(json.dumps(report, indent=1) if arguments.json else table(report))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One video of faces → a video, messages and a record for the JSON report."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from tqdm import tqdm

from . import runner
from .faces import Request

if TYPE_CHECKING:
    from ..pipeline.photo import Transferrer
    from ..pipeline.video import Progress


BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total} s{postfix} [{elapsed}<{remaining}]"


def is_video(job: runner.Job) -> bool:
    """Whether the input of a job is a video."""
    return job.kind == "video"


def check(job: runner.Job) -> runner.Job:
    """The job; with its error where its file can't hold what it is to become."""
    if job.error or job.target is None or is_video(job) == (job.target.suffix.lower() == ".mp4"):
        return job
    if is_video(job):
        return job._replace(error=f"{job.source}: a video is written as MP4. Use -o FILE.mp4 or a folder.")
    return job._replace(error=f"{job.source}: is no video. Use -o FILE.png, or give a video.")


def convert(
    transferrer: Transferrer,
    request: Request,
    cancelled: Callable[[], bool],
    job: runner.Job,
    record: runner.Record,
) -> None:
    from ..core.colors import to_rgb
    from ..pipeline.video import emojify_video

    start = perf_counter()
    with tqdm(unit="s", leave=False, disable=None, desc=job.source.name, bar_format=BAR) as bar:

        def progress(now: Progress) -> None:
            bar.total = now.length and round(max(now.length, now.seconds), 1)
            bar.set_postfix_str(f"{now.frames} frames", refresh=False)
            bar.update(now.seconds - bar.n)

        report = emojify_video(
            job.source,
            job.target,
            transferrer,
            kind=request.kind,
            mode=request.video_mode,
            size=request.size,
            background=to_rgb(request.background or "#ffffff"),
            progress=progress,
            cancelled=cancelled,
        )
    ms = 1000 * (perf_counter() - start)
    values = {name: value for name, value in vars(report).items() if name != "avatars"}
    record["video"] = {"mode": request.video_mode, **values}
    record["ms"] = {"total": round(ms, 2), "frame": round(ms / report.frames, 2)}
    record["faces"] = [{"kind": request.kind, "parameters": one.to_dict()} for one in report.avatars]
    record["outputs"].append(str(job.target))
    sound = {"none": "no sound", "copied": "sound kept", "encoded": "sound as AAC"}[report.sound]
    damaged = f", {report.damaged} damaged packets left out" if report.damaged else ""
    colours = f", {report.hdr} mapped to SDR" if report.hdr else ""
    about = f"{report.frames} frames, {report.seconds:.1f} s, {sound}{damaged}{colours}"
    runner.log(f"{job.source} -> {job.target} ({about})")

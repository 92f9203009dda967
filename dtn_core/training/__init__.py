"""Training: stages (what is learned), the loop (when), run directories (where).

May import: core, config, networks, faces, avatars, data, pipeline. Start reading: `run_training`, `loop.train`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from .. import config as configs
from ..core.errors import UserError
from ..core.progress import report_to
from .events import Failed, Finished, Noted, Prepared

if TYPE_CHECKING:
    from .runs.store import Run


def run_training(
    config: configs.Config | None,
    name: str,
    runs: Path,
    data: str | None,
    resume: Path | None = None,
    feature_cache: Path | None = None,
    tracker: str | None = None,
    moved: list[str] | None = None,
) -> tuple[Path, Path | None]:
    """Start or resume a run, and train to its end. Under `accelerate launch`, every process calls this.

    Args:
        config: The settings; ignored if a run is resumed.
        name: What follows the number in the run directory's name.
        runs: Folder of the runs.
        data: Folder of the data packs; None for DTN_DATA, or that of the resumed run.
        resume: Run directory to resume.
        feature_cache: File of a ready feature cache for a transfer; None to compute it.
        tracker: Also log to "tensorboard" or "trackio".
        moved: Where the pictures of a resumed run are now, as ``key=value``.

    Returns:
        The run directory and the exported checkpoint; in all processes but the first, (the folder of the runs, None)
        for a new run and (the run directory, None) for a resumed one.

    Raises:
        UserError: Bad input.
    """
    from ..core.devices import device_errors
    from .loop import train
    from .optim import local_slice, make_accelerator
    from .runs.store import Run
    from .stages.registry import make_stage

    is_main_process = int(os.environ.get("RANK", "0")) == 0
    run = None
    if resume is not None:
        if is_main_process:
            run = Run.reopen(resume)
        config = configs.move_pictures(Run.config_of(resume), moved or [])
        data = data or Run.data_of(resume)
        path = resume
        runs = resume.parent
    else:
        assert config is not None
        _check_data(config, data, feature_cache)
        if is_main_process:
            run = Run.create(runs, name, config, data)
        path = run.path if run else runs
    if run:
        run.write(Noted(0, "Reads the pictures, and computes f of them unless it is cached."))
    is_prepared = False
    try:
        with device_errors():
            accelerator = make_accelerator(config, tracker, path)
            local_slice(config.batch, accelerator)  # refuses a batch that can't be split evenly
            if tracker:
                settings = {name: value for name, value in asdict(config).items() if value is not None}
                accelerator.init_trackers("dtn-studio", settings)
            with accelerator.main_process_first(), prepare(run):  # it computes the feature cache; the others read it
                stage = make_stage(config, data, accelerator, runs, feature_cache)
            is_prepared = True
            if run:
                if moved:
                    run.save_config(config)
                for note in getattr(stage, "notes", ()):
                    run.write(Noted(0, note))
                    tqdm.write(note, file=sys.stderr)
            exported = train(stage, run, config, accelerator)
            accelerator.end_training()
    except StoppedError:
        assert run is not None
        if resume is not None:
            run.abandon("it was stopped before its first step")
        else:
            run.write(Finished(0, "stopped"))
        tqdm.write("Stopped before its first step.", file=sys.stderr)
        return path, None
    except UserError as error:
        if run and resume is not None and not is_prepared:
            run.abandon(str(error))
        elif run:
            run.write(Failed(str(error)))
        raise
    except Exception as error:
        if run:
            run.write(Failed(str(error).splitlines()[0] if str(error) else type(error).__name__))
        raise
    return path, exported


PREPARATION_INTERVAL = 1.0
"""Seconds between two events about the preparation of the data."""


class StoppedError(Exception):
    """The user stopped a run before its first step."""


@contextmanager
def prepare(run: Run | None) -> Iterator[None]:
    """Write the progress of the body as events, and end it when the run is stopped.

    Raises:
        StoppedError: The run was stopped, by its control file or by a signal.
    """
    from .loop import StopSignals

    if run is None:
        yield
        return
    written = 0.0

    def report(words: str, share: float) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written < PREPARATION_INTERVAL:
            return
        written = now
        if signals.stop or "stop" in run.requests():
            raise StoppedError
        run.write(Prepared(words, round(share, 3)))

    with StopSignals() as signals, report_to(report):
        yield
    if signals.stop:
        raise StoppedError


class Needs(NamedTuple):
    """Requirements of a kind of training. Its stage: `stages.registry.STAGES`.

    Attributes:
        data: Whether it needs the photos of the data folder.
        encoder: Whether its stage takes f.
        own: Settings that name the user's pictures.
    """

    data: bool = False
    encoder: bool = False
    own_folders: tuple[str, ...] = ()


NEEDS: dict[type[configs.Config], Needs] = {
    configs.EncoderTraining: Needs(data=True),
    configs.ClassifierTraining: Needs(),
    configs.FolderClassifierTraining: Needs(own_folders=("folder",)),
    configs.JudgeTraining: Needs(),
    configs.FacesTransfer: Needs(data=True, encoder=True),
    configs.DigitsTransfer: Needs(encoder=True),
    configs.StyleTransfer: Needs(data=True, encoder=True),
    configs.FoldersTransfer: Needs(encoder=True, own_folders=("s", "t")),
    configs.AvatarTraining: Needs(data=True, encoder=True),
    configs.UpscalerTraining: Needs(),
    configs.ParserTraining: Needs(data=True),
}


def _check_data(config: configs.Config, data: str | None, feature_cache: Path | None) -> None:
    """Raise UserError for missing data, before a run directory is created."""
    from ..avatars.styles import PACKS
    from ..data.portraits import data_folder

    needs = NEEDS[type(config)]
    if feature_cache is not None:
        from .feature_file import check_cache, make_encoder

        if not isinstance(config, configs.TransferTraining):
            raise UserError("--feature-cache goes with a translation's preset: faces, style, digits or folders.")
        check_cache(feature_cache, make_encoder(config.encoder))
        return
    if needs.data or (isinstance(config, configs.JudgeTraining) and config.style in PACKS):
        data_folder(data)
    if not all(getattr(config, name) for name in needs.own_folders):
        example = " ".join(f"--set {name}=DIR" for name in needs.own_folders)
        raise UserError(f"which pictures? Give a folder or zip: {example}.")

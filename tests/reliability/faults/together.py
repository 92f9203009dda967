"""Several apps on one folder of runs: whatever they do at the same time, a run has one trainer at most, and all stays
whole."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.training.runs import launcher
from dtn_core.training.runs.status import is_alive, read_status, runs_in
from dtn_core.ui.tabs.train.service import TrainService

from .processes import fork, must, until

TRAINER = """
import os, sys, time
log_file = os.open(sys.argv[1] + ".trained", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log_file, f"begins {os.getpid()}\\n".encode())
for _ in range(20):
    time.sleep(0.01)
    if os.path.exists(sys.argv[1] + "/control/stop"):
        break
os.write(log_file, f"ends {os.getpid()}\\n".encode())
"""
"""What is started in place of a training, which takes seconds to begin: it holds the run's lock, as that does, and says
when it begins and when it ends."""


def _app(folder: Path, seed: int, count: int) -> None:
    """What the people of one app do, in a process of its own; writes what came of it."""
    launcher._trainer = lambda path: [sys.executable, "-S", "-c", TRAINER, str(path)]
    random, found = Random(seed), Counter()
    service = TrainService(folder, "all")
    config = replace(PRESETS["digits-f-tiny"], device="cpu")
    for _ in range(count):
        names = [run.name for run in service.list()]
        name = random.choice(names[:3]) if names else "none"
        acts = {
            "start": lambda: launcher.start(config, "x", folder, share_device=random.random() < 0.5),
            "resume": lambda name=name: service.resume(name, share_device=random.random() < 0.7),
            "stop": lambda name=name: service.request("stop", name),
            "note": lambda name=name: service.note(name, str(random.randrange(10)) * 5000),
            "delete": lambda name=name: service.delete(name),
            "look": lambda name=name: service.poll(name),
        }
        what = random.choices(list(acts), (3, 6, 2, 4, 1, 2))[0]
        try:
            acts[what]()
            found[what] += 1
        except UserError as error:
            must(len(str(error).splitlines()) == 1, f"no line: {error}")
            found["refused"] += 1
        except BaseException as error:
            found[f"{what}: {type(error).__name__}: {error}"] += 1
    (folder / f"app-{seed}.json").write_text(json.dumps(found))


def tried(actions: int, folder: Path, apps: int = 2, seed: int = 0) -> dict[str, Any]:
    """So many actions of all apps together. Raises Lost."""
    folder.mkdir(parents=True, exist_ok=True)
    running = [fork(_app, folder, seed + i, actions // apps) for i in range(apps)]
    for process in running:
        process.join()
    counts = sum((Counter(json.loads(path.read_text())) for path in folder.glob("app-*.json")), Counter())
    wrong = [what for what in counts if ":" in what]
    must(not wrong and sum(counts.values()) == actions // apps * apps, f"errors: {wrong[:3]}, {counts}")
    until(lambda: not any(map(is_alive, runs_in(folder))))
    trainings = 0
    for log in folder.glob("*.trained"):
        result = log.read_text().splitlines()
        pairs = zip(result[::2], result[1::2], strict=True)
        must(all(b == a.replace("begins", "ends") != a for a, b in pairs), f"{log.stem} had two trainers: {result}")
        trainings += len(result) // 2
    for path in runs_in(folder):
        run = read_status(path)
        must(run.config is not None, f"{path.name} is {run.status}: {run.reason}")
        must(run.notes == "" or (len(run.notes) == 5000 and len(set(run.notes)) == 1), "half a note")
    rest = [path for path in folder.rglob(".*") if path.name != ".lock"]
    must(not rest, f"{rest} stay")
    return {"apps": apps, "actions": sum(counts.values()), "refused": counts["refused"], "trainings": trainings}

"""What makes c good, one switch at a time: ``python -m benchmarks.avatars --data DATA [-o results/avatars.json]``.

Drawings are drawn and photos read by f once; then c is trained once a row of `ROWS`, which tells how its settings
differ from the preset's. Measured on the validation part, where choices are made, at both operating points:

all right      the share of CelebA's people of whom everything asked is right, by the parameters
c alone        the same by c's own probabilities, not averaged with f's
judged         mean balanced accuracy of the eight questions, by the judge on what is drawn
AUC            mean over what an avatar shows, by c's own probabilities, which need no threshold
KID, C2ST      of drawings beside avatars with the same attributes

Every row is written when it is done. What the file has already, of the same f, settings and judge, isn't done anew, so
it may be stopped at any time; other rows are dropped from it. After changes of the code or the data delete the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from accelerate import Accelerator
from torch import Tensor, nn

from dtn_core import checkpoint
from dtn_core import config as configs
from dtn_core.avatars.choose import Decisions
from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.skin import even_light
from dtn_core.config import AvatarTraining
from dtn_core.domains import styles
from dtn_core.domains.portraits import data_folder
from dtn_core.drawer import Drawer
from dtn_core.errors import UserError
from dtn_core.evaluation import photos as held_out
from dtn_core.evaluation.drawn import measure
from dtn_core.evaluation.drawn.portrayed import POINTS, Portrayed, portray_seen
from dtn_core.evaluation.drawn.right import soft
from dtn_core.evaluation.drawn.shown import asked
from dtn_core.evaluation.measures import all_right, question_accuracy
from dtn_core.evaluation.nets import batched, load_judge, paint
from dtn_core.evaluation.photos import Photos
from dtn_core.evaluation.questions import judge_scores
from dtn_core.evaluation.tables import kid, line, number, right_share, right_words
from dtn_core.networks.judge import Judge
from dtn_core.training.avatar import AvatarStage, Seen, photo_features, see
from dtn_core.training.feature_cache import make_encoder
from dtn_core.training.optim import make_accelerator

ALONE = {"agree": 0.0}
"""Nothing is learnt from photos but how often a thing is."""

SHORT = {"steps": 300}
"""Where a step is slow."""

FEW = {**SHORT, "limit": 1500, "celebahq": 0}
"""Where G paints every photo first, too."""

ROWS: dict[str, dict[str, Any]] = {
    "base": {},
    "f's attributes alone": {"logits_only": True},
    "f's probabilities alone": {"f_weight": 1.0},
    "free colours": {"free_colours": True},
    "two hidden layers of 128": {"mlp": 128, "lr": 2e-3},
    "no noise": {"noise": 0.0},
    "drawings alone": ALONE,
    "drawings alone, no noise": {**ALONE, "noise": 0.0},
    "drawings alone, two hidden layers of 128": {**ALONE, "mlp": 128, "lr": 2e-3},
    "drawings and f's mean answers": {**ALONE, "prior": 1.0},
    "drawings and D": {**ALONE, "adversary": 1.0},
    "drawings alone, few steps": {**ALONE, **SHORT},
    "drawings and L_CONST through R, few steps": {**ALONE, **SHORT, "alpha": 1.0},
    "few steps and photos": FEW,
    "reads G(x), few steps and photos": {**FEW, "reader": "g"},
    "reads f(x) and G(x), few steps and photos": {**FEW, "reader": "both"},
}
"""Row → what it changes: settings of the training (steps are at most so many), or of c's `Decisions`."""

UNTOLD = ("encoder", "through", "device", "precision", "compile", "exports", "log_every", "sample_every", "save_every")
"""Settings that don't say what is learnt; f and G are told by their hashes."""


def settings_of(base: AvatarTraining, changes: dict[str, Any]) -> AvatarTraining:
    """The settings that a row is trained with."""
    changes = {name: value for name, value in changes.items() if name not in Decisions._fields}
    return replace(base, **changes | {"steps": min(base.steps, changes.get("steps", base.steps))})


@dataclass(frozen=True)
class Measured:
    """Held-out photos and what is asked of them, everything that no row changes. features: set → (N, dim) f of them;
    skin_features: of them in even light."""

    photos: Photos
    features: dict[str, Tensor]
    skin_features: dict[str, Tensor]
    judge: Judge
    through: str

    @cached_property
    def painted(self) -> dict[str, Tensor]:
        """Set → (N, 3, 64, 64) G(x), for a c that reads it."""
        loaded = checkpoint.load(self.through)
        return {k: paint(loaded, crops).to(self.features[k].device) for k, crops in self.photos.crops.items()}

    def measure(self, drawer: Drawer) -> dict[str, Any]:
        """Figures of a c, JSON-ready."""
        made, alone = self._portrayed(drawer), self._portrayed(drawer, f_weight=0.0)
        truth, untold = self.photos.truth, styles.STYLES[drawer.style].untold
        figures: dict[str, Any] = {
            "cleanliness": measure.clean(made["celeba"], "sure", self.judge, 0),
            "c_alone": {
                "all_right": all_right(truth["celeba"], *alone["celeba"].answers("sure")),
                "auc": soft(truth, alone["celeba"], alone["utkface"])["mean"]["c"],
            },
        }
        for point in POINTS:
            judged = {k: judge_scores(batched(self.judge, one.pictures(point)), untold) for k, one in made.items()}
            figures[point] = {
                "all_right": all_right(truth["celeba"], *made["celeba"].answers(point)),
                "judged": question_accuracy(truth, judged)["balanced_accuracy"],
            }
        return figures

    def _portrayed(self, drawer: Drawer, **decisions: Any) -> dict[str, Portrayed]:
        drawer = replace(drawer, decisions=drawer.decisions._replace(**decisions))
        painted = {} if drawer.reader == "f" else self.painted
        return {
            k: portray_seen(drawer, z, painted.get(k), POINTS, self.skin_features[k]) for k, z in self.features.items()
        }


def fewer(seen: Seen, config: AvatarTraining) -> Seen:
    """What was seen, without the photos that these settings leave out."""
    counted = min(seen.counted, config.limit or seen.counted)
    places = [*range(counted), *range(seen.counted, min(len(seen.heads), seen.counted + config.celebahq))]
    return seen._replace(heads=[seen.heads[i] for i in places], f_s=seen.f_s[places], counted=counted)


def train(config: AvatarTraining, data: Path, f: nn.Module, accelerator: Accelerator, seen: Seen) -> Drawer:
    """c by these settings."""
    stage = AvatarStage(config, data, f, accelerator, fewer(seen, config))
    for step in range(1, config.steps + 1):
        stage.step(step)
    return stage.drawer()


def run(
    base: AvatarTraining, data: Path, chosen: list[str], output: Path | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """The report of these rows and of those that the output has already; written after every row."""
    judge, f_hash = styles.STYLES[base.style].judge, _hash(base.encoder, "encoder.safetensors")
    report = {
        "style": base.style,
        "asked": asked(base.style),
        "seed": base.seed,
        "split": "val",
        "f": {"name": base.encoder, "hash": f_hash},
        "judge": {"name": judge, "hash": _hash(judge)},
    }
    told = {}
    for name, changes in ROWS.items():
        config = settings_of(base, changes)
        g = None if config.reader == "f" else _hash(config.through)
        settings = {key: value for key, value in asdict(config).items() if key not in UNTOLD}
        decided = {key: value for key, value in changes.items() if key in Decisions._fields}
        told[name] = {"f": f_hash, "judge": report["judge"]["hash"], "g": g, "settings": settings, "decisions": decided}
    rows = {name: row for name, row in _kept(output).items() if row.get("of") == told.get(name)}
    for name, figures in measured(base, data, [name for name in chosen if name not in rows], say):
        rows[name] = {"of": told[name], **figures}
        _write(output, report | {"rows": {key: rows[key] for key in ROWS if key in rows}})
    return report | {"rows": {key: rows[key] for key in ROWS if key in rows}}


def measured(
    base: AvatarTraining, data: Path, names: list[str], say: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows, trained one after the other, and their figures."""
    if not names:
        return
    accelerator = make_accelerator(base)
    device = accelerator.device
    f = make_encoder(base.encoder, str(device))
    photos = held_out.labelled(data, "val")
    features, skin_features = (
        {k: photo_features(list(v), net, device).to(device) for k, v in photos.crops.items()}
        for net in (f, lambda x: f(even_light(x)))
    )
    asks = Measured(photos, features, skin_features, load_judge(styles.STYLES[base.style].judge), base.through)
    seen = see(base, data, f, device)
    for index, name in enumerate(names, 1):
        say(f"{index} of {len(names)}: {name} ...")
        start = perf_counter()
        drawer = train(settings_of(base, ROWS[name]), data, f, accelerator, seen)
        decided = {key: value for key, value in ROWS[name].items() if key in Decisions._fields}
        drawer = replace(drawer, decisions=drawer.decisions._replace(**decided))
        seconds = round(perf_counter() - start, 1)
        yield name, {**asks.measure(drawer), "n": {k: len(z) for k, z in features.items()}, "seconds": seconds}


def table(report: dict[str, Any]) -> str:
    """The rows as Markdown."""
    n = next(iter(report["rows"].values()))["n"]["celeba"]
    right = right_words(len(report["asked"]))
    columns = [f"{right}, of {n}", "c alone", "drawn balanced", "judged", "judged, balanced", "AUC, c alone"]
    columns += ["KID × 1000", "C2ST", "steps", "s"]
    lines = [line("validation part", columns), "|---" * (len(columns) + 1) + "|"]
    for name, row in report["rows"].items():
        cells = [right_share(row[key]["all_right"]) for key in ("sure", "c_alone", "balanced")]
        cells += [number(row[point]["judged"], ".3f") for point in POINTS]
        steps = str(row["of"]["settings"]["steps"])
        cells += [
            number(row["c_alone"]["auc"], ".3f"),
            kid(row["cleanliness"]),
            number(row["cleanliness"]["c2st"], ".2f"),
        ]
        lines.append(line(name, [*cells, steps, f"{row['seconds']:.0f}"]))
    return "\n".join(lines)


def _hash(name: str, files: str = "*.safetensors") -> str:
    return checkpoint.weights_hash(checkpoint.find(name), files)


def _kept(output: Path | None) -> dict[str, Any]:
    """The rows of an earlier run."""
    if output is None or not output.exists():
        return {}
    try:
        return json.loads(output.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{output}: holds no rows of avatars ({error}). Choose another output.") from None


def _write(output: Path | None, report: dict[str, Any]) -> None:
    if output is None:
        return
    temporary = output.with_name(f".{output.name}.tmp")
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    temporary.replace(output)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What makes c good, one switch at a time, on the validation part.")
    parser.add_argument("--data", help="folder of the data packs (default: $DTN_DATA)")
    parser.add_argument("--preset", default="avatar-cpu", help="what the rows change (default avatar-cpu)")
    parser.add_argument("--encoder", metavar="NAME|DIR", help="f (default: the preset's)")
    parser.add_argument("--style", choices=tuple(SPECS), help="whose engine draws (default: the preset's)")
    parser.add_argument("--through", metavar="NAME|DIR", help="whose G(x) is read (default emoji, or toon-head)")
    parser.add_argument("--steps", type=int, metavar="N", help="of every row, at most (default: the preset's)")
    parser.add_argument("--row", action="append", choices=ROWS, help="only this one; may be repeated (default: all)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures here after every row")
    arguments = parser.parse_args(argv)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        base, _ = configs.find(arguments.preset)
        if not isinstance(base, AvatarTraining):
            raise UserError(f"--preset {arguments.preset}: doesn't train c. Use avatar-cpu or avatar.")
        given = {key: getattr(arguments, key) for key in ("encoder", "style", "through", "steps")}
        if given["style"] == "toon-head" and given["through"] is None:
            given["through"] = "toon-head"
        base = configs.parse_set(base, [f"{key}={value}" for key, value in given.items() if value is not None])
        report = run(base, data_folder(arguments.data), arguments.row or list(ROWS), arguments.output, say)
    except (UserError, OSError) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    print(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The model card of a run's checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import TransferTraining, to_dict
from ..core.files import parse_json
from ..networks import checkpoint
from .runs.status import RunStatus


def model_card(run: RunStatus, source: Path) -> str:
    """The text of a short model card, taken from the files of a run and of the checkpoint in `source`."""
    info = _read_json(source / "config.json")
    trained = info.get("trained") if isinstance(info.get("trained"), dict) else {}
    if run.config is not None:
        settings = to_dict(run.config)
    else:
        settings = {name: value for name, value in trained.items() if name != "step"}
    lines = [
        f"# {run.name}",
        "",
        f"{_description(run)} Trained with DTN Studio; this is the state after step {trained.get('step', run.step)} of "
        f"{run.steps}, in run `{run.name}`.",
        "",
        f"- **Data:** {trained.get('data') or _folder_names(run)}. Who owns the rights to the pictures, and whether "
        "the people in them agreed, is for whoever trained this to know.",
        "- **Quality:** not measured. Figures of the training itself, on its own pictures, are below; they say little "
        "about others.",
        "- **Use:** `python app.py --checkpoint FOLDER`, or `python -m dtn_core emojify IN -o OUT --checkpoint FOLDER`."
        if info.get("kind") in checkpoint.TRANSLATIONS
        else "- **Use:** as `encoder=FOLDER`, or wherever DTN Studio asks for such a network.",
        "- **Format:** safetensors (fp16) and JSON; nothing in here is a program.",
        "",
        "## Last figures",
        "",
        *(_figures(run) or ["None."]),
        "",
        "## Settings",
        "",
        *(f"- `{name}` = `{value}`" for name, value in settings.items()),
        "",
    ]
    return "\n".join(lines)


def _description(run: RunStatus) -> str:
    if isinstance(run.config, TransferTraining):
        return (
            "A Domain Transfer Network (Taigman, Polyak, Wolf, ICLR 2017): a frozen f, and a g that learned to redraw."
        )
    return "A network of DTN Studio."


def _folder_names(run: RunStatus) -> str:
    paths = [getattr(run.config, name, None) for name in ("s", "t", "folder")]
    return " and ".join(f"`{Path(path).name}`" for path in paths if path) or "see the settings"


def _figures(run: RunStatus) -> list[str]:
    curves = sorted((name, steps, values) for name, (steps, values) in run.curves.items() if len(values))
    return [f"- `{name}`: {values[-1]:.4g} at step {steps[-1]}" for name, steps, values in curves]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}

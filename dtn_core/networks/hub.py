"""Checkpoints by their names on the Hugging Face Hub: ``user/name``. Whatever lies on this machine comes first, and
works without a network; what was downloaded once, too."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import UserError
from ..core.files import replacing
from . import checkpoint

FILES = ("config.json", "*.safetensors", "README.md", "metrics.json")
"""What a checkpoint consists of. Nothing else is downloaded or uploaded."""

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")

_FRONT = """---
library_name: dtn-studio
pipeline_tag: image-to-image
tags:
- domain-transfer-network
- unsupervised-image-translation
---

"""


def is_on_hub(name: str | os.PathLike[str]) -> bool:
    """Whether this is a name on the Hub, ``user/name``, and no folder here."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and not Path(name).exists()


def find(name: str | os.PathLike[str], revision: str | None = None, token: str | None = None) -> Path:
    """The directory of a checkpoint: a folder, a name under ``checkpoints/``, or else ``user/name`` on the Hub, which
    is downloaded into the Hub's cache unless it is there. revision: a branch, tag or commit; token: for what is
    private, by default that of ``hf auth login`` or of HF_TOKEN. Raises UserError with one line."""
    if not is_on_hub(name):
        return checkpoint.find(name)
    import huggingface_hub

    with _told(str(name), "read"):
        # safetensors and JSON alone, so that nothing of a stranger's repository could be run
        found = Path(huggingface_hub.snapshot_download(name, revision=revision, token=token, allow_patterns=[*FILES]))
    if not (found / "config.json").is_file():
        raise UserError(f"{name}: is on the Hub, but no checkpoint of DTN Studio (it has no config.json).")
    return found


def write(source: Path, target: str | os.PathLike[str], card: str = "") -> Path:
    """Copy a checkpoint, whole or not at all, in place of what was there: an f that it shares with another becomes its
    own, so that it can go anywhere; its hash stays. card: the model card where it has none. Raises UserError."""
    target = Path(target)
    if target.exists() and not (target / "config.json").is_file() and any(target.iterdir()):
        raise UserError(f"{target}: is there and no checkpoint. Choose another folder.")
    with replacing(target, folder=True) as temporary:
        files = {path.name: path for pattern in FILES for path in source.glob(pattern)}
        for name, path in (files | checkpoint.shared_files(source)).items():
            shutil.copyfile(path, temporary / name)
        info = checkpoint.read_config(source)
        info.pop("shared", None)
        (temporary / "config.json").write_text(checkpoint.config_text(info), encoding="utf-8")
        text = (temporary / "README.md").read_text(encoding="utf-8") if "README.md" in files else card
        text = text or f"# {source.name}\n\nA checkpoint of DTN Studio. Its makers wrote no model card.\n"
        (temporary / "README.md").write_text(text if text.startswith("---\n") else _FRONT + text, encoding="utf-8")
    return target


def push(source: Path, name: str, *, private: bool = False, token: str | None = None, card: str = "") -> str:
    """Upload a checkpoint as ``user/name``, made if it isn't there; card: as for `write`. Returns its address. Raises
    UserError with one line: without a token, a name that may not be written, no network."""
    import huggingface_hub

    if not _NAME.fullmatch(name):
        raise UserError(f"{name}: is no name on the Hub. Write USER/NAME.")
    with tempfile.TemporaryDirectory() as folder, _told(name, "write"):
        made = write(source, Path(folder) / "checkpoint", card)
        api = huggingface_hub.HfApi(token=token)
        url = api.create_repo(name, private=private, exist_ok=True)
        title = f"{source.name}, hash {checkpoint.weights_hash(source)}"
        # one commit: what an earlier checkpoint had and this one hasn't goes
        api.upload_folder(repo_id=name, folder_path=made, commit_message=title, delete_patterns=["*.safetensors"])
    return str(url)


@contextmanager
def _told(name: str, wish: str) -> Iterator[None]:
    """The Hub's errors, in a line. wish: "read" or "write"."""
    from huggingface_hub import errors

    login = "log in with `hf auth login`, or set HF_TOKEN"
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(f"{name}: its owner asks for terms to be accepted on its page; then {login}.") from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{name}: has no such revision. Give a branch, tag or commit of it.") from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"{name}: neither here nor on the Hub. If it is private, {login}.") from None
    except errors.LocalTokenNotFoundError:
        raise UserError(f"{name}: the Hub wants to know who you are; {login}.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise UserError(f"{name}: the Hub says you may not {wish} it; {login} as somebody who may.") from None
        raise UserError(f"{name}: the Hub answers with status {status}. Try again later.") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HTTPError):
        here = " and isn't here" if wish == "read" else ""
        raise UserError(f"{name}: the Hub can't be reached{here}. Go online, or give a folder.") from None
    except (errors.HFValidationError, OSError) as error:
        raise UserError(f"{name}: {' '.join(str(error).split())[:300]}") from None

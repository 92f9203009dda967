"""Download and upload checkpoints on the Hugging Face Hub, by their names ``user/name``.

Local checkpoints take precedence. They and downloaded ones work offline.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import UserError
from ..core.files import atomic_output
from . import checkpoint

FILES = ("config.json", "*.safetensors", "README.md", "metrics.json")
"""The files of a checkpoint. Nothing else is downloaded or uploaded."""

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")

_CARD_METADATA = """---
library_name: dtn-studio
pipeline_tag: image-to-image
tags:
- domain-transfer-network
- unsupervised-image-translation
---

"""


def is_on_hub(name: str | os.PathLike[str]) -> bool:
    """Whether a name has the form ``user/name`` and is no local folder."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and not Path(name).exists()


def find(name: str | os.PathLike[str], revision: str | None = None, token: str | None = None) -> Path:
    """The directory of a checkpoint; one on the Hub is downloaded into the Hub's cache.

    Args:
        name: A folder, a name under ``checkpoints/``, or ``user/name`` on the Hub.
        revision: A branch, tag or commit on the Hub.
        token: For private repositories; by default that of ``hf auth login`` or of HF_TOKEN.

    Raises:
        UserError: It can't be found or downloaded.
    """
    if not is_on_hub(name):
        return checkpoint.find(name)
    import huggingface_hub

    with _hub_errors(str(name), "read"):
        # Only safetensors and JSON, so that no code of an untrusted repository can run.
        directory = Path(
            huggingface_hub.snapshot_download(name, revision=revision, token=token, allow_patterns=[*FILES])
        )
    if not (directory / "config.json").is_file():
        raise UserError(f"{name}: is on the Hub, but no checkpoint of DTN Studio (it has no config.json).")
    return directory


def write(source: Path, target: str | os.PathLike[str], card: str = "") -> Path:
    """Copy a checkpoint atomically, with shared files, so that it is self-contained. Its hash stays the same.

    Args:
        source: Directory of the checkpoint.
        target: Folder to write, which may be empty or hold a checkpoint to replace.
        card: Model card for a checkpoint without one.

    Raises:
        UserError: The target is no checkpoint or can't be written.
    """
    target = Path(target)
    if target.exists() and not (target / "config.json").is_file() and any(target.iterdir()):
        raise UserError(f"{target}: is there and no checkpoint. Choose another folder.")
    with atomic_output(target, folder=True) as temporary:
        files = {path.name: path for pattern in FILES for path in source.glob(pattern)}
        for name, path in (files | checkpoint.shared_files(source)).items():
            shutil.copyfile(path, temporary / name)
        info = checkpoint.read_config(source)
        info.pop("shared", None)
        (temporary / "config.json").write_text(checkpoint.config_text(info), encoding="utf-8")
        text = (temporary / "README.md").read_text(encoding="utf-8") if "README.md" in files else card
        text = text or f"# {source.name}\n\nA checkpoint of DTN Studio. Its makers wrote no model card.\n"
        (temporary / "README.md").write_text(
            text if text.startswith("---\n") else _CARD_METADATA + text, encoding="utf-8"
        )
    return target


def push(source: Path, name: str, *, private: bool = False, token: str | None = None, card: str = "") -> str:
    """Upload a checkpoint as ``user/name``; creates the repository if necessary.

    Args:
        source: Directory of the checkpoint.
        name: ``user/name``.
        private: Create a private repository.
        token: See `find`.
        card: See `write`.

    Returns:
        The URL of the repository.

    Raises:
        UserError: The token is missing, the name may not be written, or there is no network.
    """
    import huggingface_hub

    if not _NAME.fullmatch(name):
        raise UserError(f"{name}: is no name on the Hub. Write USER/NAME.")
    with tempfile.TemporaryDirectory() as folder, _hub_errors(name, "write"):
        folder_path = write(source, Path(folder) / "checkpoint", card)
        api = huggingface_hub.HfApi(token=token)
        url = api.create_repo(name, private=private, exist_ok=True)
        title = f"{source.name}, hash {checkpoint.weights_hash(source)}"
        # One commit, which also deletes the weights of an earlier checkpoint.
        api.upload_folder(
            repo_id=name, folder_path=folder_path, commit_message=title, delete_patterns=["*.safetensors"]
        )
    return str(url)


@contextmanager
def _hub_errors(name: str, action: str) -> Iterator[None]:
    """Turn the Hub's errors into UserError. action: "read" or "write"."""
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
            raise UserError(f"{name}: the Hub says you may not {action} it; {login} as somebody who may.") from None
        raise UserError(f"{name}: the Hub answers with status {status}. Try again later.") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HTTPError):
        here = " and isn't here" if action == "read" else ""
        raise UserError(f"{name}: the Hub can't be reached{here}. Go online, or give a folder.") from None
    except (errors.HFValidationError, OSError) as error:
        raise UserError(f"{name}: {' '.join(str(error).split())[:300]}") from None

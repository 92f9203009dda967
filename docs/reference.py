"""Write reference.md from the docstrings: python docs/reference.py"""

from pathlib import Path

import griffe
from griffe2md import default_config, render_object_docs

ROOT = Path(__file__).parents[1]

MODULES = (
    "transfer", "types", "images", "errors", "avatars.parameters", "avatars.export", "avatars.likely", "avatars.roles",
    "hub", "checkpoint", "config", "losses", "networks.encoders", "networks.generator", "networks.discriminator",
)  # fmt: skip

_HEAD = """# Reference

What programs may use, from the docstrings: `python docs/reference.py` writes this page (griffe2md). How the parts fit
together says [architecture.md](architecture.md); examples are in [api.md](api.md).

"""

_CONFIG = {
    **default_config,
    "heading_level": 2,
    "line_length": 120,
    "members_order": "source",
    "show_if_no_docstring": False,
    "show_root_members_full_path": False,
    "show_object_full_path": False,
    "show_signature_annotations": True,
    "show_submodules": False,
    "inherited_members": False,
    "summary": False,
    "filters": [r"!^_(?!_call__$)"],
}


def render() -> str:
    """The page."""
    package = griffe.load("dtn_core", search_paths=[ROOT])
    pages = [render_object_docs(package[module], _CONFIG).strip() for module in MODULES]
    return _HEAD + "\n\n".join(pages) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "reference.md").write_text(render(), encoding="utf-8")

"""The styles that faces can be translated to. A style is one file here and one line in `STYLES`.

Everything else in `avatars` reads these records, so no file here may import it, except for `attributes`.
"""

from __future__ import annotations

from . import avataaars, cartoon_set, lorelei, toon_head
from .record import StyleRecord

STYLES = {
    style.name: style
    for style in (
        avataaars.STYLE,
        toon_head.STYLE,
        lorelei.STYLE,
        cartoon_set.STYLE,
    )
}

DRAWINGS = {name: style.drawing for name, style in STYLES.items() if style.drawing}
"""The styles that an engine draws from parameters."""

PACKS = tuple(name for name, style in STYLES.items() if style.pack)
"""The styles with a fixed set of pictures."""

SCREEN_PRINT = StyleRecord(
    name="screen-print",
    title="Screen print",
    credit="Photos printed in five inks of a picture of our own",
    judge="",
)
"""The output of `StyleTransfer` with our style picture; not a domain of the task "faces"."""

LISTED_STYLES = {**STYLES, SCREEN_PRINT.name: SCREEN_PRINT}
"""Every style that the app may have to name."""

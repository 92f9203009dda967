"""The theme of the app. It uses system fonts, so that nothing is loaded from the network."""

from __future__ import annotations

import gradio as gr

from .pictures import ASSETS

CSS = "".join((ASSETS / f"{name}.css").read_text("utf-8") for name in ("photo", "app", "editor", "live", "video"))

HEADER = f"""<header class="masthead">{(ASSETS / "favicon.svg").read_text("utf-8")}<h1>DTN Studio</h1></header>"""

PRIVACY = """<footer class="privacy">Photos are processed in memory on the computer running this app; never saved or
shared. A training keeps small copies of its pictures, and the zips uploaded for it, with its runs. Only use pictures of
people who agree to it.</footer>"""


def theme() -> gr.themes.Base:
    """Return the theme: warm neutral colours, a rose accent and round corners, in light and dark."""
    sans = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.rose,
        secondary_hue=gr.themes.colors.rose,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=sans,
        font_mono=mono,
    )
    return base.set(
        body_background_fill="#faf8f5",
        body_background_fill_dark="#16141a",
        body_text_color="#1d1a22",
        body_text_color_dark="#f3f0ee",
        body_text_color_subdued="#6b6470",
        body_text_color_subdued_dark="#a79fae",
        block_background_fill="#ffffff",
        block_background_fill_dark="#201d26",
        background_fill_primary_dark="#201d26",
        background_fill_secondary="#f4f1ec",
        background_fill_secondary_dark="#1b1820",
        border_color_primary="#e7e1d9",
        border_color_primary_dark="#363140",
        block_border_width="1px",
        block_shadow="none",
        block_label_background_fill="*block_background_fill",
        block_label_background_fill_dark="*block_background_fill",
        input_background_fill_dark="#2a2632",
        button_primary_background_fill="#e11d48",
        button_primary_background_fill_hover="#be123c",
        button_primary_background_fill_dark="#e11d48",
        button_primary_background_fill_hover_dark="#f43f5e",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        checkbox_label_background_fill="*background_fill_secondary",
        checkbox_label_background_fill_dark="#2a2632",
        checkbox_label_background_fill_hover_dark="#363140",
        checkbox_background_color_selected="#e11d48",
        checkbox_background_color_selected_dark="#e11d48",
    )

"""The tab *Digits*: a street number in, a handwritten digit out, and what f and a judge read; the paper's tables."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.files import shipped
from ...core.images import load, to_images, to_tensor
from ...data.drawn_digits import draw_many
from ...pipeline.digits import DigitResult, DigitTransferrer
from ..api import endpoints
from ..components import html, pictures
from ..gradio_internals import SECONDARY_LISTENER
from ..translations import Translations, dropdown

RESULTS = shipped("results")

SURE = 0.8
"""A reading with less confidence is unsure: five of six scribbles are below it, and one of seven street numbers."""

EXAMPLES, PAIRS = 12, 24

WAITING = """<div class="waiting"><ol>
<li><b>Shrink</b> it to 32×32 pixels</li><li><b>Read</b> it: the encoder, f</li>
<li><b>Write</b> it: the generator, g</li><li><b>Judge</b> the writing</li></ol>
<p>The handwritten digit appears here.</p></div>"""

INTRO = """<p class="lead">Show a house number, and the network writes its digit by hand. It learned from photos of
street numbers (SVHN) and from handwriting (MNIST) that nobody had matched: the paper's first experiment.</p>"""

ROLES = """<p class="letters">The encoder, f, reads the number x; the generator, g, writes what f read: G(x) = g(f(x)).
The judge, a network of its own, reads the writing.</p>"""

LETTERS = """<p>s: street numbers; t: handwriting. The parts of the loss: L_CONST, G(x) is read as x was; L_TID, G
leaves handwriting as it is; L_GANG, G(x) passes for handwriting, and L_D, the discriminator tells them apart.</p>"""

DRAWN = "Drawn by this program to look like street numbers; none is a photo."


def fill(translations: Translations[DigitTransferrer]) -> gr.Dropdown:
    """Fill the tab, inside a gr.Tab. Returns the list of translations."""
    gr.HTML(INTRO, apply_default_css=False)
    chosen = dropdown(translations, elem_id="digit-translation")
    _one(translations, chosen)
    _pairs(translations, chosen)
    _tables()
    endpoints.digits(translations)
    return chosen


def explain(error: UserError) -> None:
    """Fill the tab with why there are no digits, where `DigitTransferrer.from_checkpoint` raised this."""
    name = Path(error.subject).name  # viewers must not see the server's folders
    reason = f"{name}: {error.reason}" if name else error.reason
    advice = "Get checkpoints/digits and digits-judge from the repository, or name others by --digits and --judge."
    gr.HTML(html.message(f"No digits here: {reason}. {advice}"), apply_default_css=False, elem_id="no-digits")
    _tables()


def _one(translations: Translations[DigitTransferrer], chosen: gr.Dropdown) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            digit = pictures.picture_input("digits", elem_id="digit")
            numbers = gr.HTML(_numbers(), apply_default_css=False, elem_id="numbers")
            others = gr.Button("Other numbers", size="sm", elem_id="other-numbers", elem_classes="quiet-button")
        with gr.Column(scale=7, min_width=320):
            reading = gr.HTML(WAITING, apply_default_css=False, elem_id="reading")

    def show(url: str | None, translation: str | None) -> str:
        if not url:
            return WAITING
        try:
            return card(translations.get(translation)(pictures.decode(url)))
        except UserError as error:
            return html.message(error)

    gr.on(
        [digit.submit, chosen.change], show, [digit, chosen], reading, api_visibility="private",
        show_progress="minimal", trigger_mode="always_last", concurrency_limit=2, concurrency_id="digits",
    )  # fmt: skip
    others.click(_numbers, None, numbers, api_visibility="private", show_progress="hidden")


def _pairs(translations: Translations[DigitTransferrer], chosen: gr.Dropdown) -> None:
    with gr.Row(elem_classes="digits-section"):
        gr.HTML(f"<h2>Random pairs</h2><p>{DRAWN}</p>", apply_default_css=False)
        new = gr.Button("New pairs", size="sm", elem_id="new-pairs", elem_classes="quiet-button")
    pairs = gr.HTML(grid(translations.first, *_fresh(PAIRS)), apply_default_css=False, elem_id="pairs")

    def show(translation: str | None) -> str:
        try:
            return grid(translations.get(translation), *_fresh(PAIRS))
        except UserError as error:
            return html.message(error)

    drawing = {**SECONDARY_LISTENER, "show_progress": "minimal"}
    chosen.change(show, chosen, pairs, **drawing)
    new.click(show, chosen, pairs, **drawing | {"trigger_mode": "once"})


def _tables() -> None:
    if tables := measured(RESULTS / "digits.json"):
        gr.HTML(f'<div class="digits-section"><h2>The paper\'s tables</h2>{LETTERS}</div>', apply_default_css=False)
        gr.Markdown(tables, elem_id="tables")
    if (unseen := RESULTS / "digits-unseen.png").is_file():
        words = "<h2>A digit never seen</h2><p>One digit by translations that did or didn't see it in training.</p>"
        shown = (
            f'<img src="{pictures.encode(load(unseen), exact=True)}" alt="Drawn digits, and each translation of them">'
        )
        frame = '<div class="unseen" role="group" tabindex="0" aria-label="A digit never seen">'
        text = f'<div class="digits-section">{words}</div>{frame}{shown}</div>'
        gr.HTML(text, apply_default_css=False)


def measured(path: Path) -> str:
    """The figures of ``evaluate digits`` as Markdown; "" where there are none, a line where they are damaged."""
    try:
        from ...evaluation.experiments.report import markdown

        return markdown(json.loads(path.read_text("utf-8")))
    except (ImportError, FileNotFoundError):  # the evaluation wants a Unix
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{path.name} is damaged: measure again with `python -m dtn_core evaluate digits`."


def _fresh(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """n street numbers (n, 32, 32, 3) that nobody has seen before, and their digits (n,)."""
    return draw_many("street", int(np.random.default_rng().integers(2**62)), n)


def _numbers() -> str:
    """Numbers to pick from, as HTML: of some drawn ones those of the most contrast, which people can read."""
    x, y = _fresh(3 * EXAMPLES)
    clear = x.std((1, 2, 3)).argsort()[-EXAMPLES:]
    buttons = "".join(
        f'<button type="button" title="A drawn street number">{_pixels(picture, f"Street number {digit}")}</button>'
        for picture, digit in zip(x[clear], y[clear])
    )
    return f'<p>No number at hand? {DRAWN}</p><div class="numbers">{buttons}</div>'


def card(result: DigitResult) -> str:
    """What f saw and read, what g wrote and the judge read, and whether they agree."""
    made = pictures.encode(result.made, exact=True)
    save = f'<a class="download" download="digit.png" href="{made}">Download the digit</a>'
    sides = _side("Seen, x", "Encoder reads", result.picture, result.read)
    sides += _side("Written, G(x)", "Judge reads", result.made, result.judged)
    under = f'<div class="under">{html.timing(result.ms)}{save}</div>{ROLES}'
    return f'{verdict(result)}<div class="sides">{sides}</div>{under}'


def verdict(result: DigitResult) -> str:
    """In a line: whether f and the judge agree, and where one only guesses."""
    read, judged = int(result.read.argmax()), int(result.judged.argmax())
    if read == judged:
        text = f"Both read {read}: the generator wrote what the encoder read."
    else:
        text = f"They disagree: the encoder reads {read}, but the judge reads {judged} in what was written."
    sure = {"encoder": result.read.max(), "judge": result.judged.max()}
    guesses = [f" The {name} is not sure: {_percent(p)}." for name, p in sure.items() if p < SURE]
    if guesses and read == judged:
        text = f"Perhaps a {read}: both read it, but not surely."
    kind = "agree" if read == judged and not guesses else "hint"
    return f'<p class="message {kind}" role="status">{text}{"".join(guesses)}</p>'


def _side(name: str, who: str, picture: NDArray[np.uint8], reading: NDArray[np.float32]) -> str:
    best = int(reading.argmax())
    bars = "".join(
        f'<li{" class=best" if digit == best else ""} title="{digit}: {_percent(p)}">'
        f'<i style="height:{100 * p:.1f}%"></i><span>{digit}</span></li>'
        for digit, p in enumerate(reading.tolist())
    )
    figure = f'<figure class="pixels">{_pixels(picture, name)}<figcaption>{name} <i>32×32</i></figcaption></figure>'
    said = f'<p class="said">{who} <b>{best}</b> <i>{_percent(reading[best])}</i></p>'
    return f'<section>{figure}{said}<ol class="bars" aria-label="{who}, by digit">{bars}</ol></section>'


def grid(transferrer: DigitTransferrer, x: NDArray[np.uint8], y: NDArray[np.int64]) -> str:
    """Street numbers (n, 32, 32, 3) of the digits (n,) over their G(x); those that the judge reads wrongly stand
    out."""
    made = transferrer.transfer(to_tensor(x))
    judged = transferrer.judged(made).argmax(1).tolist()
    parts = "".join(
        f'<figure{"" if digit == read else " class=missed"} title="{digit}, judged {read}">'
        f"{_pixels(picture, f'Street number {digit}')}{_pixels(written.squeeze(), f'G(x), judged {read}')}</figure>"
        for picture, digit, written, read in zip(x, y.tolist(), to_images(made), judged)
    )
    right = sum(digit == read for digit, read in zip(y.tolist(), judged))
    note = f"The judge reads {right} of {len(y)} as they were drawn" + (
        ", the framed ones not." if right < len(y) else "."
    )
    return f'<div class="pairs">{parts}</div><p class="timing">{note}</p>'


def _pixels(picture: NDArray[np.uint8], alt: str) -> str:
    return f'<img src="{pictures.encode(picture, exact=True)}" alt="{alt}">'


def _percent(p: float) -> str:
    return f"{100 * p:.0f}%"

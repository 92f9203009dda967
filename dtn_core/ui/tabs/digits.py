"""The tab *Digits*: translates a house number to a handwritten digit, and shows the paper's tables."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.files import distribution_folder
from ...core.images import load, to_images, to_tensor
from ...data.drawn_digits import draw_many
from ...pipeline.digits import DigitResult, DigitTransferrer
from ..api import endpoints
from ..components import html, pictures
from ..gradio_internals import SECONDARY_LISTENER
from ..translations import Translations, dropdown

RESULTS = distribution_folder("results")

MIN_CONFIDENCE = 0.8
"""Confidence below which a reading is unsure: that of five in six scribbles, and of one in seven street numbers."""

EXAMPLES, PAIRS = 12, 24

WAITING = """<div class="waiting"><ol>
<li><b>Shrink</b> it to 32×32 pixels</li><li><b>Read</b> it with the encoder, f</li>
<li><b>Write</b> it with the generator, g</li><li><b>Judge</b> the result</li></ol>
<p>The handwritten digit will appear here.</p></div>"""

INTRO = """<p class="lead">Give the network a house number, and it writes the digit by hand. It learned from photos
of street numbers (SVHN) and from handwriting (MNIST) without matching pairs: the paper's first experiment.</p>"""

ROLES = """<p class="letters">The encoder, f, reads the number x; the generator, g, writes what f read: G(x) = g(f(x)).
The judge, a separate network, reads the result.</p>"""

LETTERS = """<p>s: street numbers; t: handwriting. The terms of the loss: L_CONST, f reads the same in x and G(x);
L_TID, G leaves handwriting unchanged; L_GANG, G(x) looks like handwriting; L_D, D tells them apart.</p>"""

DRAWN = "Drawn by this program to look like street numbers; not photos."


def fill(translations: Translations[DigitTransferrer]) -> gr.Dropdown:
    """Fill the tab. Must be called inside a gr.Tab. Returns the dropdown of translations."""
    gr.HTML(INTRO, apply_default_css=False)
    chosen = dropdown(translations, elem_id="digit-translation")
    _single_digit(translations, chosen)
    _random_pairs(translations, chosen)
    _paper_tables()
    endpoints.digits(translations)
    return chosen


def explain(error: UserError) -> None:
    """Fill the tab with the reason why there are no digits. error: of `DigitTransferrer.from_pretrained`."""
    name = Path(error.subject).name  # viewers must not see the server's folders
    reason = f"{name}: {error.reason}" if name else error.reason
    remedy = "Get checkpoints/digits and digits-judge from the repository, or name others by --digits and --judge."
    gr.HTML(html.message(f"No digits here: {reason}. {remedy}"), apply_default_css=False, elem_id="no-digits")
    _paper_tables()


def _single_digit(translations: Translations[DigitTransferrer], chosen: gr.Dropdown) -> None:
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


def _random_pairs(translations: Translations[DigitTransferrer], chosen: gr.Dropdown) -> None:
    with gr.Row(elem_classes="digits-section"):
        gr.HTML(f"<h2>Random pairs</h2><p>{DRAWN}</p>", apply_default_css=False)
        new = gr.Button("New pairs", size="sm", elem_id="new-pairs", elem_classes="quiet-button")
    pairs = gr.HTML(grid(translations.first, *_new_numbers(PAIRS)), apply_default_css=False, elem_id="pairs")

    def show(translation: str | None) -> str:
        try:
            return grid(translations.get(translation), *_new_numbers(PAIRS))
        except UserError as error:
            return html.message(error)

    drawing = {**SECONDARY_LISTENER, "show_progress": "minimal"}
    chosen.change(show, chosen, pairs, **drawing)
    new.click(show, chosen, pairs, **drawing | {"trigger_mode": "once"})


def _paper_tables() -> None:
    if tables := measured(RESULTS / "digits.json"):
        gr.HTML(f'<div class="digits-section"><h2>The paper\'s tables</h2>{LETTERS}</div>', apply_default_css=False)
        gr.Markdown(tables, elem_id="tables")
    if (unseen := RESULTS / "digits-unseen.png").is_file():
        heading = "<h2>An unseen digit</h2><p>One digit, by translations trained with or without it.</p>"
        picture = pictures.encode(load(unseen), exact=True)
        image = f'<img src="{picture}" alt="Drawn digits and their translations">'
        frame = '<div class="unseen" role="group" tabindex="0" aria-label="An unseen digit">'
        text = f'<div class="digits-section">{heading}</div>{frame}{image}</div>'
        gr.HTML(text, apply_default_css=False)


def measured(path: Path) -> str:
    """Return the results of ``evaluate digits`` as Markdown; "" if there are none, one line if they are damaged."""
    try:
        from ...evaluation.experiments.report import markdown

        return markdown(json.loads(path.read_text("utf-8")))
    except (ImportError, FileNotFoundError):  # the evaluation requires Unix
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{path.name} is damaged: measure again with `python -m dtn_core evaluate digits`."


def _new_numbers(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw n new street numbers (n, 32, 32, 3) uint8 RGB and their digits (n,)."""
    return draw_many("street", int(np.random.default_rng().integers(2**62)), n)


def _numbers() -> str:
    """Render numbers to pick from: of some drawn ones, those with the highest contrast, which people can read."""
    x, y = _new_numbers(3 * EXAMPLES)
    clear = x.std((1, 2, 3)).argsort()[-EXAMPLES:]
    buttons = "".join(
        f'<button type="button" title="A drawn street number">{_pixels(picture, f"Street number {digit}")}</button>'
        for picture, digit in zip(x[clear], y[clear])
    )
    return f'<p>No picture at hand? {DRAWN}</p><div class="numbers">{buttons}</div>'


def card(result: DigitResult) -> str:
    """Render the input and what f reads, the output and what the judge reads, and whether they agree."""
    url = pictures.encode(result.generated, exact=True)
    save = f'<a class="download" download="digit.png" href="{url}">Download the digit</a>'
    sides = _side("Input, x", "Encoder reads", result.picture, result.encoder_probabilities)
    sides += _side("Output, G(x)", "Judge reads", result.generated, result.judge_probabilities)
    footer = f'<div class="under">{html.timing(result.ms)}{save}</div>{ROLES}'
    return f'{verdict(result)}<div class="sides">{sides}</div>{footer}'


def verdict(result: DigitResult) -> str:
    """Render whether f and the judge agree, and which of them is unsure."""
    read, judged = int(result.encoder_probabilities.argmax()), int(result.judge_probabilities.argmax())
    if read == judged:
        text = f"Both read {read}: the generator wrote what the encoder read."
    else:
        text = f"They disagree: the encoder reads {read}, but the judge reads {judged} in the result."
    confidences = {"encoder": result.encoder_probabilities.max(), "judge": result.judge_probabilities.max()}
    guesses = [f" The {name} is not sure: {_percent(p)}." for name, p in confidences.items() if p < MIN_CONFIDENCE]
    if guesses and read == judged:
        text = f"Perhaps a {read}: both read it, but at least one is unsure."
    kind = "agree" if read == judged and not guesses else "hint"
    return f'<p class="message {kind}" role="status">{text}{"".join(guesses)}</p>'


def _side(name: str, reader: str, picture: NDArray[np.uint8], reading: NDArray[np.float32]) -> str:
    best = int(reading.argmax())
    bars = "".join(
        f'<li{" class=best" if digit == best else ""} title="{digit}: {_percent(p)}">'
        f'<i style="height:{100 * p:.1f}%"></i><span>{digit}</span></li>'
        for digit, p in enumerate(reading.tolist())
    )
    figure = f'<figure class="pixels">{_pixels(picture, name)}<figcaption>{name} <i>32×32</i></figcaption></figure>'
    result = f'<p class="said">{reader} <b>{best}</b> <i>{_percent(reading[best])}</i></p>'
    return f'<section>{figure}{result}<ol class="bars" aria-label="{reader}, by digit">{bars}</ol></section>'


def grid(transferrer: DigitTransferrer, x: NDArray[np.uint8], y: NDArray[np.int64]) -> str:
    """Render street numbers (n, 32, 32, 3) of the digits (n,) above their G(x), with those misread framed."""
    written = transferrer.transfer(to_tensor(x))
    judged = transferrer.judge_output(written).argmax(1).tolist()
    parts = "".join(
        f'<figure{"" if digit == read else " class=missed"} title="{digit}, judged {read}">'
        f"{_pixels(number, f'Street number {digit}')}{_pixels(output.squeeze(), f'G(x), judged {read}')}</figure>"
        for number, digit, output, read in zip(x, y.tolist(), to_images(written), judged)
    )
    correct = sum(digit == read for digit, read in zip(y.tolist(), judged))
    note = f"The judge reads {correct} of {len(y)} correctly"
    note += "; the others are framed." if correct < len(y) else "."
    return f'<div class="pairs">{parts}</div><p class="timing">{note}</p>'


def _pixels(picture: NDArray[np.uint8], alt: str) -> str:
    return f'<img src="{pictures.encode(picture, exact=True)}" alt="{alt}">'


def _percent(p: float) -> str:
    return f"{100 * p:.0f}%"

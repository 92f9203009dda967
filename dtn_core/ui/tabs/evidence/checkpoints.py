"""The checkpoints that the tab *Evidence* shows, and galleries of their results on freely licensed pictures.

The page refers to them by keys ("emoji", "00003-faces/export"), never by paths.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np

from ....avatars import attributes as avatars
from ....avatars import rendering, styles
from ....core.errors import UserError
from ....core.images import composite_over, to_images, to_tensor
from ....core.types import Image
from ....data import digits
from ....data.drawn_digits import draw_many
from ....evaluation import gallery
from ....evaluation.evidence.reading import Evidence, read
from ....evaluation.nets import style_of
from ....networks import checkpoint
from ....networks.checkpoint import SHIPPED
from ....pipeline.digits import DigitTransferrer
from ....pipeline.photo import Transferrer
from ...access.policy import Viewer, local_viewer
from ...access.redaction import redact_values
from ...components.pictures import encode
from ...translations import Translations

PAGE = 12
"""Faces, or numbers, on a page of the gallery."""

LAST = 100_000
"""The last page of the gallery; each page has its own seed."""

IN_MEMORY = 64
"""Rendered pages that are cached."""

CELL = 128
"""Side length of a picture in pixels."""

BACKGROUND = (250, 250, 250)

T = TypeVar("T")

_KEY = re.compile(r"(?P<run>\d[^/\\]*)/export")


class Checkpoints:
    """The checkpoints that a viewer may see.

    Args:
        people: translations of the tab *Emojify*, whose loaded networks are shared.
        street: translations of the tab *Digits*, or None where there are none.
        runs: folder of training runs, or None where they aren't shown.
        data: folder of held-out photos, or None. Only viewers who may name paths see them.
        who: returns the current viewer.
        shown: whether the current viewer may see a run, by its name.
    """

    def __init__(
        self,
        people: Translations[Transferrer],
        street: Translations[DigitTransferrer] | None,
        runs: Path | None,
        data: Path | None,
        who: Callable[[], Viewer] = local_viewer,
        shown: Callable[[str], bool] = lambda run: True,
    ) -> None:
        self.people = people
        self.street = street
        self.runs = runs
        self._data = data
        self._who = who
        self._shown = shown
        self._pages: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._lock = Lock()

    @property
    def data(self) -> Path | None:
        """The folder of held-out photos, if the current viewer may see them."""
        return self._data if self._who().paths else None

    def choices(self) -> list[tuple[str, str]]:
        """Return (label, key) of translations, then of networks for them, then of runs, the newest first."""
        directories = [path.parent for path in sorted(SHIPPED.glob("*/config.json"))]
        kinds = {path.name: str(checkpoint.read_config(path).get("kind")) for path in directories}
        order = sorted(
            kinds, key=lambda name: (kinds[name] not in checkpoint.TRANSLATIONS, kinds[name] == "judge", name)
        )
        listed = [(name, name) for name in order]
        for run in sorted(self.runs.glob("[0-9]*"), reverse=True) if self.runs else ():
            if (run / "export" / "config.json").is_file() and self._shown(run.name):
                listed.append((run.name, f"{run.name}/export"))
        return listed

    def in_use(self, chosen: str | None) -> str:
        """The key of the checkpoint that the tab Emojify uses; the first of the list where that isn't listed.

        Args:
            chosen: The choice in Emojify, a key of `Translations`; empty for the checkpoint the app was started with.
        """
        keys = [key for _, key in self.choices()]
        directory = self.people.first.checkpoint.directory.absolute()
        if chosen:
            wanted = [chosen, f"{chosen.partition('/')[0]}/export"]
        else:
            wanted = [key for key in keys if self.directory(key).absolute() == directory]
        return next((key for key in wanted if key in keys), keys[0])

    def directory(self, key: str | None) -> Path:
        """Return the directory of a checkpoint. Raises UserError if there is no such checkpoint (any more)."""
        key = key if isinstance(key, str) else ""  # programs may send anything
        if self.runs and (parts := _KEY.fullmatch(key)):
            directory = self.runs / parts["run"] / "export" if self._shown(parts["run"]) else None
        else:
            directory = SHIPPED / key if re.fullmatch(r"[\w-]+", key) else None
        if directory is None or not (directory / "config.json").is_file():
            raise UserError("this checkpoint is gone. Choose another one from the list.")
        return directory

    def evidence(self, key: str) -> Evidence:
        """Read all figures of a checkpoint, without the server's folders for viewers who may not name paths.

        Raises:
            UserError: if there is no such checkpoint, or it can't be read.
        """
        with self._redacted_errors():
            evidence = read(self.directory(key), key.removesuffix("/export"))
        return evidence if self._who().paths else self._redact(evidence)

    def _redact(self, value: T) -> T:
        return redact_values(value, self.runs or SHIPPED)

    @contextmanager
    def _redacted_errors(self) -> Iterator[None]:
        """Remove the server's folders from a UserError for viewers who may not name paths."""
        try:
            yield
        except UserError as error:
            if self._who().paths:
                raise
            raise UserError(self._redact(str(error))) from None

    def _faces(self, key: str) -> Transferrer:
        return self.people.get("" if key == self.people.first.checkpoint.name else key)

    def _digits(self, key: str) -> DigitTransferrer:
        if self.street is None:
            raise UserError("this server has no digit checkpoints.")
        return self.street.get("" if key == self.street.first.checkpoint.name else key)

    def gallery(self, key: str, page: int, photos: bool = False) -> str:
        """Render a page of unselected faces and their translations as HTML.

        Args:
            key: of the checkpoint.
            page: number of the page, also its seed.
            photos: use held-out photos instead of freely licensed pictures.

        Raises:
            UserError: if the checkpoint can't be loaded.
        """
        page = max(0, min(LAST, int(page)))
        evidence = self.evidence(key)
        if not evidence.input_domain:
            return _line("This checkpoint makes no pictures: it is a network that translations use.")
        if evidence.input_domain == "pictures":
            return _line("It was trained on your own pictures: see its samples in the tab Train.")
        if photos and self.data:  # held-out photos are cached nowhere
            with self._redacted_errors():
                return self._page(key, evidence, page, self.data)
        return self._cached((evidence.hash, "gallery", str(page)), lambda: self._page(key, evidence, page, None))

    def _cached(self, place: tuple[str, ...], render: Callable[[], str]) -> str:
        """Return a page from the cache, or render and add it."""
        with self._lock:
            if place in self._pages:
                self._pages.move_to_end(place)
                return self._pages[place]
        with self._redacted_errors():
            page = render()
        with self._lock:
            self._pages[place] = page
            while len(self._pages) > IN_MEMORY:
                self._pages.popitem(last=False)
        return page

    def _page(self, key: str, evidence: Evidence, page: int, data: Path | None) -> str:
        if evidence.input_domain == "digits":
            x, y = draw_many("street", page, 2 * PAGE)
            results = to_images(self._digits(key).transfer(to_tensor(x)))
            rows = [((a, b.squeeze()), f"{d}") for a, b, d in zip(x, results, y.tolist())]
            return _figures(rows, ("A drawn street number", "G(x)"), "numbers")
        transferrer = self._faces(key)
        heads = gallery.held_out_heads(data, PAGE, page) if data else gallery.public_domain_heads(PAGE, page)
        rows = [((_small(head), _small(gallery.make_emoji(transferrer, head))), "") for head in heads]
        return _figures(rows, ("A face", f"{evidence.name}"), "faces")

    def pairs(self, key: str) -> str:
        """Render the translations of the first faces, each beside the nearest picture of t, as HTML.

        Returns "" if neighbours haven't been computed.
        """
        evidence = self.evidence(key)
        neighbours = ((evidence.computed or {}).get("neighbours") or {}).get("pairs")
        if not neighbours:
            return ""
        place = evidence.hash, "pairs", "with data" if self.data else ""
        return self._cached(place, lambda: self._pairs(key, evidence, neighbours["nearest"][:PAGE]))

    def _pairs(self, key: str, evidence: Evidence, nearest: Sequence[int]) -> str:
        info = checkpoint.read_config(self.directory(key))
        style = None if evidence.input_domain == "digits" else style_of(info, evidence.name)
        if self.data is None and (style is None or style in styles.PACKS):
            return _line("The pictures of t come from a data pack: to see them, set DTN_DATA on your own computer.")
        if style is None:
            x, _ = draw_many("street", 0, len(nearest))
            results = [picture.squeeze() for picture in to_images(self._digits(key).transfer(to_tensor(x)))]
            training = digits.mnist(self.data, "train", max(nearest) + 1).x
            return _figures(
                [((a, b), "") for a, b in zip(results, training[list(nearest)])], ("G(x)", "nearest t"), "numbers"
            )
        transferrer, heads = self._faces(key), gallery.public_domain_heads(24, 0)[: len(nearest)]
        results = [_small(_head(transferrer, head)) for head in heads]
        t = rendering.draw(style, nearest, self.data, avatars.ENRICHED_RATES).pictures
        return _figures([((a, _small(b)), "") for a, b in zip(results, t)], ("G(x)", "nearest t"), "faces")


def _head(transferrer: Transferrer, head: Image) -> Image:
    """Return G of a head, cropped as the pictures of t are."""
    if transferrer.paints:
        return gallery.make_emoji(transferrer, head, painted=True)
    (avatar,) = transferrer.checkpoint.predictor(to_tensor([head]).to(transferrer.device))
    return avatar.image(CELL, "head")


def _line(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'


def _small(picture: Image) -> Image:
    opaque = composite_over(picture, BACKGROUND) if picture.shape[2] == 4 else picture
    return cv2.resize(np.ascontiguousarray(opaque), (CELL, CELL), interpolation=cv2.INTER_AREA)


def _figures(rows: Sequence[tuple[Sequence[Image], str]], names: tuple[str, str], kind: str) -> str:
    """Render pairs of pictures as HTML. names: their alternative texts."""
    parts = []
    for pictures, caption in rows:
        images = "".join(
            f'<img src="{encode(picture, exact=kind == "numbers")}" alt="{escape(name)} {escape(caption)}">'
            for picture, name in zip(pictures, names)
        )
        parts.append(f"<figure>{images}</figure>")
    return f'<div class="evidence-pairs {kind}">{"".join(parts)}</div>'

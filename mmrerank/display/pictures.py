"""Images in a page of results, within a budget of bytes: thumbnails, and pages with a frame."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mmrerank.display.cards import Card, CardImage
from mmrerank.display.overlay import explained_images, overlaid
from mmrerank.errors import DocumentError, ImageError, RerankError
from mmrerank.images.encode import EncodedImage, thumbnail
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page_reader import OpenPDF
from mmrerank.loaders.pdf.worker import PDFFile, spare_workers
from mmrerank.types import Image
from mmrerank.worker import WorkerLostError

__all__ = [
    "Budget",
    "CardPictures",
    "Picture",
    "Sides",
    "card_pictures",
    "data_uri",
    "framed_page",
]

_LEAST_BYTES = 400  # no image is smaller as a `data:` address

_PAGE_DPI = 96

_PAGE_SIDE = 1100  # pixels

_PAGE_TIMEOUT = 20.0  # seconds

_FRAME_PIXELS = 3

_FRAME_COLOR = "#c2185b"


class Sides(NamedTuple):
    """The longest side of a best image and of any other, in pixels."""

    best: int
    other: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on a page: its `data:` address, or None, and then why it is not shown."""

    uri: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CardPictures:
    """The pictures of one card: its images, those that are explained, and its framed page.

    `explained` has them by their index in the explanation.
    """

    images: Sequence[Picture]
    explained: Mapping[int, Picture] = field(default_factory=dict)
    page: Picture | None = None


class Budget:
    """Room for `max_bytes` of `data:` addresses; `left_out` counts the images that found none."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.left_out = 0
        self._left = max_bytes

    def place(self, make: Callable[[], EncodedImage]) -> Picture:
        """The picture that `make` returns, or why it cannot be shown."""
        if self._left < _LEAST_BYTES:
            return self._refuse()
        try:
            uri = data_uri(make())
        except RerankError as error:
            return Picture(None, _reason(error))
        if len(uri) > self._left:
            return self._refuse()
        self._left -= len(uri)
        return Picture(uri)

    def _refuse(self) -> Picture:
        self.left_out += 1
        return Picture(None, "left out: the images of this page have a limit of bytes")


def card_pictures(
    cards: Sequence[Card], budget: Budget, *, sides: Sides, pages: bool
) -> list[CardPictures]:
    """The pictures of all cards. Best images are the first to find room, then others, then pages."""
    drawn: dict[tuple[int, int], Picture] = {}
    every = [(i, k) for i, card in enumerate(cards) for k in range(len(card.images))]
    for i, k in sorted(every, key=lambda place: cards[place[0]].best_image != place[1]):
        side = sides.best if cards[i].best_image == k else sides.other
        drawn[i, k] = _drawn(cards[i].images[k], budget, side)
    return [
        CardPictures(
            [drawn[i, k] for k in range(len(card.images))],
            _explained(card, budget, sides.best),
            _framed(card, budget) if pages else None,
        )
        for i, card in enumerate(cards)
    ]


def _drawn(shown: CardImage, budget: Budget, side: int) -> Picture:
    image = shown.image
    if image is None:
        return Picture(None, shown.problem)
    return budget.place(lambda: thumbnail(image, side))


def _explained(card: Card, budget: Budget, side: int) -> dict[int, Picture]:
    """The images of which the explanation says something, with what it says."""
    explanation = card.explanation
    if explanation is None:
        return {}
    images = card.content.images
    return {
        index: budget.place(partial(overlaid, images[index], explanation, index, side))
        for index in explained_images(explanation)
        if index < len(images)
    }


def _framed(card: Card, budget: Budget) -> Picture | None:
    """The page of a result with a frame; None where the source is no PDF, or may not be opened."""
    if not (card.can_open_source and card.source.lower().endswith(".pdf") and card.framed):
        return None
    page, box = card.framed
    return budget.place(lambda: framed_page(card.source, page, box))


def _reason(error: RerankError) -> str:
    reason = error.reason if isinstance(error, (ImageError, DocumentError)) else str(error)
    return f"cannot be shown: {reason}"


def data_uri(picture: EncodedImage) -> str:
    """The image as a `data:` address."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def framed_page(path: str, number: int, box: Box) -> EncodedImage:
    """A page of a PDF with a frame around a box, drawn by a worker process.

    `box` is in points from the top left. Raises `DocumentError` for a file or page that cannot be
    read, `MissingDependencyError` without PyMuPDF.
    """
    data, width, height = _page(path, number)
    from PIL import Image as Pillow
    from PIL import ImageDraw

    picture = Pillow.open(io.BytesIO(data), formats=["PNG"]).convert("RGB")
    across, down = picture.width / max(width, 1.0), picture.height / max(height, 1.0)
    x0, y0, x1, y1 = box
    frame = (x0 * across - 2, y0 * down - 2, x1 * across + 2, y1 * down + 2)
    if frame[0] < frame[2] and frame[1] < frame[3]:
        ImageDraw.Draw(picture).rectangle(frame, outline=_FRAME_COLOR, width=_FRAME_PIXELS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return thumbnail(Image.from_bytes(buffer.getvalue()), _PAGE_SIDE)


def _page(path: str, number: int) -> tuple[bytes, float, float]:
    """The PNG file of a page, and its size in points."""
    worker = spare_workers.get()
    try:
        worker.open(PDFFile(path, None, None if Path(path).is_absolute() else str(Path.cwd())))
        return worker.call(OpenPDF.picture, _PAGE_TIMEOUT, number, _PAGE_DPI)
    except WorkerLostError as error:
        raise DocumentError(path, f"the page cannot be drawn: it {error}", page=number) from error
    except RuntimeError as error:  # what PyMuPDF raises for a damaged page
        raise DocumentError(path, f"the page cannot be drawn: {error}", page=number) from error
    finally:
        spare_workers.put(worker)

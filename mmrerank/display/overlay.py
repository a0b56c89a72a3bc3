"""An image with what made its score: cells tinted by their weight, the strongest ones numbered."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.errors import InvalidInputError
from mmrerank.explanation import Explanation, ImageMap, ImageWord
from mmrerank.images.decode import image_size, open_image
from mmrerank.images.encode import EncodedImage, encode_image
from mmrerank.loaders.boxes import Box
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["Mark", "explained_images", "overlaid", "strongest_marks"]

_MARKS = 6

_WEAKEST = 0.05  # of the strongest weight: what is below is neither numbered nor tinted

_FOR = (216, 27, 96)  # adds to the score

_AGAINST = (30, 90, 200)  # takes away

_STRONGEST_TINT = 150  # of 255

_MOST_PIXELS = 2_000_000

_BADGE = 13.0  # pixels, as wide as a number


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered place in an image: its box in pixels of the image file, what it is, its weight.

    `box` is None for a word whose place in the image is not known.
    """

    number: int
    box: Box | None
    name: str
    weight: float


def strongest_marks(explanation: Explanation, image: int) -> list[Mark]:
    """The strongest cells of an image, or the words that were read in it, numbered from 1."""
    places: list[tuple[Box | None, str, float]] = [
        (one.box(row, column), f"row {row + 1}, column {column + 1}", weight)
        for one in explanation.images
        if one.image == image
        for row, weights in enumerate(one.weights)
        for column, weight in enumerate(weights)
    ] or [(one.box, one.text, one.weight) for one in _words(explanation, image)]
    places.sort(key=lambda place: -abs(place[2]))
    least = _WEAKEST * abs(places[0][2]) if places else 0.0
    return [
        Mark(number, *place)
        for number, place in enumerate(places[:_MARKS], start=1)
        if abs(place[2]) > least
    ]


def _words(explanation: Explanation, image: int) -> list[ImageWord]:
    return [one for one in explanation.image_words if one.image == image]


def overlaid(image: Image, explanation: Explanation, index: int, side: int) -> EncodedImage:
    """The image with its cells tinted and its marks numbered, at most `side` pixels a side.

    `index` is the image's in the explanation. Raises `ImageError` for an image that cannot be read,
    `InvalidInputError` for a map that does not fit its own rows and columns.
    """
    picture = open_image(image, _MOST_PIXELS)
    full = _full_size(explanation, index) or image_size(image)
    picture.thumbnail((side, side), reducing_gap=3.0)
    scale = (picture.width / full[0], picture.height / full[1])
    for one in explanation.images:
        if one.image == index:
            picture = _tinted(picture, one)
    has_map = any(one.image == index for one in explanation.images)
    for mark in reversed(strongest_marks(explanation, index)):  # the strongest one on top
        if mark.box is not None:
            _draw_mark(picture, mark, scale, hides_place=has_map)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return encode_image(Image.from_bytes(buffer.getvalue()), _MOST_PIXELS)


def _full_size(explanation: Explanation, index: int) -> tuple[int, int] | None:
    """The size of the image file in pixels, as the map has it."""
    return next(((m.width, m.height) for m in explanation.images if m.image == index), None)


def _tinted(picture: PILImage, one: ImageMap) -> PILImage:
    """The picture with each cell in the color of its weight's sign, stronger for larger weights."""
    from PIL import Image as Pillow

    if len(one.weights) != one.rows or any(len(row) != one.columns for row in one.weights):
        raise InvalidInputError(f"a map of {one.rows} x {one.columns} cells has other weights")
    weights = [weight for row in one.weights for weight in row]
    strongest = max(map(abs, weights), default=0.0) or 1.0
    tints = bytes(
        channel
        for weight in weights
        for channel in (*(_FOR if weight > 0 else _AGAINST), _tint(weight / strongest))
    )
    cells = Pillow.frombytes("RGBA", (one.columns, one.rows), tints)
    layer = cells.resize(picture.size, resample=Pillow.Resampling.NEAREST)
    return Pillow.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _tint(strength: float) -> int:
    return round(_STRONGEST_TINT * abs(strength)) if abs(strength) > _WEAKEST else 0


def _draw_mark(
    picture: PILImage, mark: Mark, scale: tuple[float, float], *, hides_place: bool
) -> None:
    """A frame around the place, and the number in its corner, or left of a word to be read."""
    from PIL import ImageDraw

    assert mark.box is not None
    x0, y0, x1, y1 = (edge * scale[i % 2] for i, edge in enumerate(mark.box))
    if not (x0 < x1 and y0 < y1):
        return
    color = _FOR if mark.weight > 0 else _AGAINST
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=color, width=2)
    left = x0 if hides_place else max(x0 - _BADGE, 0.0)
    draw.rectangle((left, y0, left + _BADGE, y0 + 17), fill=color)
    draw.text((left + 3, y0 + 1), str(mark.number), fill="white", font_size=14)


def explained_images(explanation: Explanation) -> Sequence[int]:
    """The images that the explanation says something of."""
    indices = {one.image for one in explanation.images}
    return sorted(indices | {one.image for one in explanation.image_words})

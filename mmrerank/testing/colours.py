"""A deterministic embedder of texts and images without a model: it knows colours, nothing else."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmrerank.images.decode import open_image
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["COLOURS", "ColourEmbedder"]

COLOURS = {
    "red": (255, 0, 0),
    "orange": (255, 140, 0),
    "yellow": (255, 230, 0),
    "green": (0, 150, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "pink": (255, 150, 200),
    "brown": (120, 70, 20),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "black": (0, 0, 0),
}
"""The words that `ColourEmbedder` knows, and the colours (red, green, blue; 0 to 255) they name."""

_SIDE = 32  # pixels that are looked at, in each direction
_WORD = re.compile(r"[a-z]+")


class ColourEmbedder(Embedder):
    """Texts and images in one space, whose dimensions are the colours of `COLOURS`.

    A text is the colours it names, and an image the shares of its pixels that are nearest to each
    colour; so "red and white" is near a picture that is half red and half white. One more dimension
    stands for texts without any colour, which are near each other and near no image. A query with a
    text and images is searched for by each of them, unless a subclass adds "text_and_image" to
    `modalities`: then its vectors are added up to one.
    """

    model = "colours"
    modalities = frozenset({"text", "image"})

    def _embed_texts(self, texts: Sequence[str]) -> list[Vector]:
        return [_of_text(text) for text in texts]

    def _embed_images(self, images: Sequence[Image]) -> list[Vector]:
        return [_of_picture(open_image(image)) for image in images]

    def _embed_query(self, query: Content) -> Vector:
        texts = [query.text] if query.text is not None else []
        vectors = [*self._embed_texts(texts), *self._embed_images(query.images)]
        return [sum(numbers) for numbers in zip(*vectors, strict=True)]


def _of_text(text: str) -> list[float]:
    counts = Counter(_WORD.findall(text.lower()))
    named = [float(counts[colour]) for colour in COLOURS]
    return _unit([*named, 0.0 if any(named) else 1.0])


def _of_picture(picture: PILImage) -> list[float]:
    from PIL import Image as Pillow

    palette = Pillow.new("P", (1, 1))
    # The rest of the palette repeats its first colour, whose index is the one that is chosen.
    colours = [*COLOURS.values(), *[COLOURS["red"]] * (256 - len(COLOURS))]
    palette.putpalette([value for colour in colours for value in colour])
    small = picture.resize((_SIDE, _SIDE), resample=Pillow.Resampling.BOX)
    shares = small.quantize(palette=palette, dither=Pillow.Dither.NONE).histogram()
    return _unit([*map(float, shares[: len(COLOURS)]), 0.0])


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector]

"""Which images of the chunks a prompt holds: best first, each once, within a budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mmrerank.answers.chunks import Chunk, ChunkImage
from mmrerank.errors import ImageError, InvalidInputError, warn
from mmrerank.images.encode import EncodedImage, encode_within
from mmrerank.images.facts import digest, image_facts
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.types import Image

__all__ = ["ImageBudget", "ImagePicker", "Picked", "PickedImage"]

_FEWEST_BYTES = 4096  # of each image: what remains of a larger one at the lowest quality

Place = tuple[int, int]
"""The position of a chunk, and of an image among those of the chunk."""


@dataclass(frozen=True, slots=True)
class ImageBudget:
    """How many images a prompt holds, the pixels of each and the bytes of all, before base64.

    Larger images are shrunk. Raises `InvalidInputError` for numbers that leave nothing to see.
    """

    max_images: int = 8
    max_pixels: int = 1_600_000
    max_bytes: int = 8 * 2**20

    def __post_init__(self) -> None:
        for name in ("max_images", "max_pixels", "max_bytes"):
            if type(getattr(self, name)) is not int:
                raise InvalidInputError(f"{name} must be a whole number")
        if self.max_images < 1 or self.max_pixels < 1024:
            raise InvalidInputError("max_images is at least 1, and max_pixels at least 1024")
        if self.max_bytes < self.max_images * _FEWEST_BYTES:
            raise InvalidInputError(f"max_bytes is at least {_FEWEST_BYTES} for each of max_images")


@dataclass(frozen=True, slots=True)
class PickedImage:
    """An image of a prompt: its bytes, its URL, or the words that were read in it."""

    encoded: EncodedImage | None = None
    url: str | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Picked:
    """The images of a prompt by their places.

    `same` are the places of further copies of an image that was picked, with the place of the one
    that was. `left_out` are places for which there was no room, or whose image cannot be used.
    """

    images: dict[Place, PickedImage] = field(default_factory=dict)
    same: dict[Place, Place] = field(default_factory=dict)
    left_out: list[Place] = field(default_factory=list)


class ImagePicker:
    """Picks the images of chunks for a prompt, and encodes or reads them.

    `on_image_error`: "raise" the `ImageError` of an image that cannot be used, or "warn" and go on
    without it. `reader` reads words; the default uses OCR if it is installed, with a cache.
    """

    def __init__(
        self,
        budget: ImageBudget,
        *,
        on_image_error: Literal["raise", "warn"],
        reader: ImageReader | None = None,
    ) -> None:
        self._budget, self._on_image_error = budget, on_image_error
        self._reader = reader

    def pick(self, chunks: Sequence[Chunk], *, words: bool) -> Picked:
        """The images to send, or to read if `words`. Raises `ImageError`, `MissingDependencyError`.

        First the image that scored best in each chunk, in the order of the chunks, then the others.
        """
        picked = Picked()
        place_of: dict[str, Place] = {}  # of each image, by its content
        places = list(_best_first(chunks))
        bytes_left = self._budget.max_bytes
        for i, (chunk, image) in enumerate(places):
            item = chunks[chunk].images[image]
            try:
                key = _key(item.image)
                if key in place_of:
                    picked.same[chunk, image] = place_of[key]
                    continue
                room = min(self._budget.max_images - len(picked.images), len(places) - i)
                if not room:
                    picked.left_out.append((chunk, image))
                    continue
                one = self._words(item) if words else self._encoded(item, bytes_left // room)
            except ImageError as error:
                self._fail(ImageError(item.ref, error.reason))
                picked.left_out.append((chunk, image))
                continue
            place_of[key] = (chunk, image)
            picked.images[chunk, image] = one
            bytes_left -= len(one.encoded.data) if one.encoded else 0
        return picked

    def _encoded(self, item: ChunkImage, max_bytes: int) -> PickedImage:
        if item.image.url is not None:
            return PickedImage(url=item.image.url)
        encoded = encode_within(item.image, self._budget.max_pixels, max_bytes)
        return PickedImage(encoded=encoded)

    def _words(self, item: ChunkImage) -> PickedImage:
        if item.image.url is not None:
            raise ImageError(item.ref, 'is a URL, and its words cannot be read; give urls="fetch"')
        if self._reader is None:
            self._reader = ImageReader(default_cache_dir(), ocr=has_ocr())
        return PickedImage(words=self._reader.words(item.image))

    def _fail(self, error: ImageError) -> None:
        if self._on_image_error == "raise":
            raise error
        warn(f"{error}; left out of the prompt")


def _best_first(chunks: Sequence[Chunk]) -> Iterator[Place]:
    for is_best in (True, False):
        for i, chunk in enumerate(chunks):
            yield from ((i, j) for j, image in enumerate(chunk.images) if image.is_best == is_best)


def _key(image: Image) -> str:
    """What is equal for equal images: a URL, or a hash of the file. Raises `ImageError`."""
    if image.url is not None:
        return image.url
    return image_facts(image).digest if image.path is not None else digest(image.data or b"")

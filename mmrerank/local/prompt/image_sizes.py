"""The size to which an image is resized, and so its number of tokens. No pixel is decoded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmrerank.errors import ImageError
from mmrerank.images.facts import image_facts
from mmrerank.local.prompt.prompt import ImagePart
from mmrerank.types import Image

__all__ = ["PixelRule", "fit_images"]

_MAX_ASPECT = 200  # the published preprocessing refuses more


@dataclass(frozen=True, slots=True)
class PixelRule:
    """Sides are multiples of `factor`, the area lies between `min_pixels` and `max_pixels`.

    One token of the prompt is `factor` x `factor` pixels. `thin` is about sides shorter than
    half of `factor`: True rounds them up to `factor`; False rounds them down to 0, and the whole
    image is then scaled up to `min_pixels`. The published models differ in this.
    """

    factor: int
    min_pixels: int
    max_pixels: int
    thin: bool = False

    def part(self, image: Image, max_tokens: int | None = None) -> ImagePart:
        """The image at the size that the model sees, of at most `max_tokens` tokens.

        Raises `ImageError` for an image that cannot be read or has an aspect ratio over 200.
        """
        facts = image_facts(image)
        width, height = self.fit(image.name, facts.width, facts.height, max_tokens)
        rows, columns = height // self.factor, width // self.factor
        return ImagePart(image, rows, columns, height, width, facts.digest)

    def fit(
        self, name: str, width: int, height: int, max_tokens: int | None = None
    ) -> tuple[int, int]:
        """The width and height in pixels to which an image of this size is resized.

        Raises `ImageError`, with `name`, for an aspect ratio over 200.
        """
        if max(width, height) > _MAX_ASPECT * min(width, height):
            raise ImageError(
                name, f"is {width} x {height}; the model takes no aspect ratio over {_MAX_ASPECT}"
            )
        max_pixels = self.max_pixels
        if max_tokens is not None:
            max_pixels = min(max_pixels, max_tokens * self.factor**2)
        return self._resized(width, height, max_pixels)

    def _resized(self, width: int, height: int, max_pixels: int) -> tuple[int, int]:
        min_tokens = 1 if self.thin else 0
        w, h = (
            max(min_tokens, round(side / self.factor)) * self.factor for side in (width, height)
        )
        if w * h > max_pixels:
            scale = math.sqrt(width * height / max_pixels)
            w, h = (
                max(1, math.floor(side / scale / self.factor)) * self.factor
                for side in (width, height)
            )
        elif w * h < self.min_pixels:
            scale = math.sqrt(self.min_pixels / (width * height))
            w, h = (math.ceil(side * scale / self.factor) * self.factor for side in (width, height))
        return w, h


def fit_images(
    rule: PixelRule, images: Sequence[Image], room: int, *, shrink: bool
) -> list[ImagePart]:
    """The images of one document or query, which together take at most `room` tokens.

    An image's tokens are never cut. With `shrink`, all images are made small enough to share the
    room. Raises `ImageError` for the first image that does not fit or cannot be read.
    """
    parts = [rule.part(image) for image in images]
    if shrink and sum(part.tokens + 2 for part in parts) > room:
        share = room // len(parts) - 2
        parts = [rule.part(image, max(share, 1)) for image in images]
    used = 0
    for part in parts:
        used += part.tokens + 2  # one token before an image and one after it
        if used > room:
            raise ImageError(
                part.image.name,
                f"takes {part.tokens} tokens and {room - used + part.tokens + 2} are left; raise "
                "max_length, give fewer images, or allow shrink_images",
            )
    return parts

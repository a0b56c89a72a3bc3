"""A tokenised prompt and the images in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.types import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ImagePart", "PlacedImage", "Prompt"]


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image as the model sees it: `rows` x `columns` tokens, `height` x `width` pixels.

    `digest` is the SHA-256 of the image file.
    """

    image: Image
    rows: int
    columns: int
    height: int
    width: int
    digest: str = ""

    @property
    def tokens(self) -> int:
        """The tokens of the image in a prompt, without the two around them."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image whose tokens begin at `start` in the prompt."""

    part: ImagePart
    start: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: its token ids, its images in order, and whether its document was cut to fit."""

    ids: list[int]
    images: tuple[PlacedImage, ...] = ()
    cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, removed: Collection[int]) -> Prompt:
        """The prompt without the tokens at these places, none of which may be an image's."""
        images = tuple(
            PlacedImage(placed.part, placed.start - sum(i < placed.start for i in removed))
            for placed in self.images
        )
        ids = [token for i, token in enumerate(self.ids) if i not in removed]
        return Prompt(ids, images, self.cut)

    def positions(self) -> NDArray[np.int64]:
        """The rotary positions, shape (3, tokens): time, height, width.

        Text increases all three rows by one a token. The tokens of an image share one time; their
        height and width are those of its grid, starting where the text stopped; the text after
        the image continues after its longer side.
        """
        import numpy as np

        out = np.empty((3, len(self.ids)), dtype=np.int64)
        done, following = 0, 0
        for placed in self.images:
            length = placed.start - done
            out[:, done : placed.start] = np.arange(following, following + length)
            following += length
            part, end = placed.part, placed.start + placed.part.tokens
            out[0, placed.start : end] = following
            out[1, placed.start : end] = following + np.repeat(np.arange(part.rows), part.columns)
            out[2, placed.start : end] = following + np.tile(np.arange(part.columns), part.rows)
            done, following = end, following + max(part.rows, part.columns)
        out[:, done:] = np.arange(following, following + len(self.ids) - done)
        return out

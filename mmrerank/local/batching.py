"""What is computed together: prompts, their shared prefix, and batches under a token budget.

No torch here: a prompt is a list of token ids and the places of its images. numpy is imported
where it is used: the classes of rerankers are imported without their extra, too.

A batch is a list of rectangles. A rectangle holds prompts of (nearly) one length, one a row; the
rectangles of a batch lie one behind the other, so that every layer's matrices see all tokens of
the batch at once and attention sees each rectangle alone. Prompts of one length need no padding,
and padding on the right needs no mask, since a causal model never looks to the right: the fast
causal kernels stay in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.types import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ImagePart", "PlacedImage", "Prompt", "Rectangle", "plan_batches", "shared_prefix"]


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image as the model sees it: `rows` x `columns` tokens, `height` x `width` pixels.

    `digest` is the SHA-256 of the image file, where what is read is kept.
    """

    image: Image
    rows: int
    columns: int
    height: int
    width: int
    digest: str = ""

    @property
    def tokens(self) -> int:
        """How many tokens of a prompt the image takes, without the two around it."""
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

    def positions(self) -> NDArray[np.int64]:
        """The rotary positions, shape (3, tokens): time, height, width.

        Text counts on in all three rows. The tokens of an image share one time; their height and
        width are those of its grid, counted from where the text stopped; the text after it goes
        on behind the longer side.
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


def shared_prefix(prompts: Sequence[Prompt]) -> int:
    """How many tokens all prompts begin with, images compared by what they show.

    At least one token of each prompt is left over. The prompts were tokenised whole, so the cut
    falls between tokens that each of them really has.
    """
    import numpy as np

    if len(prompts) < 2:
        return 0
    keys = [_identity(prompt) for prompt in prompts]
    shortest = min(len(key) for key in keys) - 1
    first = keys[0][:shortest]
    length = shortest
    for key in keys[1:]:
        differ = np.flatnonzero(first[:length] != key[:length])
        length = int(differ[0]) if differ.size else length
    return length


def _identity(prompt: Prompt) -> NDArray[np.int64]:
    """The ids, with those of an image replaced by a negative number that stands for the image."""
    import numpy as np

    key = np.array(prompt.ids, dtype=np.int64)
    for placed in prompt.images:
        mark = -1 - (hash(placed.part) & 0x7FFFFFFFFFFFFFFF) // 2
        key[placed.start : placed.start + placed.part.tokens] = mark
    return key


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Rows of one width: `rows` are places in the list of prompts, `lengths` their true lengths."""

    rows: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def width(self) -> int:
        """The longest row; the others are padded to it on the right."""
        return max(self.lengths)

    @property
    def tokens(self) -> int:
        """Rows times width: what is computed, padding included."""
        return len(self.rows) * self.width


def plan_batches(
    lengths: Sequence[int], budget: int, *, slack: float = 0.0, rows: Iterable[int] | None = None
) -> list[list[Rectangle]]:
    """Batches of at most `budget` tokens; a longer prompt is a batch of its own.

    Longest first, so that memory runs out at the start if it does. `slack` is the part of a row
    that may be padding: none where attention row by row is cheap (CPU), some where every kernel
    launch costs (GPU). `rows` are the prompts to plan, all of them unless told.
    """
    order = sorted(range(len(lengths)) if rows is None else rows, key=lambda i: -lengths[i])
    batches: list[list[Rectangle]] = []
    batch: list[list[int]] = []
    used = 0
    for i in order:
        fits_last = bool(batch) and lengths[i] >= (1 - slack) * lengths[batch[-1][0]]
        cost = lengths[batch[-1][0]] if fits_last else lengths[i]
        if batch and used + cost > budget:
            batches.append(_rectangles(batch, lengths))
            batch, used, fits_last, cost = [], 0, False, lengths[i]
        if fits_last:
            batch[-1].append(i)
        else:
            batch.append([i])
        used += cost
    return [*batches, _rectangles(batch, lengths)] if batch else batches


def _rectangles(groups: list[list[int]], lengths: Sequence[int]) -> list[Rectangle]:
    return [Rectangle(tuple(group), tuple(lengths[i] for i in group)) for group in groups]

"""Plans what is computed together: the prefix that prompts share, and batches under a token budget.

No torch here: a prompt is a list of token ids and the places of its images. numpy is imported
where it is used, since the rerankers' classes can be imported without their extra.

A batch is a list of rectangles. A rectangle is a group of prompts of (nearly) one length, one a
row; the rectangles of a batch follow each other, so that every layer's matrices see all tokens of
the batch at once and attention sees each rectangle alone. Prompts of one length need no padding,
and padding on the right needs no mask, since a causal model never looks to the right: the fast
causal kernels stay in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.local.prompt.prompt import Prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Rectangle", "plan_batches", "shared_prefix"]


def shared_prefix(prompts: Sequence[Prompt]) -> int:
    """How many tokens all prompts begin with; images are compared by content.

    At least one token of each prompt is left over. The prompts were tokenised whole, so the cut
    falls between tokens that all of them have. Returns 0 for fewer than two prompts.
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
    """The token ids, with those of an image replaced by a negative number that names the image."""
    import numpy as np

    key = np.array(prompt.ids, dtype=np.int64)
    for placed in prompt.images:
        mark = -1 - (hash(placed.part) & 0x7FFFFFFFFFFFFFFF) // 2
        key[placed.start : placed.start + placed.part.tokens] = mark
    return key


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Rows of one width: `rows` are indices of prompts, `lengths` their true lengths in tokens."""

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
    launch is expensive (GPU). `rows` are the indices of the prompts to plan, all unless given.
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

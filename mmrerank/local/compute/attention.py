"""Attention over packed prompts: each row sees itself, and what was computed before it.

Without masks where possible, since the fast causal kernels take none. The kernel itself is a
parameter: every function but `attend_block` takes an `attend` and writes nothing in place, so that
a caller can look at the attention weights or compute gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mmrerank.local.compute.batching import Rectangle

__all__ = [
    "Attend",
    "attend_all",
    "attend_block",
    "attend_each",
    "attend_last",
    "attend_resumed",
    "sdpa",
]


class Attend(Protocol):
    """Softmax attention, softmax(q k^T / sqrt(size)) v, as `sdpa` computes it."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Attention: q (rows, heads, n, size), k and v (rows, KV heads, m, size) -> (rows, heads, n, size).

        Heads that share a KV head are neighbours. `mask` broadcasts to (rows, heads, n, m): True
        where a token may look, or numbers that are added to the scores. With `causal` token i of q
        sees tokens 0 to i of k.
        """


def sdpa(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """The kernels of torch; see `Attend`."""
    return functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1]
    )


def attend_all(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    past: tuple[Tensor, Tensor] | None,
    attend: Attend = sdpa,
) -> Tensor:
    """Causal attention inside each row; every row also sees all of `past`.

    Tokens behind the last row of the last rectangle see nothing.
    q (tokens, heads, size), k and v (tokens, KV heads, size) -> (tokens, heads * size)
    """
    mixed: list[Tensor] = []
    start = 0
    for rectangle in rectangles:
        rows, width = len(rectangle.rows), rectangle.width
        part = slice(start, start + rows * width)
        start += rows * width
        keys, values = _with_past(_grid(k[part], rows), _grid(v[part], rows), past)
        one = _causal(_grid(q[part], rows), keys, values, attend)
        mixed.append(one.transpose(1, 2).reshape(rows * width, *q.shape[1:]))
    if start < q.shape[0]:  # tokens behind the last row
        mixed.append(torch.zeros_like(q[start:]))
    return (mixed[0] if len(mixed) == 1 else torch.cat(mixed)).flatten(1)


def attend_each(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    attend: Callable[[int, Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    """Attention of each rectangle alone, by `attend(index of the rectangle, q, k, v)`.

    q (tokens, heads, size), or (prompts, heads, size) if only the last token of each row is
    needed; k and v (tokens, KV heads, size). Tokens behind the last rectangle see nothing.
    """
    only_last = q.shape[0] != k.shape[0]
    mixed: list[Tensor] = []
    start = prompt = 0
    for i, rectangle in enumerate(rectangles):
        part = slice(start, start + rectangle.tokens)
        rows = slice(prompt, prompt + len(rectangle.rows)) if only_last else part
        mixed.append(attend(i, q[rows], k[part], v[part]))
        start, prompt = part.stop, prompt + len(rectangle.rows)
    if not only_last and start < q.shape[0]:
        mixed.append(q.new_zeros(q.shape[0] - start, q.shape[1] * q.shape[2]))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def attend_resumed(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    pasts: Sequence[tuple[Tensor, Tensor]],
    attend: Attend = sdpa,
) -> Tensor:
    """Attention of rows of one width, each of which sees all of its own past.

    q (rows * n, heads, size), where n is the width, or 1 if only the last token of each row is
    needed; k and v (rows * width, KV heads, size); pasts (KV heads, tokens, size), of any lengths.
    Returns (rows * n, heads * size). Nothing is padded: each row is computed alone, and the heads
    that share a KV head are computed as one, so that keys and values are not repeated.
    """
    rows, kv_heads, size = len(pasts), k.shape[1], k.shape[2]
    n, group = q.shape[0] // rows, q.shape[1] // kv_heads
    queries = q.view(rows, n, kv_heads, group, size).permute(0, 2, 3, 1, 4)
    queries = queries.reshape(rows, kv_heads, group * n, size)
    keys, values = _grid(k, rows), _grid(v, rows)
    mask = _causal_tail(n, keys.shape[2], max(past[0].shape[1] for past in pasts), group, q)
    mixed: list[Tensor] = []
    for row, (past_keys, past_values) in enumerate(pasts):
        all_keys = torch.cat((past_keys, keys[row]), dim=1)
        all_values = torch.cat((past_values, values[row]), dim=1)
        row_mask = None if mask is None else mask[:, mask.shape[1] - all_keys.shape[1] :]
        mixed.append(attend(queries[row, None], all_keys[None], all_values[None], mask=row_mask))
    out = torch.cat(mixed).view(rows, kv_heads, group, n, size).permute(0, 3, 1, 2, 4)
    return out.reshape(rows * n, -1)


def attend_block(q: Tensor, k: Tensor, v: Tensor, block: Tensor, mask: Tensor) -> Tensor:
    """As `attend_resumed`, all rows in one kernel, where each launch costs more than copies do.

    block (2, rows, KV heads, longest + width, size) contains the pasts, moved to the right up to the
    last `width` columns, which are filled here, in place; mask (rows, 1, n, longest + width)
    is True where a query may look. Returns (rows * n, heads * size).
    """
    rows = block.shape[1]
    n, width, size = q.shape[0] // rows, k.shape[0] // rows, q.shape[2]
    block[0, :, :, -width:] = _grid(k, rows)
    block[1, :, :, -width:] = _grid(v, rows)
    mixed = sdpa(_grid(q, rows), block[0], block[1], mask=mask)
    return mixed.transpose(1, 2).reshape(rows * n, q.shape[1] * size)


def attend_last(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    past: tuple[Tensor, Tensor] | None,
    attend: Attend = sdpa,
) -> Tensor:
    """Attention of each row's last true token. q (prompts, heads, size) -> (prompts, heads * size)"""
    mixed: list[Tensor] = []
    start = prompt = 0
    for rectangle in rectangles:
        rows, width = len(rectangle.rows), rectangle.width
        part = slice(start, start + rows * width)
        queries = q[prompt : prompt + rows, :, None]
        start, prompt = start + rows * width, prompt + rows
        keys, values = _with_past(_grid(k[part], rows), _grid(v[part], rows), past)
        mixed.append(attend(queries, keys, values, mask=_true_keys(rectangle, keys))[:, :, 0])
    return torch.cat(mixed).flatten(1)


def _causal_tail(n: int, width: int, longest: int, group: int, like: Tensor) -> Tensor | None:
    """What is added to the scores of `group` times n queries: (group * n, longest + width).

    The last `width` columns are causal; a shorter past leaves out columns on the left. None if
    the queries are those of the last tokens, which see everything.
    """
    if n < width:
        return None
    mask = torch.full((n, width), -torch.inf, dtype=like.dtype, device=like.device).triu(1)
    return functional.pad(mask, (longest, 0)).repeat(group, 1)


def _causal(q: Tensor, k: Tensor, v: Tensor, attend: Attend) -> Tensor:
    """Causal attention where `k` may begin with tokens that `q` does not have.

    The kernels align the causal triangle to the upper left. Empty query rows in front move it to
    where it belongs, which costs less than reading a mask as long as there are few of them.
    """
    missing = k.shape[2] - q.shape[2]
    if missing == 0:
        return attend(q, k, v, causal=True)
    if missing <= q.shape[2]:
        padded = functional.pad(q, (0, 0, missing, 0))
        return attend(padded, k, v, causal=True)[:, :, missing:]
    mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril(missing)
    return attend(q, k, v, mask=mask)


def _true_keys(rectangle: Rectangle, keys: Tensor) -> Tensor | None:
    """Which keys are not padding, (rows, 1, 1, keys); None if none is."""
    if len(set(rectangle.lengths)) == 1:
        return None
    past = keys.shape[2] - rectangle.width
    lengths = torch.tensor(rectangle.lengths, device=keys.device) + past
    return (torch.arange(keys.shape[2], device=keys.device) < lengths[:, None])[:, None, None]


def _grid(x: Tensor, rows: int) -> Tensor:
    """(rows * width, heads, size) -> (rows, heads, width, size)"""
    return x.view(rows, -1, *x.shape[1:]).transpose(1, 2)


def _with_past(
    keys: Tensor, values: Tensor, past: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    if past is None:
        return keys, values
    rows = keys.shape[0]
    past_keys, past_values = (tensor.expand(rows, *tensor.shape) for tensor in past)
    return torch.cat((past_keys, keys), dim=2), torch.cat((past_values, values), dim=2)

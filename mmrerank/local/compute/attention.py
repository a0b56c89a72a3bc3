"""Attention over packed prompts: each row sees itself, and what was read before it.

Without masks where that can be had, since the fast causal kernels take none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mmrerank.local.compute.batching import Rectangle

__all__ = ["attend_all", "attend_block", "attend_last", "attend_resumed"]


def attend_all(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    past: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Causal attention inside each row; every row also sees all of `past`.

    Tokens behind the last row of the last rectangle see nothing.
    q (tokens, heads, size), k and v (tokens, KV heads, size) -> (tokens, heads * size)
    """
    out = torch.empty_like(q)
    start = 0
    for rectangle in rectangles:
        rows, width = len(rectangle.rows), rectangle.width
        part = slice(start, start + rows * width)
        start += rows * width
        keys, values = _with_past(_grid(k[part], rows), _grid(v[part], rows), past)
        found = _causal(_grid(q[part], rows), keys, values)
        out[part] = found.transpose(1, 2).reshape(rows * width, *q.shape[1:])
    out[start:] = 0.0  # of tokens behind the last row
    return out.flatten(1)


def attend_resumed(
    q: Tensor, k: Tensor, v: Tensor, pasts: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Attention of rows of one width, each of which sees all of its own past.

    q (rows * n, heads, size) with n the width, or 1 where only the last token of each row asks;
    k and v (rows * width, KV heads, size); pasts (KV heads, tokens, size), of any lengths.
    Gives (rows * n, heads * size). Nothing is padded: row by row, and the heads that share a KV
    head are asked as one, so that keys and values are not repeated.
    """
    rows, kv_heads, size = len(pasts), k.shape[1], k.shape[2]
    n, group = q.shape[0] // rows, q.shape[1] // kv_heads
    asked = q.view(rows, n, kv_heads, group, size).permute(0, 2, 3, 1, 4)
    asked = asked.reshape(rows, kv_heads, group * n, size)
    keys, values = _grid(k, rows), _grid(v, rows)
    mask = _causal_tail(n, keys.shape[2], max(past[0].shape[1] for past in pasts), group, q)
    found = torch.empty_like(asked)
    for row, (before_keys, before_values) in enumerate(pasts):
        all_keys = torch.cat((before_keys, keys[row]), dim=1)
        all_values = torch.cat((before_values, values[row]), dim=1)
        mine = None if mask is None else mask[:, mask.shape[1] - all_keys.shape[1] :]
        found[row] = _sdpa(asked[row, None], all_keys[None], all_values[None], attn_mask=mine)[0]
    found = found.view(rows, kv_heads, group, n, size).permute(0, 3, 1, 2, 4)
    return found.reshape(rows * n, -1)


def attend_block(q: Tensor, k: Tensor, v: Tensor, block: Tensor, mask: Tensor) -> Tensor:
    """As `attend_resumed`, all rows in one kernel, where each launch costs more than copies do.

    block (2, rows, KV heads, longest + width, size) holds the pasts, moved to the right up to the
    last `width` columns, which are filled here; mask (rows, 1, width, longest + width) is True
    where a token may look. Gives (rows * n, heads * size).
    """
    rows, width = block.shape[1], mask.shape[2]
    n, size = q.shape[0] // rows, q.shape[2]
    block[0, :, :, -width:] = _grid(k, rows)
    block[1, :, :, -width:] = _grid(v, rows)
    found = _sdpa(_grid(q, rows), block[0], block[1], attn_mask=mask[:, :, -n:])
    return found.transpose(1, 2).reshape(rows * n, q.shape[1] * size)


def _causal_tail(n: int, width: int, longest: int, group: int, like: Tensor) -> Tensor | None:
    """What is added to the scores of `group` times n askers: (group * n, longest + width).

    The last `width` columns are causal; a shorter past leaves out columns on the left. None where
    the askers are the last tokens, which see everything.
    """
    if n < width:
        return None
    mask = torch.full((n, width), -torch.inf, dtype=like.dtype, device=like.device).triu(1)
    return functional.pad(mask, (longest, 0)).repeat(group, 1)


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention where `k` may begin with tokens that `q` does not have.

    The kernels align the causal triangle to the upper left. Empty query rows in front move it to
    where it belongs, which costs less than reading a mask as long as they are few.
    """
    missing = k.shape[2] - q.shape[2]
    if missing == 0:
        return _sdpa(q, k, v, is_causal=True)
    if missing <= q.shape[2]:
        padded = q.new_zeros(q.shape[0], q.shape[1], k.shape[2], q.shape[3])
        padded[:, :, missing:] = q
        return _sdpa(padded, k, v, is_causal=True)[:, :, missing:]
    mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril(missing)
    return _sdpa(q, k, v, attn_mask=mask)


def attend_last(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    past: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Attention of each row's last true token. q (prompts, heads, size) -> (prompts, heads * size)"""
    found: list[Tensor] = []
    start = prompt = 0
    for rectangle in rectangles:
        rows, width = len(rectangle.rows), rectangle.width
        part = slice(start, start + rows * width)
        mine = q[prompt : prompt + rows, :, None]
        start, prompt = start + rows * width, prompt + rows
        keys, values = _with_past(_grid(k[part], rows), _grid(v[part], rows), past)
        found.append(_sdpa(mine, keys, values, attn_mask=_true_keys(rectangle, keys))[:, :, 0])
    return torch.cat(found).flatten(1)


def _true_keys(rectangle: Rectangle, keys: Tensor) -> Tensor | None:
    """Which keys are no padding, (rows, 1, 1, keys); None where all are true."""
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
    before = [tensor.expand(rows, *tensor.shape) for tensor in past]
    return torch.cat((before[0], keys), dim=2), torch.cat((before[1], values), dim=2)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    return functional.scaled_dot_product_attention(
        q, k, v, enable_gqa=q.shape[1] != k.shape[1], **options
    )

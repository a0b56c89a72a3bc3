"""Attention over packed rows is that of each row alone."""

from __future__ import annotations

import pytest
import torch

from mmrerank.local.compute.attention import (
    attend_all,
    attend_block,
    attend_each,
    attend_last,
    attend_resumed,
)
from mmrerank.local.compute.batching import Rectangle

HEADS, KV_HEADS, SIZE = 4, 2, 8
RECTANGLES = [Rectangle((0, 1), (3, 3)), Rectangle((2, 3), (5, 4))]
TOKENS = 3 + 3 + 5 + 5


def tensors(tokens: int):
    torch.manual_seed(0)
    return [torch.randn(tokens, heads, SIZE) for heads in (HEADS, KV_HEADS, KV_HEADS)]


def plain(q, k, v, past=None):
    """Causal attention of one row, written out: (tokens, heads * size)."""
    if past is not None:
        k, v = (torch.cat((p.transpose(0, 1), x)) for p, x in zip(past, (k, v), strict=True))
    k, v = (x.repeat_interleave(HEADS // KV_HEADS, dim=1).transpose(0, 1) for x in (k, v))
    scores = q.transpose(0, 1) @ k.transpose(1, 2) / SIZE**0.5
    look = torch.ones(scores.shape[1:], dtype=torch.bool).tril(k.shape[1] - q.shape[0])
    weights = scores.masked_fill(~look, -torch.inf).softmax(dim=2)
    return (weights @ v).transpose(0, 1).flatten(1)


def rows():
    """Where each row begins, and its true length."""
    start = 0
    for rectangle in RECTANGLES:
        for length in rectangle.lengths:
            yield start, length
            start += rectangle.width


@pytest.mark.parametrize("past_tokens", [0, 2, 30])
def test_rows_see_themselves_and_the_past(past_tokens):
    q, k, v = tensors(TOKENS + 2)  # two tokens behind the last row
    past = None
    if past_tokens:
        past = torch.randn(KV_HEADS, past_tokens, SIZE), torch.randn(KV_HEADS, past_tokens, SIZE)
    everything = attend_all(q, k, v, RECTANGLES, past)
    last = attend_last(q[[s + n - 1 for s, n in rows()]], k, v, RECTANGLES, past)
    assert not everything[TOKENS:].any()
    for row, (start, length) in enumerate(rows()):
        part = slice(start, start + length)
        expected = plain(q[part], k[part], v[part], past)
        assert torch.allclose(everything[part], expected, atol=1e-5)
        assert torch.allclose(last[row], expected[-1], atol=1e-5)


@pytest.mark.parametrize("n", [3, 1])
def test_rows_go_on_from_pasts_of_their_own(n):
    """Row by row and in one block."""
    q, k, v = tensors(6)
    lengths = (4, 1)
    pasts = [(torch.randn(KV_HEADS, t, SIZE), torch.randn(KV_HEADS, t, SIZE)) for t in lengths]
    queries = q.view(2, 3, HEADS, SIZE)[:, -n:].reshape(2 * n, HEADS, SIZE)
    resumed = attend_resumed(queries, k, v, pasts)
    block = torch.zeros(2, 2, KV_HEADS, 4 + 3, SIZE)
    mask = torch.ones(2, 1, 3, 4 + 3, dtype=torch.bool).tril(4)
    for row, past in enumerate(pasts):
        for i in range(2):
            block[i, row, :, 4 - lengths[row] : 4] = past[i]
        mask[row, :, :, : 4 - lengths[row]] = False
    blocked = attend_block(queries, k, v, block, mask[:, :, -n:])
    for row in range(2):
        part = slice(3 * row, 3 * row + 3)
        expected = plain(q[part], k[part], v[part], pasts[row])[-n:]
        assert torch.allclose(resumed[row * n : row * n + n], expected, atol=1e-5)
        assert torch.allclose(blocked[row * n : row * n + n], expected, atol=1e-5)


@pytest.mark.parametrize("only_last", [False, True])
def test_rectangles_of_several_widths_go_on_from_pasts(only_last):
    """Two tokens behind the last rectangle see nothing."""
    rectangles = [Rectangle((0, 1), (3, 3)), Rectangle((2,), (1,)), Rectangle((3,), (5,))]
    starts, widths, tokens = (0, 3, 6, 7), (3, 3, 1, 5), 12
    q, k, v = tensors(tokens + 2)
    pasts = [(torch.randn(KV_HEADS, t, SIZE), torch.randn(KV_HEADS, t, SIZE)) for t in (4, 1, 2, 9)]
    grouped = [pasts[:2], pasts[2:3], pasts[3:]]
    queries = q[[start + width - 1 for start, width in zip(starts, widths, strict=True)]]

    def attend(i, q, k, v):
        return attend_resumed(q, k, v, grouped[i])

    out = attend_each(queries if only_last else q, k, v, rectangles, attend)
    assert only_last or not out[tokens:].any()
    for row, (start, width) in enumerate(zip(starts, widths, strict=True)):
        part = slice(start, start + width)
        expected = plain(q[part], k[part], v[part], pasts[row])
        found = out[row : row + 1] if only_last else out[part]
        assert torch.allclose(found, expected[-found.shape[0] :], atol=1e-5)

"""Runs the layers of a Qwen text model over packed prompts.

The layers are those of transformers; only the walk through them is ours, since three things pay
that `forward` cannot do: prompts of different lengths lie packed without padding, a prefix that
all prompts share is computed once, and the last layer computes only the positions that are read.
Only names that the checkpoint's parameters have are used of a layer (`self_attn.q_proj`, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mmrerank.local.batching import Rectangle

__all__ = ["Decoder", "Packed", "State"]


@dataclass(slots=True)
class State:
    """Keys and values of tokens that were read before: a layer each, (KV heads, tokens, head size).

    Rotary positions are part of the keys. What follows gets its positions from its whole prompt,
    so a state needs no count of its own.
    """

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """How many tokens the state holds."""
        return int(self.keys[0].shape[1]) if self.keys else 0


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch on the device: the tokens of its rectangles one behind the other.

    `embeddings` (tokens, hidden); `positions` (3, tokens); `deepstack`, a layer each, is added to
    the rows `image_rows` after that layer; `last` are the rows of each prompt's last token, in
    the order of the rectangles.
    """

    embeddings: Tensor
    positions: Tensor
    rectangles: Sequence[Rectangle]
    last: Tensor
    image_rows: Tensor | None = None
    deepstack: Sequence[Tensor] = ()


class Decoder:
    """A `Qwen3Model`, `Qwen2VLTextModel` or `Qwen3VLTextModel`, run without padding or mask."""

    def __init__(self, text_model: Any, *, mrope: bool) -> None:
        self._model = text_model
        self._mrope = mrope
        first = text_model.layers[0].self_attn
        self._head_size: int = first.head_dim
        self._normed = hasattr(first, "q_norm")

    def embed(self, ids: Tensor) -> Tensor:
        """(tokens,) -> (tokens, hidden)"""
        out: Tensor = self._model.embed_tokens(ids)
        return out

    def last_hidden(self, packed: Packed, prefix: State | None = None) -> Tensor:
        """The hidden state of each prompt's last token after the final norm: (prompts, hidden)."""
        x = self._walk(packed, prefix, None)
        out: Tensor = self._model.norm(x)
        return out

    def state(self, packed: Packed) -> State:
        """The keys and values of one prompt (a single rectangle of one row)."""
        sink = State()
        self._walk(packed, None, sink)
        return sink

    def _walk(self, packed: Packed, prefix: State | None, sink: State | None) -> Tensor:
        x = packed.embeddings
        rope = self._rope(x, packed.positions)
        final = len(self._model.layers) - 1
        for i, layer in enumerate(self._model.layers):
            past = None if prefix is None else (prefix.keys[i], prefix.values[i])
            only_last = i == final and sink is None and i >= len(packed.deepstack)
            x = self._layer(layer, x, rope, packed, past, sink, only_last)
            if i < len(packed.deepstack):
                x = x.index_add(0, _given(packed.image_rows), packed.deepstack[i].to(x.dtype))
        return x if only_last or sink is not None else x[packed.last]

    def _rope(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine, (tokens, 1, head size)."""
        given = positions[:, None] if self._mrope else positions[:1]
        cos, sin = self._model.rotary_emb(x[None], given)
        return cos[0, :, None], sin[0, :, None]

    def _layer(
        self,
        layer: Any,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        packed: Packed,
        past: tuple[Tensor, Tensor] | None,
        sink: State | None,
        only_last: bool,
    ) -> Tensor:
        attention = layer.self_attn
        h = layer.input_layernorm(x)
        cos, sin = rope
        k = self._heads(attention.k_proj(h))
        v = self._heads(attention.v_proj(h))
        if only_last:
            x, h, cos_q, sin_q = x[packed.last], h[packed.last], cos[packed.last], sin[packed.last]
        else:
            cos_q, sin_q = cos, sin
        q = self._heads(attention.q_proj(h))
        if self._normed:
            q, k = attention.q_norm(q), attention.k_norm(k)
        q, k = _rotate(q, cos_q, sin_q), _rotate(k, cos, sin)
        if sink is not None:
            sink.keys.append(k.transpose(0, 1).contiguous())
            sink.values.append(v.transpose(0, 1).contiguous())
        attend = _attend_last if only_last else _attend_all
        x = x + attention.o_proj(attend(q, k, v, packed.rectangles, past))
        out: Tensor = x + layer.mlp(layer.post_attention_layernorm(x))
        return out

    def _heads(self, x: Tensor) -> Tensor:
        """(tokens, heads * size) -> (tokens, heads, size)"""
        return x.view(x.shape[0], -1, self._head_size)


def _given(value: Tensor | None) -> Tensor:
    assert value is not None, "deepstack features without the rows they belong to"
    return value


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of (tokens, heads, size): pairs are the two halves of a head."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


def _attend_all(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rectangles: Sequence[Rectangle],
    past: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Causal attention inside each row; every row also sees all of `past`.

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
    return out.flatten(1)


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


def _attend_last(
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

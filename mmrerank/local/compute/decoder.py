"""Runs the layers of a Qwen text model over packed prompts.

The layers are those of transformers; only the walk through them is ours, since three things save
time that `forward` cannot do: prompts of different lengths are packed without padding, a prefix
that all prompts share is computed once, and the last layer computes only the positions that are
needed. A layer is used only through the names of its parameters in the checkpoint (`self_attn.q_proj`).

Without `captures` and `blocks` the walk writes nothing in place. Outside `torch.inference_mode()`
gradients flow through it to the embeddings, and `attend` may be any attention function.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mmrerank.local.compute.attention import (
    Attend,
    attend_all,
    attend_block,
    attend_each,
    attend_last,
    attend_resumed,
    sdpa,
)
from mmrerank.local.compute.linear import gated
from mmrerank.local.compute.states import Capture, Packed, State

__all__ = ["Decoder"]


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

    def last_hidden(
        self,
        packed: Packed,
        prefix: State | None = None,
        *,
        attend: Attend = sdpa,
        recompute: bool = False,
    ) -> Tensor:
        """The hidden state of each prompt's last token after the final norm: (prompts, hidden).

        `prefix` is the state of tokens that every prompt begins with. `attend` computes the
        attention, except for a batch with `blocks`. With `recompute`, gradients need the memory of
        one layer and the states between layers, since each layer is computed again for them.
        """
        x = self._walk(packed, prefix, False, attend, recompute)
        out: Tensor = self._model.norm(x)
        return out

    def activation_bytes(self, x: Tensor) -> int:
        """About what the gradients of a walk with the embeddings x keep in memory."""
        layer = self._model.layers[0]
        heads = layer.self_attn.q_proj.weight.shape[0]
        numbers = 6 * x.shape[1] + 6 * heads + 4 * layer.mlp.up_proj.weight.shape[0]
        return int(len(self._model.layers) * x.shape[0] * numbers * x.element_size())

    def fill(self, packed: Packed, prefix: State | None = None) -> None:
        """Compute only what `packed.captures` need."""
        self._walk(packed, prefix, True, sdpa)

    def empty_state(self, tokens: int, like: Tensor) -> Tensor:
        """An uninitialised (layers, 2, KV heads, tokens, head size), of the device and dtype of `like`."""
        heads = self._model.config.num_key_value_heads
        return like.new_empty(len(self._model.layers), 2, heads, tokens, self._head_size)

    def _walk(
        self,
        packed: Packed,
        prefix: State | None,
        fill: bool,
        attend: Attend,
        recompute: bool = False,
    ) -> Tensor:
        """Through all layers: (prompts, hidden), or with `fill` up to the last keys and values."""
        x = packed.embeddings
        rope = self._rope(x, packed.positions)
        final = len(self._model.layers) - 1
        if prefix is not None:
            _capture_prefix(packed.captures, prefix)
        for i in range(final + 1):
            only_last = i == final and i >= len(packed.deepstack)
            keys_only = fill and i == final
            layer = partial(self._layer, i, packed, prefix, rope, attend, only_last, keys_only)
            x = checkpoint(layer, x, use_reentrant=False) if recompute else layer(x)
        return x if only_last else x[packed.last]

    def _layer(
        self,
        i: int,
        packed: Packed,
        prefix: State | None,
        rope: tuple[Tensor, Tensor],
        attend: Attend,
        only_last: bool,
        keys_only: bool,
        x: Tensor,
    ) -> Tensor:
        """Through the layer i: (tokens, hidden), or with `only_last` (prompts, hidden)."""
        layer = self._model.layers[i]
        past = None if prefix is None else prefix.layer(i, x.dtype)
        h = layer.input_layernorm(x)
        k, v = self._keys_values(layer.self_attn, h, rope)
        _capture_layer(packed.captures, i, k, v, 0 if prefix is None else prefix.tokens)
        if keys_only:
            return x
        if only_last:
            x, h = x[packed.last], h[packed.last]
            rope = rope[0][packed.last], rope[1][packed.last]
        q = self._queries(layer.self_attn, h, rope)
        x = x + layer.self_attn.o_proj(_mix(packed, i, (q, k, v), past, only_last, attend))
        x = x + gated(layer.mlp, layer.post_attention_layernorm(x))
        return _add_deepstack(x, packed, i) if i < len(packed.deepstack) else x

    def _rope(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine, (tokens, 1, head size)."""
        given = positions[:, None] if self._mrope else positions[:1]
        cos, sin = self._model.rotary_emb(x[None], given)
        return cos[0, :, None], sin[0, :, None]

    def _keys_values(
        self, attention: Any, h: Tensor, rope: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        k, v = self._heads(attention.k_proj(h)), self._heads(attention.v_proj(h))
        if self._normed:
            k = attention.k_norm(k)
        return _rotate(k, *rope), v

    def _queries(self, attention: Any, h: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        q = self._heads(attention.q_proj(h))
        if self._normed:
            q = attention.q_norm(q)
        return _rotate(q, *rope)

    def _heads(self, x: Tensor) -> Tensor:
        """(tokens, heads * size) -> (tokens, heads, size)"""
        return x.view(x.shape[0], -1, self._head_size)


def _mix(
    packed: Packed,
    layer: int,
    qkv: tuple[Tensor, Tensor, Tensor],
    past: tuple[Tensor, Tensor] | None,
    only_last: bool,
    attend: Attend,
) -> Tensor:
    """The attention of one layer, in the way that the batch asks for."""

    def from_block(i: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        block = packed.blocks[i]
        mask = block.mask if q.shape[0] == k.shape[0] else block.last
        return attend_block(q, k, v, block.kv[layer], mask)

    def from_pasts(i: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        pasts = [state.layer(layer, q.dtype) for state in packed.pasts[i]]
        return attend_resumed(q, k, v, pasts, attend)

    if packed.blocks:
        return attend_each(*qkv, packed.rectangles, from_block)
    if packed.pasts:
        return attend_each(*qkv, packed.rectangles, from_pasts)
    if only_last:
        return attend_last(*qkv, packed.rectangles, past, attend)
    return attend_all(*qkv, packed.rectangles, past, attend)


def _add_deepstack(x: Tensor, packed: Packed, layer: int) -> Tensor:
    assert packed.image_rows is not None, "deepstack features without the rows they belong to"
    return x.index_add(0, packed.image_rows, packed.deepstack[layer].to(x.dtype))


def _capture_prefix(captures: Sequence[Capture], prefix: State) -> None:
    for capture in captures:
        tokens = min(prefix.tokens, capture.kv.shape[3])
        capture.kv[:, :, :, :tokens] = prefix.kv[:, :, :, :tokens]


def _capture_layer(
    captures: Sequence[Capture], layer: int, k: Tensor, v: Tensor, skip: int
) -> None:
    """Copy a layer's keys and values; the first `skip` tokens of a state are those of the prefix."""
    for capture in captures:
        room = capture.kv[layer, :, :, skip:]
        rows = slice(capture.start, capture.start + room.shape[2])
        room[0].copy_(k[rows].transpose(0, 1))
        room[1].copy_(v[rows].transpose(0, 1))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of (tokens, heads, size): pairs are the two halves of a head."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin

"""Runs the layers of a Qwen text model over packed prompts.

The layers are those of transformers; only the walk through them is ours, since three things pay
that `forward` cannot do: prompts of different lengths lie packed without padding, a prefix that
all prompts share is computed once, and the last layer computes only the positions that are read.
Only names that the checkpoint's parameters have are used of a layer (`self_attn.q_proj`, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmrerank.local.compute.attention import attend_all, attend_block, attend_last, attend_resumed
from mmrerank.local.compute.batching import Rectangle
from mmrerank.local.compute.linear import gated

__all__ = ["Block", "Capture", "Decoder", "Packed", "State"]


@dataclass(frozen=True, slots=True)
class State:
    """Keys and values of tokens that were read before: (layers, 2, KV heads, tokens, head size).

    Rotary positions are part of the keys; what follows brings its own. `scale`, (layers, 2, KV
    heads, 1, head size), is there where `kv` is stored in 8 bits, and multiplies it.
    """

    kv: Tensor
    scale: Tensor | None = None

    @property
    def tokens(self) -> int:
        """How many tokens the state holds."""
        return int(self.kv.shape[3])

    def head(self, tokens: int) -> State:
        """The first tokens of it, without copying."""
        return self if tokens == self.tokens else State(self.kv[:, :, :, :tokens], self.scale)

    def dense(self, dtype: Any) -> Tensor:
        """Keys and values of all layers in the model's dtype."""
        return self.kv if self.scale is None else self.kv.to(dtype) * self.scale.to(dtype)

    def layer(self, i: int, dtype: Any) -> tuple[Tensor, Tensor]:
        """Keys and values of one layer, (KV heads, tokens, head size) each."""
        kv = self.kv[i]
        if self.scale is not None:
            kv = kv.to(dtype) * self.scale[i].to(dtype)
        return kv[0], kv[1]

    def in_int8(self) -> State:
        """The same in 8 bits, one scale for each channel of each head over all tokens."""
        scale = self.kv.abs().amax(dim=3, keepdim=True).float().clamp_min(1e-12) / 127
        return State((self.kv / scale).round().to(torch.int8), scale)


@dataclass(frozen=True, slots=True)
class Block:
    """States of several rows in one tensor, with room for the tokens that go on from them.

    `kv` (layers, 2, rows, KV heads, longest + width, head size): shorter states stand on the right,
    zeros before them; `mask` (rows, 1, width, longest + width) says where a token may look.
    """

    kv: Tensor
    mask: Tensor

    @classmethod
    def of(cls, states: Sequence[State], width: int, dtype: Any) -> Block:
        """Copy the states, once for all layers."""
        longest, (layers, _, heads, _, size) = max(s.tokens for s in states), states[0].kv.shape
        shape = (layers, 2, len(states), heads, longest + width, size)
        kv = states[0].kv.new_zeros(shape, dtype=dtype)
        mask = torch.ones(len(states), 1, width, longest + width, dtype=torch.bool).tril(longest)
        for row, state in enumerate(states):
            begin = longest - state.tokens
            kv[:, :, row, :, begin:longest] = state.dense(dtype)
            mask[row, :, :, :begin] = False
        return cls(kv, mask.to(kv.device))


@dataclass(frozen=True, slots=True)
class Capture:
    """Where the walk leaves keys and values: those of rows `start` on go into `kv`.

    `kv` (layers, 2, KV heads, tokens, head size) may be shorter than the prompt; it begins with
    the tokens of the shared prefix, if there is one, which is copied from there.
    """

    start: int
    kv: Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch on the device: the tokens of its rectangles one behind the other.

    `embeddings` (tokens, hidden); `positions` (3, tokens); `deepstack`, a layer each, is added to
    the rows `image_rows` after that layer; `last` are the rows of each prompt's last token, in
    the order of the rectangles. `pasts`, one a row, are states that the rows go on from, or
    `block` holds them all; the batch is then one rectangle without padding. `captures` are filled on the way.
    """

    embeddings: Tensor
    positions: Tensor
    rectangles: Sequence[Rectangle]
    last: Tensor
    image_rows: Tensor | None = None
    deepstack: Sequence[Tensor] = ()
    pasts: Sequence[State] = ()
    block: Block | None = None
    captures: Sequence[Capture] = ()


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
        x = self._walk(packed, prefix, False)
        out: Tensor = self._model.norm(x)
        return out

    def fill(self, packed: Packed, prefix: State | None = None) -> None:
        """Compute only what `packed.captures` ask for."""
        self._walk(packed, prefix, True)

    def empty_state(self, tokens: int, like: Tensor) -> Tensor:
        """Room for a state, (layers, 2, KV heads, tokens, head size), where and as `like` is."""
        heads = self._model.config.num_key_value_heads
        return like.new_empty(len(self._model.layers), 2, heads, tokens, self._head_size)

    def _walk(self, packed: Packed, prefix: State | None, fill: bool) -> Tensor:
        x = packed.embeddings
        rope = self._rope(x, packed.positions)
        final = len(self._model.layers) - 1
        if prefix is not None:
            for capture in packed.captures:
                begun = min(prefix.tokens, capture.kv.shape[3])
                capture.kv[:, :, :, :begun] = prefix.kv[:, :, :, :begun]
        for i, layer in enumerate(self._model.layers):
            past = None if prefix is None else prefix.layer(i, x.dtype)
            h = layer.input_layernorm(x)
            k, v = self._keys_values(layer.self_attn, h, rope)
            _keep(packed.captures, i, k, v, 0 if prefix is None else prefix.tokens)
            if fill and i == final:
                break
            only_last = i == final and i >= len(packed.deepstack)
            x = self._layer(layer, x, h, (k, v), rope, packed, i, past, only_last)
            if i < len(packed.deepstack):
                x = x.index_add(0, _given(packed.image_rows), packed.deepstack[i].to(x.dtype))
        return x if fill or only_last else x[packed.last]

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

    def _layer(
        self,
        layer: Any,
        x: Tensor,
        h: Tensor,
        kv: tuple[Tensor, Tensor],
        rope: tuple[Tensor, Tensor],
        packed: Packed,
        i: int,
        past: tuple[Tensor, Tensor] | None,
        only_last: bool,
    ) -> Tensor:
        attention = layer.self_attn
        cos, sin = rope
        if only_last:
            x, h, cos, sin = x[packed.last], h[packed.last], cos[packed.last], sin[packed.last]
        q = self._heads(attention.q_proj(h))
        if self._normed:
            q = attention.q_norm(q)
        q = _rotate(q, cos, sin)
        if packed.block is not None:
            mixed = attend_block(q, *kv, packed.block.kv[i], packed.block.mask)
        elif packed.pasts:
            mixed = attend_resumed(q, *kv, [state.layer(i, q.dtype) for state in packed.pasts])
        else:
            attend = attend_last if only_last else attend_all
            mixed = attend(q, *kv, packed.rectangles, past)
        x = x + attention.o_proj(mixed)
        out: Tensor = x + gated(layer.mlp, layer.post_attention_layernorm(x))
        return out

    def _heads(self, x: Tensor) -> Tensor:
        """(tokens, heads * size) -> (tokens, heads, size)"""
        return x.view(x.shape[0], -1, self._head_size)


def _keep(captures: Sequence[Capture], layer: int, k: Tensor, v: Tensor, skip: int) -> None:
    """Copy the rows that are to be kept; a state's first `skip` tokens are there already."""
    for capture in captures:
        room = capture.kv[layer, :, :, skip:]
        rows = slice(capture.start, capture.start + room.shape[2])
        room[0].copy_(k[rows].transpose(0, 1))
        room[1].copy_(v[rows].transpose(0, 1))


def _given(value: Tensor | None) -> Tensor:
    assert value is not None, "deepstack features without the rows they belong to"
    return value


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of (tokens, heads, size): pairs are the two halves of a head."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin

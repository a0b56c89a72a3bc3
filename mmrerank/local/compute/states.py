"""What the walk through the layers reads and writes: packed prompts, and states of earlier tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmrerank.local.compute.batching import Rectangle

__all__ = ["Block", "Capture", "Packed", "State"]


@dataclass(frozen=True, slots=True)
class State:
    """Keys and values of tokens that were computed before: (layers, 2, KV heads, tokens, head size).

    The keys include their rotary positions. `scale`, (layers, 2, KV heads, 1, head size), is given
    if `kv` is stored in 8 bits, and multiplies it.
    """

    kv: Tensor
    scale: Tensor | None = None

    @property
    def tokens(self) -> int:
        """The number of tokens in the state."""
        return int(self.kv.shape[3])

    def head(self, tokens: int) -> State:
        """The state of the first `tokens` tokens, without copying."""
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
        """The state in 8 bits, with one scale for each channel of each head over all tokens."""
        scale = self.kv.abs().amax(dim=3, keepdim=True).float().clamp_min(1e-12) / 127
        return State((self.kv / scale).round().to(torch.int8), scale)


@dataclass(frozen=True, slots=True)
class Block:
    """States of several rows in one tensor, with room for the tokens that follow them.

    `kv` (layers, 2, rows, KV heads, longest + width, head size): shorter states are aligned to the
    right and padded with zeros; `mask` (rows, 1, width, longest + width) says where a token may
    look, and `last` (rows, 1, 1, longest + width) where the last token of each row may.
    """

    kv: Tensor
    mask: Tensor
    last: Tensor

    @classmethod
    def of(cls, states: Sequence[State], lengths: Sequence[int], dtype: Any) -> Block:
        """Copy the states, once for all layers; `lengths[row]` tokens follow each of them.

        Rows that are shorter than the longest are padded on the right, behind their last token.
        """
        width = max(lengths)
        longest, (layers, _, heads, _, size) = max(s.tokens for s in states), states[0].kv.shape
        shape = (layers, 2, len(states), heads, longest + width, size)
        kv = states[0].kv.new_zeros(shape, dtype=dtype)
        mask = torch.ones(len(states), 1, width, longest + width, dtype=torch.bool).tril(longest)
        for row, state in enumerate(states):
            begin = longest - state.tokens
            kv[:, :, row, :, begin:longest] = state.dense(dtype)
            mask[row, :, :, :begin] = False
        last = torch.stack([mask[row, :, n - 1 : n] for row, n in enumerate(lengths)])
        return cls(kv, mask.to(kv.device), last.to(kv.device))


@dataclass(frozen=True, slots=True)
class Capture:
    """Where the walk writes keys and values: those of the rows from `start` on go into `kv`.

    `kv` (layers, 2, KV heads, tokens, head size) may be shorter than the prompt. It begins with
    the tokens of the shared prefix, if there is one, which are copied from the prefix.
    """

    start: int
    kv: Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch on the device: the tokens of its rectangles, one after the other.

    `embeddings` (tokens, hidden); `positions` (3, tokens): rotary positions; `last` (prompts,): the
    row of each prompt's last token, in the order of the rectangles. `deepstack` (image tokens,
    hidden), one a layer, is added to the rows `image_rows` after that layer.

    Rows may continue states, those of each rectangle in order: `pasts`, where no row may be padded,
    or `blocks`, one a rectangle. `captures` are written during the walk.
    """

    embeddings: Tensor
    positions: Tensor
    rectangles: Sequence[Rectangle]
    last: Tensor
    image_rows: Tensor | None = None
    deepstack: Sequence[Tensor] = ()
    pasts: Sequence[Sequence[State]] = ()
    blocks: Sequence[Block] = ()
    captures: Sequence[Capture] = ()

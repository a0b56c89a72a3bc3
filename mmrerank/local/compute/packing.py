"""Puts the tokens and images of several prompts into one `Packed` batch on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrerank.local.compute.batching import Rectangle
from mmrerank.local.compute.decoder import Decoder
from mmrerank.local.compute.states import Packed
from mmrerank.local.compute.vision import CallFeatures, ImageFeatures
from mmrerank.local.prompt.prompt import Prompt

__all__ = ["pack"]

_PlacedFeatures = tuple[int, ImageFeatures]


def pack(
    decoder: Decoder,
    prompts: Sequence[Prompt],
    rectangles: Sequence[Rectangle],
    features: CallFeatures,
    *,
    device: Any,
    skip: int = 0,
    starts: Sequence[int] | None = None,
    total: int | None = None,
) -> Packed:
    """The tokens of the rectangles' prompts, one after the other, each from its token `skip` on.

    `features` must have read the images of these prompts. `starts` are the rotary positions of the
    prompts' first tokens, 0 unless given. Zeros fill the batch up to `total` tokens.
    """
    total = sum(rectangle.tokens for rectangle in rectangles) if total is None else total
    ids = np.zeros(total, dtype=np.int64)
    positions = np.zeros((3, total), dtype=np.int64)
    images: list[_PlacedFeatures] = []
    last: list[int] = []
    for start, row, length in _placed_rows(rectangles):
        prompt, end = prompts[row], skip + length
        ids[start : start + length] = prompt.ids[skip:end]
        positions[:, start : start + length] = prompt.positions()[:, skip:end]
        if starts is not None:
            positions[:, start : start + length] += starts[row]
        images += _images_between(prompt, skip, end, start - skip, features)
        last.append(start + length - 1)
    embeddings = decoder.embed(torch.from_numpy(ids).to(device))
    image_rows: Tensor | None = None
    deepstack: list[Tensor] = []
    if images:
        image_rows, embeddings, deepstack = _insert_images(embeddings, images)
    return Packed(
        embeddings=embeddings,
        positions=torch.from_numpy(positions).to(device),
        rectangles=rectangles,
        last=torch.tensor(last, device=device),
        image_rows=image_rows,
        deepstack=deepstack,
    )


def _placed_rows(rectangles: Sequence[Rectangle]) -> Iterator[tuple[int, int, int]]:
    """For each row: where it begins in the batch, which prompt it is, and its true length."""
    start = 0
    for rectangle in rectangles:
        for row, length in zip(rectangle.rows, rectangle.lengths, strict=True):
            yield start, row, length
            start += rectangle.width


def _images_between(
    prompt: Prompt, begin: int, end: int, shift: int, features: CallFeatures
) -> Iterator[_PlacedFeatures]:
    """The images of tokens `begin` to `end`, cut to these, and the row where each begins."""
    for placed in prompt.images:
        first, behind = max(placed.start, begin), min(placed.start + placed.part.tokens, end)
        if first < behind:
            whole = features[placed.part]
            yield first + shift, whole.cut(first - placed.start, behind - placed.start)


def _insert_images(
    embeddings: Tensor, images: Sequence[_PlacedFeatures]
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The rows of the image tokens, the embeddings with these rows replaced, and the deepstack."""
    counts = [(start, image.tokens.shape[0]) for start, image in images]
    rows = torch.from_numpy(np.concatenate([np.arange(s, s + n) for s, n in counts]))
    rows = rows.to(embeddings.device)
    tokens = torch.cat([image.tokens for _, image in images])
    layers = range(len(images[0][1].deepstack))
    deepstack = [torch.cat([image.deepstack[i] for _, image in images]) for i in layers]
    return rows, embeddings.index_copy(0, rows, tokens.to(embeddings.dtype)), deepstack

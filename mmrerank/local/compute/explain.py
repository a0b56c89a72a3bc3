"""Which tokens of a prompt made its logit: by gradients, or by leaving tokens out.

Nothing here reads or writes a cache, or switches anything for the whole process: `linear.py`
computes with torch wherever a gradient is wanted, and with oneDNN elsewhere at the same time.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mmrerank.errors import RerankError
from mmrerank.local.compute.decoder import Packed
from mmrerank.local.compute.engine import Engine, free_memory, is_out_of_memory
from mmrerank.local.prompt.prompt import Prompt

__all__ = ["Attribution", "integrated_gradients", "leave_out", "without_cache"]

STEPS = 4  # 16 were no more faithful, see docs/explain.md

_AT_ONCE = 64  # prompts; each is a list of all its tokens


@dataclass(frozen=True, slots=True)
class Attribution:
    """The logit of a prompt, that of its baseline, and one weight for each token of the prompt."""

    logit: float
    baseline: float
    weights: list[float]


def without_cache(engine: Engine) -> Engine:
    """The same engine, with the same weights, that neither reads nor writes a cache."""
    bare = copy.copy(engine)
    bare.vision_cache = None
    return bare


def integrated_gradients(
    engine: Engine, prompt: Prompt, rows: Sequence[int], document: Sequence[int]
) -> Attribution:
    """Integrated gradients (Sundararajan et al. 2017) of the logit over the tokens `rows`.

    The baseline of each is the mean embedding of the tokens `document`, or of all `rows` if there
    are none; the path is cut into `STEPS` pieces, and the gradient is taken in the middle of each
    (midpoint rule). Deepstack features are treated as embeddings are. `engine` is one
    `without_cache`.

    Raises `RerankError` if memory runs out, and `ImageError` for an image that cannot be read.
    """
    try:
        with torch.inference_mode(False):
            return _integrated_gradients(engine, prompt, rows, document or rows)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        tokens = len(prompt)
    free_memory(engine.device)
    raise RerankError(
        f"out of memory with the explanation of {tokens} tokens; method='leave_one_out' needs less"
    )


def _integrated_gradients(
    engine: Engine, prompt: Prompt, rows: Sequence[int], document: Sequence[int]
) -> Attribution:
    with torch.no_grad():
        packed = engine.pack_whole([prompt])
        far = _difference(packed, rows, document)
        dtype = packed.embeddings.dtype
        ends = [_logit(engine, _blurred(packed, far, blur), dtype) for blur in (0.0, 1.0)]
    weights = torch.zeros(len(prompt), device=packed.embeddings.device)
    for step in range(STEPS if rows else 0):
        point = _blurred(packed, far, (step + 0.5) / STEPS)
        leaves = [leaf.requires_grad_() for leaf in (point.embeddings, *point.deepstack)]
        gradients = torch.autograd.grad(_logit(engine, point, dtype, recompute=True), leaves)
        with torch.no_grad():
            weights += _by_token(packed, far, gradients)[: len(prompt)] / STEPS
    return Attribution(float(ends[0]), float(ends[1]), weights.tolist())


@dataclass(frozen=True, slots=True)
class _Difference:
    """How far the features are from the baseline, in float32: 0 in rows that are not explained."""

    embeddings: Tensor
    deepstack: list[Tensor]


def _difference(packed: Packed, rows: Sequence[int], document: Sequence[int]) -> _Difference:
    x = packed.embeddings.float()
    explained, mean_of = (torch.tensor(some, device=x.device).long() for some in (rows, document))
    far = torch.zeros_like(x)
    if rows:
        far[explained] = x[explained] - x[mean_of].mean(dim=0)
    if packed.image_rows is None:
        return _Difference(far, [])
    of_document = torch.isin(packed.image_rows, mean_of)
    if not of_document.any():
        of_document = torch.ones_like(of_document)
    deep = [layer.float() for layer in packed.deepstack]
    return _Difference(far, [layer - layer[of_document].mean(dim=0) for layer in deep])


def _blurred(packed: Packed, far: _Difference, blur: float) -> Packed:
    """The features moved towards the baseline: not at all for 0, wholly for 1. New tensors."""
    return replace(
        packed,
        embeddings=(packed.embeddings.float() - blur * far.embeddings).detach(),
        deepstack=[
            (layer.float() - blur * away).detach()
            for layer, away in zip(packed.deepstack, far.deepstack, strict=True)
        ],
    )


def _logit(engine: Engine, point: Packed, dtype: Any, *, recompute: bool = False) -> Tensor:
    """The logit of the one prompt in `point`, whose features are in float32, by a model of `dtype`."""
    packed = replace(point, embeddings=point.embeddings.to(dtype))
    hidden = engine.decoder.last_hidden(packed, recompute=recompute)
    out: Tensor = engine.head(hidden.float())[0]
    return out


def _by_token(packed: Packed, far: _Difference, gradients: Sequence[Tensor]) -> Tensor:
    """Gradient times difference, summed over the features of each token: (tokens,)."""
    weights = (gradients[0] * far.embeddings).sum(dim=1)
    for gradient, away in zip(gradients[1:], far.deepstack, strict=True):
        assert packed.image_rows is not None
        weights.index_add_(0, packed.image_rows, (gradient * away).sum(dim=1))
    return weights


def leave_out(
    engine: Engine, prompt: Prompt, groups: Sequence[Sequence[int]]
) -> tuple[float, list[float]]:
    """The logit of a prompt, and what it loses without the tokens of each group.

    The tokens are removed from the prompt, and those behind them move up. Raises as
    `Engine.compute` does. `engine` is one `without_cache`.
    """
    (logit,) = engine.compute([prompt])
    losses: list[float] = []
    for start in range(0, len(groups), _AT_ONCE):
        shorter = [prompt.without(set(group)) for group in groups[start : start + _AT_ONCE]]
        losses += [logit - other for other in engine.compute(shorter)]
    return logit, losses

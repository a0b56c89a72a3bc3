"""Which tokens of a prompt made its logit: by gradients, or by leaving tokens out.

Nothing here reads or writes a cache, or switches anything for the whole process: `linear.py`
computes with torch wherever a gradient is wanted, and with oneDNN elsewhere at the same time.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmrerank.errors import RerankError
from mmrerank.local.compute.batching import Rectangle
from mmrerank.local.compute.engine import Engine, is_out_of_memory
from mmrerank.local.compute.states import Capture, Packed, State
from mmrerank.local.prompt.prompt import Prompt

__all__ = ["STEPS", "Attribution", "Gradients", "leave_out", "without_cache"]

STEPS = 4  # of the path of a document; 16 were no more faithful (docs/explain.md)

_KEPT_BYTES = 2**31  # activations that are kept for one gradient; more are computed again

_AT_ONCE = 64  # prompts; each is a list of all its tokens


@dataclass(frozen=True, slots=True)
class Attribution:
    """The logit of a path's baseline, and one weight for each token of the prompt."""

    baseline: float
    weights: list[float]


def without_cache(engine: Engine) -> Engine:
    """The same engine, with the same weights, that neither reads nor writes a cache."""
    bare = copy.copy(engine)
    bare.vision_cache = None
    return bare


class Gradients:
    """Integrated gradients (Sundararajan et al. 2017) of the logit of one prompt.

    `engine` is one `without_cache`. Raises `RerankError` if memory runs out, and `ImageError` for
    an image that cannot be read; so do the methods.
    """

    def __init__(self, engine: Engine, prompt: Prompt) -> None:
        self._engine, self._tokens = engine, len(prompt)
        with self._explained_errors(), torch.inference_mode(False), torch.no_grad():
            self._packed = engine.pack_whole([prompt])
        needed = engine.decoder.activation_bytes(self._packed.embeddings)
        self._recompute = needed > _KEPT_BYTES

    def query_steps(self, *, follows: bool) -> int:
        """The steps of the path of a query that follows its document, or precedes it.

        What precedes the first token of a path is computed once, so steps are cheap for a query at
        the end. One at the beginning gets as many as a cost of 20 scores leaves.
        """
        if follows:
            return STEPS
        return 1 if self._recompute else 2

    def along(self, rows: Sequence[int], mean_of: Sequence[int], steps: int) -> Attribution:
        """The weights of the tokens `rows`, from a baseline where each is the mean of `mean_of`.

        The path is cut into `steps` pieces, and the gradient is taken in the middle of each
        (midpoint rule). Deepstack features are treated as embeddings are.
        """
        with self._explained_errors(), torch.inference_mode(False):
            return self._along(rows, mean_of, steps)

    def _along(self, rows: Sequence[int], mean_of: Sequence[int], steps: int) -> Attribution:
        begin = min(rows)
        with torch.no_grad():
            prefix = self._prefix(begin)
            away = _difference(self._packed, rows, mean_of)
            packed, far = (_cut(one, begin, self._tokens) for one in (self._packed, away))
            baseline = float(self._logit(_blurred(packed, far, 1.0), prefix))
        weights = torch.zeros(packed.embeddings.shape[0], device=packed.embeddings.device)
        for step in range(steps):
            point = _blurred(packed, far, (step + 0.5) / steps)
            leaves = [leaf.requires_grad_() for leaf in (point.embeddings, *point.deepstack)]
            gradients = torch.autograd.grad(self._logit(point, prefix, self._recompute), leaves)
            weights += _by_token(packed, far, gradients) / steps
        return Attribution(baseline, [0.0] * begin + weights.tolist())

    def _prefix(self, begin: int) -> State | None:
        """The state of the tokens before `begin`, which no step of a path changes."""
        if begin == 0:
            return None
        packed = _cut(self._packed, 0, begin)
        state = State(self._engine.decoder.empty_state(begin, packed.embeddings))
        self._engine.decoder.fill(replace(packed, captures=[Capture(0, state.kv)]))
        return state

    def _logit(self, point: Packed, prefix: State | None, recompute: bool = False) -> Tensor:
        """The logit at a point of a path, whose features are in float32."""
        packed = replace(point, embeddings=point.embeddings.to(self._packed.embeddings.dtype))
        hidden = self._engine.decoder.last_hidden(packed, prefix, recompute=recompute)
        out: Tensor = self._engine.head(hidden.float())[0]
        return out

    @contextlib.contextmanager
    def _explained_errors(self) -> Iterator[None]:
        """Raises `RerankError` where memory runs out within the block."""
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise RerankError(
                f"out of memory with the explanation of {self._tokens} tokens; "
                "method='leave_one_out' needs less"
            ) from error


def _cut(packed: Packed, begin: int, end: int) -> Packed:
    """The tokens `begin` to `end` of the one prompt of a batch."""
    length = end - begin
    cut = replace(
        packed,
        embeddings=packed.embeddings[begin:end],
        positions=packed.positions[:, begin:end],
        rectangles=[Rectangle((0,), (length,))],
        last=torch.tensor([length - 1], device=packed.last.device),
    )
    if packed.image_rows is None:
        return cut
    kept = (packed.image_rows >= begin) & (packed.image_rows < end)
    rows, deepstack = packed.image_rows[kept] - begin, [layer[kept] for layer in packed.deepstack]
    return replace(cut, image_rows=rows, deepstack=deepstack)


def _difference(packed: Packed, rows: Sequence[int], mean_of: Sequence[int]) -> Packed:
    """How far the features are from the baseline, in float32: 0 for tokens off the path."""
    x = packed.embeddings.float()
    moved, meant = (torch.tensor(some, device=x.device) for some in (rows, mean_of))
    far = torch.zeros_like(x)
    far[moved] = x[moved] - x[meant].mean(dim=0)
    if packed.image_rows is None:
        return replace(packed, embeddings=far)
    on_path, of_mean = (torch.isin(packed.image_rows, some) for some in (moved, meant))
    if not of_mean.any():
        of_mean = torch.ones_like(of_mean)
    deep = [layer.float() for layer in packed.deepstack]
    deep = [(layer - layer[of_mean].mean(dim=0)) * on_path[:, None] for layer in deep]
    return replace(packed, embeddings=far, deepstack=deep)


def _blurred(packed: Packed, far: Packed, blur: float) -> Packed:
    """The features moved towards the baseline: not at all for 0, wholly for 1. New tensors."""
    return replace(
        packed,
        embeddings=(packed.embeddings.float() - blur * far.embeddings).detach(),
        deepstack=[
            (layer.float() - blur * away).detach()
            for layer, away in zip(packed.deepstack, far.deepstack, strict=True)
        ],
    )


def _by_token(packed: Packed, far: Packed, gradients: Sequence[Tensor]) -> Tensor:
    """Gradient times difference, summed over the features of each token: (tokens,)."""
    weights = (gradients[0] * far.embeddings).sum(dim=1)
    for gradient, away in zip(gradients[1:], far.deepstack, strict=True):
        assert packed.image_rows is not None
        weights.index_add_(0, packed.image_rows, (gradient * away).sum(dim=1))
    return weights


def leave_out(engine: Engine, prompt: Prompt, groups: Sequence[Sequence[int]]) -> list[float]:
    """The logits of a prompt without the tokens of each group.

    The tokens are removed from the prompt, and those behind them move up. Raises as
    `Engine.compute` does. `engine` is one `without_cache`.
    """
    logits: list[float] = []
    for start in range(0, len(groups), _AT_ONCE):
        shorter = [prompt.without(set(group)) for group in groups[start : start + _AT_ONCE]]
        logits += engine.compute(shorter)
    return logits

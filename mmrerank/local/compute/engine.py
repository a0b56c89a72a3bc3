"""Computes the head's output for prompts: shared prefix, batches, and recovery from full memory."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mmrerank.errors import RerankError, warn
from mmrerank.local.compute.batching import Rectangle, plan_batches, shared_prefix
from mmrerank.local.compute.decoder import Decoder
from mmrerank.local.compute.packing import pack
from mmrerank.local.compute.states import Block, Capture, Packed, State
from mmrerank.local.compute.vision import CallFeatures, VisionCache, VisionTower
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt

__all__ = ["Engine", "Head", "Progress", "StateSink"]

Head = Callable[[Tensor], Tensor]

Progress = Callable[[int], object]

_MIN_PREFIX = 8  # tokens; a pass of its own reads all weights once and must be worth that

_PATCHES_PER_TOKEN = 4  # image patches that the tower reads for one token of a prompt

_BATCH_MULTIPLE = 32  # tokens: oneDNN takes 3 ms and 0.5 MB for each new shape

_GPU_SLACK = 0.1  # the part of a row that may be padding where each kernel launch is expensive

_GPU_TAIL_SLACK = 0.5  # the same for tails: they are short, and one more width costs launches


@dataclass(frozen=True, slots=True)
class StateSink:
    """Receives the states of prompts: of the first `lengths[row]` tokens of each, none where 0."""

    lengths: Sequence[int]
    put: Callable[[int, State], None]


class Engine:
    """A decoder, the tower for its images if it has one, and the head that reads the score.

    `head` maps (prompts, hidden) in float32 to (prompts,) logits, or to (prompts, n). `budget` is
    the largest number of tokens in one batch; it is halved for good when memory runs out. `slack`
    is the part of a row that may be padding. `vision_cache` keeps the tower's output across calls.
    """

    def __init__(
        self,
        decoder: Decoder,
        head: Head,
        *,
        device: Any,
        budget: int,
        tower: VisionTower | None = None,
        vision_cache: VisionCache | None = None,
    ) -> None:
        self.decoder, self.head, self.tower = decoder, head, tower
        self.vision_cache = vision_cache
        self.device, self.budget = device, budget
        self.blocks = device.type != "cpu"  # many small kernels are slow only where launches are
        self.multiple = _BATCH_MULTIPLE if device.type == "cpu" else 1
        self.slack = 0.0 if device.type == "cpu" else _GPU_SLACK

    @torch.inference_mode()
    def compute(
        self,
        prompts: Sequence[Prompt],
        progress: Progress | None = None,
        *,
        sink: StateSink | None = None,
        scores: bool = True,
    ) -> list[Any]:
        """The head's output for each prompt, in order: a float, or a list of floats.

        NaN stays NaN. `sink` receives the states of the prompts' first tokens, batch by batch; with
        `scores=False` nothing else is computed and each output is None. Raises `RerankError` if
        not even one prompt fits into memory, and `ImageError` for an image that cannot be read.
        """
        features = self._features(prompts)
        shared = shared_prefix(prompts)
        prefix = None
        if shared >= _MIN_PREFIX:
            prefix = self._prefix_state(prompts[0], shared, features)
        else:
            shared = 0

        def run(batch: list[Rectangle]) -> list[Any]:
            packed = self._pack(prompts, batch, features, skip=shared)
            captures = self._allocate_captures(packed, sink)
            packed = replace(packed, captures=[capture for _, capture in captures])
            values = self._run(packed, prefix, scores)
            for row, capture in captures:
                if sink is not None and not features.changed(row):
                    sink.put(row, State(capture.kv))
            features.release(_rows(batch))
            return values

        lengths = [len(prompt) - shared for prompt in prompts]
        return self._run_batches(lengths, run, progress, self.slack)

    @torch.inference_mode()
    def resume(
        self, states: Sequence[State], tails: Sequence[Prompt], starts: Sequence[int]
    ) -> list[Any]:
        """The head's output for `tails` that follow `states`; the tails may have any lengths.

        `starts` are the rotary positions of the tails' first tokens. Raises as `compute` does.
        """
        features = self._features(tails)

        def run(batch: list[Rectangle]) -> list[Any]:
            packed = self._pack(tails, batch, features, starts=starts)
            pasts = [[states[row] for row in rectangle.rows] for rectangle in batch]
            if self.blocks:
                dtype = packed.embeddings.dtype
                blocks = [
                    Block.of(past, rectangle.lengths, dtype)
                    for past, rectangle in zip(pasts, batch, strict=True)
                ]
                return self._run(replace(packed, blocks=blocks), None, True)
            return self._run(replace(packed, pasts=pasts), None, True)

        slack = _GPU_TAIL_SLACK if self.blocks else 0.0
        return self._run_batches([len(tail) for tail in tails], run, None, slack)

    @torch.inference_mode()
    def read_images(self, parts: Sequence[ImagePart]) -> None:
        """Have the tower read those images that are not cached yet, and cache its output.

        Raises `ImageError` for an image that cannot be read.
        """
        prompts = [Prompt([], (PlacedImage(part, 0),)) for part in parts]
        features = self._features(prompts)
        for i in range(len(prompts)):
            features.read([i])
            features.release([i])

    def pack_whole(self, prompts: Sequence[Prompt]) -> Packed:
        """All prompts in one batch, without a shared prefix, even over the budget.

        For a caller that runs `decoder.last_hidden` and `head` itself: with gradients, or with an
        attention function of its own. Raises `ImageError` for an image that cannot be read.
        """
        batch = [Rectangle((row,), (len(prompt),)) for row, prompt in enumerate(prompts)]
        return self._pack(prompts, batch, self._features(prompts))

    def _features(self, prompts: Sequence[Prompt]) -> CallFeatures:
        return CallFeatures(
            self.tower, prompts, lambda: self.budget // _PATCHES_PER_TOKEN, self.vision_cache
        )

    def _pack(
        self,
        prompts: Sequence[Prompt],
        batch: list[Rectangle],
        features: CallFeatures,
        *,
        skip: int = 0,
        starts: Sequence[int] | None = None,
    ) -> Packed:
        features.read(_rows(batch))
        tokens = sum(rectangle.tokens for rectangle in batch)
        return pack(
            self.decoder,
            prompts,
            batch,
            features,
            device=self.device,
            skip=skip,
            starts=starts,
            total=tokens if starts is not None and len(batch) == 1 else self._rounded(tokens),
        )

    def _rounded(self, tokens: int) -> int:
        """Batch sizes that are multiples of a number, so that fewer kernels are made and cached."""
        rounded = tokens + -tokens % self.multiple
        return tokens if tokens <= self.budget < rounded else rounded

    def _prefix_state(self, prompt: Prompt, length: int, features: CallFeatures) -> State:
        """The state of a prompt's first `length` tokens."""
        alone = [Rectangle((0,), (length,))]
        try:
            packed = self._pack([prompt], alone, features)
            state = State(self.decoder.empty_state(length, packed.embeddings))
            self.decoder.fill(replace(packed, captures=[Capture(0, state.kv)]))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise RerankError(
                f"out of memory with the {length} tokens before a document"
            ) from error
        return state

    def _run_batches(
        self,
        lengths: list[int],
        run: Callable[[list[Rectangle]], list[Any]],
        progress: Progress | None,
        slack: float,
    ) -> list[Any]:
        """The output for each prompt, in the order of the prompts."""
        outputs: list[Any] = [None] * len(lengths)
        for batch, values in self._batches(lengths, run, slack):
            rows = _rows(batch)
            for row, value in zip(rows, values, strict=True):
                outputs[row] = value
            if progress is not None:
                progress(len(rows))
        return outputs

    def _batches(
        self, lengths: list[int], run: Callable[[list[Rectangle]], list[Any]], slack: float
    ) -> Iterator[tuple[list[Rectangle], list[Any]]]:
        """Each batch and its outputs; after memory ran out, what is left in smaller batches."""
        left = plan_batches(lengths, self.budget, slack=slack)
        while left:
            batch = left[0]
            values = None
            try:
                values = run(batch)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_budget(batch, error)
            if values is None:  # outside the handler: the traceback refers to the batch's memory
                free_memory(self.device)
                rows = [row for one in left for row in _rows(one)]
                left = plan_batches(lengths, self.budget, slack=slack, rows=rows)
            else:
                left.pop(0)
                yield batch, values

    def _halve_budget(self, batch: list[Rectangle], error: Exception) -> None:
        tokens = sum(rectangle.tokens for rectangle in batch)
        if len(_rows(batch)) == 1:
            raise RerankError(f"out of memory with one document of {tokens} tokens") from error
        self.budget = max(1, min(self.budget, tokens) // 2)
        warn(f"out of memory with a batch of {tokens} tokens; going on with {self.budget}")

    def _allocate_captures(
        self, packed: Packed, sink: StateSink | None
    ) -> list[tuple[int, Capture]]:
        """The prompts whose states are wanted, and memory for these states."""
        captures: list[tuple[int, Capture]] = []
        start = 0
        for rectangle in packed.rectangles:
            for row in rectangle.rows:
                if sink is not None and sink.lengths[row]:
                    kv = self.decoder.empty_state(sink.lengths[row], packed.embeddings)
                    captures.append((row, Capture(start, kv)))
                start += rectangle.width
        return captures

    def _run(self, packed: Packed, prefix: State | None, scores: bool) -> list[Any]:
        if not scores:
            self.decoder.fill(packed, prefix)
            return [None] * packed.last.shape[0]
        hidden = self.decoder.last_hidden(packed, prefix)
        # float32: in bfloat16 a logit is a multiple of 1/16 and the best candidates tie
        values: list[Any] = self.head(hidden.float()).tolist()
        return values


def _rows(batch: Sequence[Rectangle]) -> list[int]:
    """The prompts of a batch."""
    return [row for rectangle in batch for row in rectangle.rows]


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it; the CPU's allocator and MPS have only words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def free_memory(device: Any) -> None:
    """Give back what PyTorch keeps of a device's memory."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # the CPU has no cache to empty
        getattr(torch, device.type).empty_cache()

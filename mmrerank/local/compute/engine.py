"""Computes what a head makes of prompts: shared prefix, batches, and what to do when memory runs out."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrerank.errors import RerankError, RerankWarning
from mmrerank.local.compute.batching import Rectangle, plan_batches, shared_prefix
from mmrerank.local.compute.decoder import Block, Capture, Decoder, Packed, State
from mmrerank.local.compute.vision import CallFeatures, ImageFeatures, VisionStore, VisionTower
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt

__all__ = ["Engine", "Progress", "Sink"]

Head = Callable[[Tensor], Tensor]

Progress = Callable[[int], None]

_MIN_PREFIX = 8  # tokens; a pass of its own reads all weights once and must be worth that

_PATCHES = 4  # that the tower reads for one token of a prompt

_MULTIPLE = 32  # tokens of a batch: oneDNN takes 3 ms and 0.5 MB for each shape it has not met

_GPU_SLACK = 0.1  # the part of a row that may be padding where each kernel launch costs


@dataclass(frozen=True, slots=True)
class Sink:
    """Takes the states of prompts: of the first `lengths[row]` tokens of each, none where 0."""

    lengths: Sequence[int]
    put: Callable[[int, State], None]


class Engine:
    """A decoder, the tower for its images if it has one, and the head that reads the score.

    `head` maps (prompts, hidden) in float32 to (prompts,) logits, or to (prompts, n). `budget` is the most tokens of
    one batch; it is halved for good when memory runs out. `slack` is how much of a row may be padding.
    """

    def __init__(
        self,
        decoder: Decoder,
        head: Head,
        *,
        device: Any,
        budget: int,
        tower: VisionTower | None = None,
        store: VisionStore | None = None,
    ) -> None:
        self.decoder, self.head, self.tower = decoder, head, tower
        self.store = store  # of what the tower said
        self.device, self.budget = device, budget
        self.blocks = device.type != "cpu"  # many small kernels are slow only where launches are
        self.multiple = _MULTIPLE if device.type == "cpu" else 1
        self.slack = 0.0 if device.type == "cpu" else _GPU_SLACK

    @torch.inference_mode()
    def compute(
        self,
        prompts: Sequence[Prompt],
        progress: Progress | None = None,
        *,
        sink: Sink | None = None,
        scores: bool = True,
    ) -> list[Any]:
        """What the head makes of each prompt, in order: a float, or a list of them.

        NaN stays NaN. `sink` is given the states of the prompts' first tokens, batch by batch; with
        `scores=False` they are all that is computed. Raises `RerankError` where not even one
        prompt fits into memory.
        """
        features = self._features(prompts)
        shared = shared_prefix(prompts)
        prefix = None
        if shared >= _MIN_PREFIX:
            prefix = self._prefix(prompts[0], shared, features)
        else:
            shared = 0

        def run(batch: list[Rectangle]) -> list[Any]:
            packed = self._pack(prompts, batch, shared, features)
            states = self._room(packed, batch, sink)
            values = self._run(replace(packed, captures=[c for _, c in states]), prefix, scores)
            for row, capture in states:
                if sink is not None and not features.changed(row):
                    sink.put(row, State(capture.kv))
            features.release([row for rectangle in batch for row in rectangle.rows])
            return values

        return self._each([len(prompt) - shared for prompt in prompts], run, progress)

    @torch.inference_mode()
    def resume(
        self, states: Sequence[State], tails: Sequence[Prompt], starts: Sequence[int]
    ) -> list[Any]:
        """What the head makes of `tails` that go on from `states`; all tails have one length.

        `starts` are the rotary positions of the tails' first tokens.
        """
        features = self._features(tails)

        def run(batch: list[Rectangle]) -> list[Any]:
            packed = self._pack(tails, batch, 0, features, starts)
            pasts = [states[row] for rectangle in batch for row in rectangle.rows]
            if self.blocks:
                block = Block.of(pasts, len(tails[0]), packed.embeddings.dtype)
                return self._run(replace(packed, block=block), None, True)
            return self._run(replace(packed, pasts=pasts), None, True)

        return self._each([len(tail) for tail in tails], run, None)

    @torch.inference_mode()
    def read_images(self, parts: Sequence[ImagePart]) -> None:
        """Have the tower read images that the store does not have yet, and keep what it says."""
        prompts = [Prompt([], (PlacedImage(part, 0),)) for part in parts]
        features = self._features(prompts)
        for i in range(len(prompts)):
            features.read([i])
            features.release([i])

    def _features(self, prompts: Sequence[Prompt]) -> CallFeatures:
        return CallFeatures(self.tower, prompts, lambda: self.budget // _PATCHES, self.store)

    def _each(
        self,
        lengths: list[int],
        run: Callable[[list[Rectangle]], list[Any]],
        progress: Progress | None,
    ) -> list[Any]:
        """The value of each prompt: batch by batch, smaller ones after memory ran out."""
        found: list[Any] = [None] * len(lengths)
        for batch, values in self._batches(lengths, run):
            rows = [row for rectangle in batch for row in rectangle.rows]
            for row, value in zip(rows, values, strict=True):
                found[row] = value
            if progress is not None:
                progress(len(rows))
        return found

    def _prefix(self, prompt: Prompt, length: int, features: CallFeatures) -> State:
        alone = [Rectangle((0,), (length,))]
        try:
            packed = self._pack([prompt], alone, 0, features)
            state = State(self.decoder.empty_state(length, packed.embeddings))
            self.decoder.fill(replace(packed, captures=[Capture(0, state.kv)]))
        except Exception as error:
            if not _out_of_memory(error):
                raise
            raise RerankError(
                f"out of memory with the {length} tokens before a document"
            ) from error
        return state

    def _batches(
        self, lengths: list[int], run: Callable[[list[Rectangle]], list[Any]]
    ) -> Iterator[tuple[list[Rectangle], list[Any]]]:
        """Each batch and its values, in the order of `plan_batches`; smaller ones after a failure."""
        left = plan_batches(lengths, self.budget, slack=self.slack)
        while left:
            batch = left[0]
            values = None
            try:
                values = run(batch)
            except Exception as error:
                if not _out_of_memory(error):
                    raise
                self._shrink(batch, error)
            if values is None:  # outside the handler: the traceback holds on to the batch's memory
                _free(self.device)
                rows = [row for one in left for rectangle in one for row in rectangle.rows]
                left = plan_batches(lengths, self.budget, slack=self.slack, rows=rows)
            else:
                left.pop(0)
                yield batch, values

    def _room(
        self, packed: Packed, batch: list[Rectangle], sink: Sink | None
    ) -> list[tuple[int, Capture]]:
        """Room for the states of the rows that are to be kept, and where each begins."""
        out: list[tuple[int, Capture]] = []
        start = 0
        for rectangle in batch:
            for row in rectangle.rows:
                if sink is not None and sink.lengths[row]:
                    kv = self.decoder.empty_state(sink.lengths[row], packed.embeddings)
                    out.append((row, Capture(start, kv)))
                start += rectangle.width
        return out

    def _shrink(self, batch: list[Rectangle], error: Exception) -> None:
        tokens = sum(rectangle.tokens for rectangle in batch)
        if sum(len(rectangle.rows) for rectangle in batch) == 1:
            raise RerankError(f"out of memory with one document of {tokens} tokens") from error
        self.budget = max(1, min(self.budget, tokens) // 2)
        warnings.warn(
            f"out of memory with a batch of {tokens} tokens; going on with {self.budget}",
            RerankWarning,
            stacklevel=2,
        )

    def _run(self, packed: Packed, prefix: State | None, scores: bool) -> list[Any]:
        if not scores:
            self.decoder.fill(packed, prefix)
            return [None] * packed.last.shape[0]
        hidden = self.decoder.last_hidden(packed, prefix)
        # float32: in bfloat16 a logit is a multiple of 1/16 and the best candidates tie
        values: list[Any] = self.head(hidden.float()).tolist()
        return values

    def _pack(
        self,
        prompts: Sequence[Prompt],
        rectangles: list[Rectangle],
        skip: int,
        features: CallFeatures,
        starts: Sequence[int] | None = None,
    ) -> Packed:
        """The rectangles' tokens, each prompt from its token `skip` on, for `length` tokens; then zeros.

        `starts` are the rotary positions that the prompts begin at, 0 unless told.
        """
        features.read([row for rectangle in rectangles for row in rectangle.rows])
        total = sum(rectangle.tokens for rectangle in rectangles)
        if starts is None:
            total = self._rounded(total)
        ids = np.zeros(total, dtype=np.int64)
        positions = np.zeros((3, total), dtype=np.int64)
        places: list[tuple[int, ImageFeatures]] = []
        last: list[int] = []
        start = 0
        for rectangle in rectangles:
            for row, length in zip(rectangle.rows, rectangle.lengths, strict=True):
                prompt, end = prompts[row], skip + length
                ids[start : start + length] = prompt.ids[skip:end]
                positions[:, start : start + length] = prompt.positions()[:, skip:end]
                if starts is not None:
                    positions[:, start : start + length] += starts[row]
                places += _inside(prompt, skip, end, start - skip, features)
                last.append(start + length - 1)
                start += rectangle.width
        embeddings = self.decoder.embed(torch.from_numpy(ids).to(self.device))
        image_rows: Tensor | None = None
        deepstack: list[Tensor] = []
        if places:
            image_rows, embeddings, deepstack = self._with_images(embeddings, places)
        return Packed(
            embeddings=embeddings,
            positions=torch.from_numpy(positions).to(self.device),
            rectangles=rectangles,
            last=torch.tensor(last, device=self.device),
            image_rows=image_rows,
            deepstack=deepstack,
        )

    def _rounded(self, tokens: int) -> int:
        """Where each number of rows is another kernel to make and to keep, fewer numbers."""
        rounded = tokens + -tokens % self.multiple
        return tokens if tokens <= self.budget < rounded else rounded

    def _with_images(
        self, embeddings: Tensor, places: list[tuple[int, ImageFeatures]]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        counts = [(start, found.tokens.shape[0]) for start, found in places]
        rows = torch.from_numpy(np.concatenate([np.arange(s, s + n) for s, n in counts]))
        rows = rows.to(self.device)
        tokens = torch.cat([found.tokens for _, found in places])
        layers = range(len(places[0][1].deepstack))
        deepstack = [torch.cat([found.deepstack[i] for _, found in places]) for i in layers]
        return rows, embeddings.index_copy(0, rows, tokens.to(embeddings.dtype)), deepstack


def _inside(
    prompt: Prompt, begin: int, end: int, shift: int, features: CallFeatures
) -> Iterator[tuple[int, ImageFeatures]]:
    """The images of tokens `begin` to `end`, cut to them, and the row where each begins."""
    for placed in prompt.images:
        first, behind = max(placed.start, begin), min(placed.start + placed.part.tokens, end)
        if first < behind:
            found = features[placed.part]
            yield first + shift, found.cut(first - placed.start, behind - placed.start)


def _out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it; the CPU's allocator and MPS only have words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def _free(device: Any) -> None:
    gc.collect()
    with contextlib.suppress(AttributeError):  # the CPU has no cache to empty
        getattr(torch, device.type).empty_cache()

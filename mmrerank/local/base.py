"""The flow that all local models share, whatever their prompts look like."""

from __future__ import annotations

import gc
import math
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, InvalidResponseError, RerankError, RerankWarning
from mmrerank.fusion import FanOut, Fusion, fan_out, max_score, split_query
from mmrerank.local.batching import Prompt
from mmrerank.local.loading import (
    Checkpoint,
    DType,
    Quantization,
    pick_device,
    pick_dtype,
    progress_bar,
    require,
)
from mmrerank.types import Content, Scored, Usage

if TYPE_CHECKING:
    from mmrerank.local.engine import Engine

__all__ = ["LocalReranker", "default_budget"]

_CPU_BUDGET, _GPU_BUDGET = 1024, 16384


class LocalReranker(Reranker):
    """A reranker whose model runs in this process.

    A subclass gives `_load`, which makes the `Engine`, and `_prompts`. Everything else is here:
    parts and their fusion, batches, the lock, usage, progress, `close`.

    Calls from several threads are safe and run one after the other; `ascore` and `arerank` hand
    the work to a thread. Scores are probabilities, or logits with `scores="logit"`.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int,
        instruction: str | None = None,
        max_batch_tokens: int | None = None,
        quantization: Quantization | None = None,
        scores: Literal["probability", "logit"] = "probability",
        fusion: Fusion = max_score,
        joint: bool = True,
        max_images_per_document: int = 4,
        shrink_images: bool = False,
        show_progress: bool = False,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        _check_positive(max_length=max_length, max_images_per_document=max_images_per_document)
        if max_batch_tokens is not None:
            _check_positive(max_batch_tokens=max_batch_tokens)
        if scores not in ("probability", "logit"):
            raise InvalidInputError(f'scores is "probability" or "logit", not {scores!r}')
        self.model = str(model)
        self.max_length, self.instruction = max_length, instruction
        self.show_progress = show_progress
        self._logits = scores == "logit"
        self._fusion, self._joint = fusion, joint
        self.max_images_per_document, self._shrink_images = max_images_per_document, shrink_images
        self._quantization: Quantization | None = quantization
        self._lock = threading.RLock()
        require("torch")
        require("transformers")
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self._budget = max_batch_tokens or default_budget(self.device)
        self._engine: Engine | None = self._load(Checkpoint(self.model, revision))

    @abstractmethod
    def _load(self, checkpoint: Checkpoint) -> Engine:
        """Load tokeniser and weights. Raises `ModelLoadError`."""

    @abstractmethod
    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        """The prompt of each item, and whether the query was cut to fit."""

    @property
    def max_batch_tokens(self) -> int:
        """The most tokens of one batch. It is halved when memory runs out."""
        return self._engine.budget if self._engine is not None else self._budget

    def close(self) -> None:
        """Let go of the model and the device's memory. Safe to call twice."""
        with self._lock:
            self._engine = None
            gc.collect()
            torch = require("torch")
            if self.device.type != "cpu":
                getattr(torch, self.device.type).empty_cache()

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        plan = fan_out(
            documents, self.modalities, max_images=self.max_images_per_document, joint=self._joint
        )
        with self._lock:
            engine = self._open()
            asked = [
                self._prompts(part, plan.items) for part in split_query(query, self.modalities)
            ]
            total = sum(len(prompts) for prompts, _ in asked)
            with progress_bar(self.show_progress, total, "rerank") as step:
                logits = [engine.compute(prompts, step) for prompts, _ in asked]
        self._tell(documents, plan, asked)
        found = [self._mean(column) for column in zip(*logits, strict=True)]
        self._check(plan, found)
        return plan.fuse(found, self._fusion)

    def _open(self) -> Engine:
        if self._engine is None:
            raise RerankError(f"{self.model} was closed")
        return self._engine

    def _mean(self, logits: Sequence[float]) -> float:
        """One score from the logits that the parts of the query gave."""
        values = logits if self._logits else [_sigmoid(logit) for logit in logits]
        return math.fsum(values) / len(values)

    def _check(self, plan: FanOut, found: list[float]) -> None:
        bad = {i for i, score in enumerate(found) if not math.isfinite(score)}
        if not bad:
            return
        documents = [
            i
            for i, (parts, joint) in enumerate(zip(plan.parts, plan.joint, strict=True))
            if joint in bad or any(part.item in bad for part in parts)
        ]
        raise InvalidResponseError(
            f"{self.model} gave documents[{documents[0]}] and {len(documents) - 1} others no "
            f"finite score: its weights are damaged, or {self.dtype} is too narrow for it "
            '(try dtype="float32")'
        )

    def _tell(
        self, documents: list[Content], plan: FanOut, asked: list[tuple[list[Prompt], bool]]
    ) -> None:
        """Report usage, and warn about what was cut."""
        cut = {i for prompts, _ in asked for i, prompt in enumerate(prompts) if prompt.cut}
        query_cut = any(was_cut for _, was_cut in asked)
        if cut or query_cut:
            what = [f"{len(cut)} of {len(plan.items)} documents or parts"] if cut else []
            what += ["the query"] if query_cut else []
            warnings.warn(
                f"cut to fit max_length={self.max_length}: {' and '.join(what)}",
                RerankWarning,
                stacklevel=5,
            )
        self._report(
            Usage(
                model=self.model,
                documents=len(documents),
                parts=sum(len(prompts) for prompts, _ in asked),
                images=sum(len(item.images) for item in plan.items),
                total_tokens=sum(len(prompt) for prompts, _ in asked for prompt in prompts),
                truncated=len(cut) + query_cut,
            )
        )


def default_budget(device: Any) -> int:
    """Tokens of a batch. On a CPU smaller ones stay in its caches: 1,024 took 8 % less than 2,048.

    The number for GPUs is a guess that was not measured.
    """
    return _CPU_BUDGET if device.type == "cpu" else _GPU_BUDGET


def _sigmoid(logit: float) -> float:
    """Without overflow for large negative logits."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInputError(f"{name} is a positive integer, not {value!r}")

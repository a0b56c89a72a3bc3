"""The flow that all local models share, whatever their prompts look like."""

from __future__ import annotations

import gc
import math
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.base import Documents, Reranker, check_documents
from mmrerank.errors import InvalidInputError, InvalidResponseError, RerankError, RerankWarning
from mmrerank.fusion import FanOut, Fusion, fan_out, max_score, sigmoid, split_query
from mmrerank.local.cache.keys import Keys, file_hash, weights_hash
from mmrerank.local.cache.memory import CacheInfo, Reuse, Store
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, Quantization, pick_device, pick_dtype
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.optional import require
from mmrerank.progress import progress_bar
from mmrerank.types import Content, Scored, Usage

if TYPE_CHECKING:
    from mmrerank.local.compute.documents import DocumentStates
    from mmrerank.local.compute.engine import Engine, Progress

__all__ = ["Answer", "LocalReranker", "default_budget"]

_CPU_BUDGET, _GPU_BUDGET = 1024, 16384
_WARM_CHUNK = 64  # items that are read before another call may go first


@dataclass(frozen=True, slots=True)
class Answer:
    """The logits of some items, how many tokens each prompt has, and what was cut to fit."""

    logits: list[float]
    tokens: list[int]
    cut: list[bool]
    query_cut: bool


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
        reuse: bool | Reuse = False,
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
        checkpoint = Checkpoint(self.model, revision)
        self._engine: Engine | None = self._load(checkpoint)
        self._store: Store | None = None
        self._states: DocumentStates | None = None
        if reuse:
            self._keep(checkpoint, Reuse() if reuse is True else reuse)

    @abstractmethod
    def _load(self, checkpoint: Checkpoint) -> Engine:
        """Load tokeniser and weights. Raises `ModelLoadError`."""

    @abstractmethod
    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        """The prompt of each item, and whether the query was cut to fit."""

    def _keep(self, checkpoint: Checkpoint, reuse: Reuse) -> None:
        """Set up what is kept across calls: `_store` and all that keys depend on."""
        from mmrerank.local.compute.vision import VisionStore

        options = self._options() | {"states": reuse.states}
        keys = Keys(self._identity(checkpoint, reuse), options)
        disk = None
        if reuse.disk is not None:
            from mmrerank.local.cache.disk import DiskTier

            disk = DiskTier(reuse.disk, reuse.disk_bytes)
        self._store = Store(reuse, self.device, pick_device("cpu"), disk)
        if self._engine is not None and self._engine.tower is not None:
            self._engine.store = VisionStore(self._store, keys)
        self._keep_documents(self._store, keys)

    def _keep_documents(self, store: Store, keys: Keys) -> None:
        """Set `_states`, where a document's state does not depend on the query."""

    def _identity(self, checkpoint: Checkpoint, reuse: Reuse) -> dict[str, Any]:
        """All that the model's output for an image depends on."""
        config = checkpoint.file("config.json")
        return {
            "class": type(self).__qualname__,
            "model": self.model,
            "revision": checkpoint.revision,
            # what is kept in memory cannot outlive the weights that it was made with
            "weights": None if reuse.disk is None else weights_hash(config),
            "preprocessor": file_hash(checkpoint.file("preprocessor_config.json")),
            "dtype": str(self.dtype),
            "device": self.device.type,
            "quantization": self._quantization,
        }

    def _options(self) -> dict[str, Any]:
        """All that a document's state depends on besides."""
        return {
            "instruction": self.instruction,
            "max_length": self.max_length,
            "shrink_images": self._shrink_images,
        }

    def warm(self, documents: Documents, *, show_progress: bool = False) -> None:
        """Read documents ahead of any query, so that the first query finds them read.

        Does nothing without `reuse`. Raises what scoring these documents would raise; warns where
        there is no room for all of them.
        """
        if self._store is None:
            return
        contents = check_documents(documents)
        plan = fan_out(
            contents, self.modalities, max_images=self.max_images_per_document, joint=self._joint
        )
        lost = self._store.lost()
        with progress_bar(show_progress, len(plan.items), "warm") as step:
            for start in range(0, len(plan.items), _WARM_CHUNK):
                items = plan.items[start : start + _WARM_CHUNK]
                with self._lock:  # a query may go first after each chunk
                    self._warm(self._open(), items)
                if step is not None:
                    step(len(items))
        if self._store.lost() > lost:
            warnings.warn(
                f"not all of {len(plan.items)} documents or parts that were read ahead are kept: "
                "allow reuse more memory, or a folder on disk",
                RerankWarning,
                stacklevel=2,
            )

    def _warm(self, engine: Engine, items: Sequence[Content]) -> None:
        """Read some items, and keep what can be kept of them."""

    def cache_info(self) -> CacheInfo:
        """Hits, misses, bytes and evictions of what is kept across calls."""
        return CacheInfo() if self._store is None else self._store.info()

    def clear_cache(self, *, disk: bool = False) -> None:
        """Let go of what is kept in memory and, if told, in the folder on disk."""
        if self._store is not None:
            self._store.clear(disk=disk)

    @property
    def max_batch_tokens(self) -> int:
        """The most tokens of one batch. It is halved when memory runs out."""
        return self._engine.budget if self._engine is not None else self._budget

    def close(self) -> None:
        """Let go of the model and the device's memory. Safe to call twice."""
        with self._lock:
            self._engine = self._states = None
            self.clear_cache()
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
            parts = split_query(query, self.modalities)
            with progress_bar(self.show_progress, len(parts) * len(plan.items), "rerank") as step:
                answers = [self._ask(engine, part, plan.items, step) for part in parts]
        self._tell(documents, plan, answers)
        found = [self._mean(c) for c in zip(*(a.logits for a in answers), strict=True)]
        self._check(plan, found)
        return plan.fuse(found, self._fusion)

    def _ask(
        self, engine: Engine, query: Content, items: Sequence[Content], step: Progress | None
    ) -> Answer:
        """The logit of each item."""
        prompts, query_cut = self._prompts(query, items)
        tokens, cut = [len(prompt) for prompt in prompts], [prompt.cut for prompt in prompts]
        return Answer(engine.compute(prompts, step), tokens, cut, query_cut)

    def _open(self) -> Engine:
        if self._engine is None:
            raise RerankError(f"{self.model} was closed")
        return self._engine

    def _mean(self, logits: Sequence[float]) -> float:
        """One score from the logits that the parts of the query gave."""
        values = logits if self._logits else [sigmoid(logit) for logit in logits]
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

    def _tell(self, documents: list[Content], plan: FanOut, answers: list[Answer]) -> None:
        """Report usage, and warn about what was cut."""
        cut = {i for answer in answers for i, was_cut in enumerate(answer.cut) if was_cut}
        query_cut = any(answer.query_cut for answer in answers)
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
                parts=sum(len(answer.tokens) for answer in answers),
                images=sum(len(item.images) for item in plan.items),
                total_tokens=sum(sum(answer.tokens) for answer in answers),
                truncated=len(cut) + query_cut,
            )
        )


def default_budget(device: Any) -> int:
    """Tokens of a batch. On a CPU smaller ones stay in its caches: 1,024 took 8 % less than 2,048.

    The number for GPUs is a guess that was not measured.
    """
    return _CPU_BUDGET if device.type == "cpu" else _GPU_BUDGET


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInputError(f"{name} is a positive integer, not {value!r}")

"""The flow of a call, which all local models share."""

from __future__ import annotations

import gc
import math
import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from mmrerank.base import Documents, Reranker, check_documents, check_query, check_scores
from mmrerank.errors import InvalidResponseError, RerankError, warn
from mmrerank.explanation import Explanation, Method
from mmrerank.fusion import FanOut, fan_out, sigmoid, split_query
from mmrerank.local.cache.keys import Keys, file_hash, weights_hash
from mmrerank.local.cache.memory import CacheInfo, Reuse, StateCache
from mmrerank.local.cache.tiers import open_cache
from mmrerank.local.calls import Call, Pair, PairScore, prompts_of
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import default_budget, pick_device, pick_dtype
from mmrerank.local.options import DEFAULTS, ImageOptions, check_positive, check_scores_option
from mmrerank.local.prompt.layout import TokenPlace
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.optional import require
from mmrerank.options import Configurable
from mmrerank.progress import progress_bar
from mmrerank.types import Content, Scored

if TYPE_CHECKING:
    from mmrerank.local.compute.documents import DocumentStates
    from mmrerank.local.compute.engine import Engine, Progress

__all__ = ["LocalReranker"]

_WARM_CHUNK = 64  # items that are computed before another call may go first


class LocalReranker(Configurable, Reranker):
    """A reranker whose model runs in this process.

    A subclass implements `_load`, which makes the `Engine`, and `_prompts`. Everything else is
    here: the parts of documents and their fusion, batches, the lock, usage, progress, `close`.

    Calls from several threads are safe and run one after the other; `ascore` and `arerank` run in
    a thread. Scores are probabilities, or logits with `scores="logit"`.

    The constructor raises `InvalidInputError` for an option that cannot be used, `ModelLoadError`
    for a model that cannot be loaded, `MissingDependencyError` without torch and transformers,
    and TypeError for an unknown option.
    """

    options: ClassVar[type] = ImageOptions
    defaults: ClassVar[Mapping[str, Any]] = DEFAULTS
    default_instruction: ClassVar[str | None] = None

    def __init__(self, model: str, **options: Unpack[ImageOptions]) -> None:
        settings: ImageOptions = self.complete_options(options)
        self.settings: Mapping[str, Any] = dict(settings)
        """The options it was made with, and the defaults of all others."""
        super().__init__(on_usage=settings["on_usage"])
        check_positive(settings, "max_length", "max_images_per_document")
        if settings["max_batch_tokens"] is not None:
            check_positive(settings, "max_batch_tokens")
        check_scores_option(settings["scores"])
        self.model = str(model)
        self.max_length = settings["max_length"]
        instruction = settings["instruction"]
        self.instruction = self.default_instruction if instruction is None else instruction
        self.show_progress = settings["show_progress"]
        self.max_images_per_document = settings["max_images_per_document"]
        self._scores_are_logits = settings["scores"] == "logit"
        self._fusion, self._joint = settings["fusion"], settings["joint"]
        self._shrink_images = settings["shrink_images"]
        self._quantization = settings["quantization"]
        self._lock = threading.RLock()
        require("torch")
        require("transformers")
        self.device = pick_device(settings["device"])
        self.dtype = pick_dtype(settings["dtype"], self.device)
        self._budget = settings["max_batch_tokens"] or default_budget(self.device)
        checkpoint = Checkpoint(self.model, settings["revision"])
        self._engine: Engine | None = self._load(checkpoint)
        self._cache: StateCache | None = None
        self._states: DocumentStates | None = None
        reuse = settings["reuse"]
        if reuse:
            self.caches_documents = True
            self._set_up_cache(checkpoint, Reuse() if reuse is True else reuse)

    @abstractmethod
    def _load(self, checkpoint: Checkpoint) -> Engine:
        """Load tokeniser and weights. Raises `ModelLoadError`."""

    @abstractmethod
    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        """The prompt of each item, and whether the query was cut to fit."""

    @abstractmethod
    def _places(self, query: Content, item: Content) -> list[TokenPlace | None]:
        """Where each token of the item's prompt comes from; None for those of the template."""

    def _set_up_cache(self, checkpoint: Checkpoint, reuse: Reuse) -> None:
        """Make the state cache, with keys of everything that states depend on."""
        from mmrerank.local.compute.vision import VisionCache

        options = self._prompt_options() | {"states": reuse.states}
        keys = Keys(self._model_facts(checkpoint, reuse), options)
        self._cache = open_cache(reuse, self.device, pick_device("cpu"))
        if self._engine is not None and self._engine.tower is not None:
            self._engine.vision_cache = VisionCache(self._cache, keys)
        self._set_up_document_states(self._cache, keys)

    def _set_up_document_states(self, cache: StateCache, keys: Keys) -> None:
        """Set `_states` in a class whose document states do not depend on the query."""

    def _model_facts(self, checkpoint: Checkpoint, reuse: Reuse) -> dict[str, Any]:
        """Everything that the model's output for an image depends on."""
        config = checkpoint.file("config.json")
        return {
            "class": type(self).__qualname__,
            "model": self.model,
            "revision": checkpoint.revision,
            # entries in memory cannot outlive the weights that they were computed with
            "weights": weights_hash(config) if reuse.is_kept else None,
            "preprocessor": file_hash(checkpoint.file("preprocessor_config.json")),
            "dtype": str(self.dtype),
            "device": self.device.type,
            "quantization": self._quantization,
        }

    def _prompt_options(self) -> dict[str, Any]:
        """The options that a document's state depends on."""
        return {
            "instruction": self.instruction,
            "max_length": self.max_length,
            "shrink_images": self._shrink_images,
        }

    def warm(self, documents: Documents, *, show_progress: bool = False) -> None:
        """Compute what can be cached of `documents` ahead of any query.

        Does nothing without `reuse`. Raises what scoring these documents would raise; issues a
        `RerankWarning` if the cache is too small for all of them.
        """
        if self._cache is None:
            return
        plan = self._plan(check_documents(documents))
        losses = self._cache.losses()
        bar = progress_bar(show_progress, len(plan.items), "warm")
        with bar as step, self._cache.patiently():
            for start in range(0, len(plan.items), _WARM_CHUNK):
                items = plan.items[start : start + _WARM_CHUNK]
                with self._lock:  # a query may go first after each chunk
                    self._warm_items(self._open_engine(), items)
                if step is not None:
                    step(len(items))
        if self._cache.losses() > losses:
            warn(
                f"the state cache is too small for all of {len(plan.items)} documents or parts: "
                "allow reuse more memory, or a folder on disk"
            )

    def _warm_items(self, engine: Engine, items: Sequence[Content]) -> None:
        """Compute and cache what can be cached of some items."""

    def cache_info(self) -> CacheInfo:
        """Hits, misses, bytes and evictions of the state cache; zeros without `reuse`."""
        return CacheInfo() if self._cache is None else self._cache.info()

    def clear_cache(self, *, disk: bool = False) -> None:
        """Empty the state cache in memory and, with `disk=True`, the folder on disk."""
        if self._cache is not None:
            self._cache.clear(disk=disk)

    @property
    def max_batch_tokens(self) -> int:
        """The largest number of tokens in one batch. It is halved when memory runs out."""
        return self._engine.budget if self._engine is not None else self._budget

    def close(self) -> None:
        """Free the model and the device's memory. Safe to call twice."""
        with self._lock:
            self._engine = self._states = None
            if self._cache is not None:
                self._cache.close()
            gc.collect()
            torch = require("torch")
            if self.device.type != "cpu":
                getattr(torch, self.device.type).empty_cache()

    def _plan(self, documents: list[Content]) -> FanOut:
        return fan_out(
            documents, self.modalities, max_images=self.max_images_per_document, joint=self._joint
        )

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        call = self.plan_call(query, documents)
        with progress_bar(self.show_progress, len(call.pairs), "rerank") as step:
            scores = self.score_pairs(call.pairs, step)
        return self.finish_call(call, scores)

    def score_many(self, calls: Sequence[tuple[str | Content, Documents]]) -> list[list[float]]:
        """What `score` gives for each query and its documents, with the work of all done together.

        Raises as `score` does, for the first call that cannot be scored.
        """
        planned = [self.plan_call(check_query(q), check_documents(given)) for q, given in calls]
        scores = iter(self.score_pairs([pair for call in planned for pair in call.pairs]))
        done = [self.finish_call(call, list(islice(scores, len(call.pairs)))) for call in planned]
        return [[scored.score for scored in call] for call in done]

    def plan_call(self, query: Content, documents: list[Content]) -> Call:
        """What a call has to score. Raises `UnsupportedModalityError`."""
        return Call(len(documents), self._plan(documents), split_query(query, self.modalities))

    def score_pairs(self, pairs: Sequence[Pair], step: Progress | None = None) -> list[PairScore]:
        """The score of each pair, in order; they may belong to several calls.

        Raises what scoring any one of them raises. `step` is told how many more were scored.
        """
        if not pairs:
            return []
        with self._lock:
            return self._score_pairs(self._open_engine(), pairs, step)

    def finish_call(self, call: Call, scores: Sequence[PairScore]) -> list[Scored]:
        """One score for each document of a call, from the scores of its pairs; reports the usage.

        Raises `InvalidResponseError` for a document without a finite score.
        """
        self._warn_of_cuts(call, scores)
        self._report(call.usage(self.model, scores))
        values = self._item_values(call, scores)
        return check_scores(call.plan.fuse(values, self._fusion), call.documents, self.model)

    def _item_values(self, call: Call, scores: Sequence[PairScore]) -> list[float]:
        """The score of each item of a call. Raises as `finish_call`."""
        values = [self._mean_score(item) for item in call.by_item(scores)]
        if documents := call.without_score(values):
            raise InvalidResponseError(
                f"{self.model} gave documents[{documents[0]}] and {len(documents) - 1} others no "
                f"finite score: its weights are damaged, or {self.dtype} is too narrow for it "
                '(try dtype="float32")'
            )
        return values

    def state_key(self, item: Content) -> str | None:
        """The key of the state that makes scoring `item` cheap; None if the model has none.

        Raises `ImageError` for an image that cannot be read.
        """
        return None

    def has_state(self, key: str) -> bool:
        """Whether the state under a key of `state_key` is cached on this machine.

        Waits for a disk only where there is `Reuse(disk=...)`.
        """
        return self._cache is not None and self._cache.has(key)

    def _score_pairs(
        self, engine: Engine, pairs: Sequence[Pair], step: Progress | None
    ) -> list[PairScore]:
        prompts, queries_cut = prompts_of(pairs, self._prompts)
        logits = engine.compute(prompts, step)
        return [
            PairScore(logit, len(prompt), prompt.cut, query_cut)
            for logit, prompt, query_cut in zip(logits, prompts, queries_cut, strict=True)
        ]

    def _explain(
        self, query: Content, document: Content, method: Method | None, candidates: list[Content]
    ) -> Explanation:
        from mmrerank.local.explaining import explain

        compute = partial(LocalReranker._score_pairs, self)  # a subclass may have one with a cache
        return explain(self, compute, query, document, method)

    def _open_engine(self) -> Engine:
        """The engine. Raises `RerankError` after `close`."""
        if self._engine is None:
            raise RerankError(f"{self.model} was closed")
        return self._engine

    def _mean_score(self, scores: Sequence[PairScore]) -> float:
        """One score from those for the parts of the query."""
        logits = [score.logit for score in scores]
        values = logits if self._scores_are_logits else [sigmoid(logit) for logit in logits]
        return math.fsum(values) / len(values)

    def _warn_of_cuts(self, call: Call, scores: Sequence[PairScore]) -> None:
        cut = call.cut_items(scores)
        texts = [f"{cut} of {len(call.plan.items)} documents or parts"] if cut else []
        if any(score.query_cut for score in scores):
            texts.append("the query")
        if texts:
            warn(f"cut to fit max_length={self.max_length}: {' and '.join(texts)}")

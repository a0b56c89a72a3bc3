"""Any text cross-encoder that sentence-transformers loads (MS MARCO MiniLM, BGE, mxbai, ...)."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any, Literal

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, ModelLoadError, RerankError
from mmrerank.fusion import fan_out, split_query
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, pick_device, pick_dtype
from mmrerank.optional import require
from mmrerank.types import Content, Modalities, Scored, Usage

__all__ = ["CrossEncoderReranker"]


class CrossEncoderReranker(Reranker):
    """A thin wrapper of `sentence_transformers.CrossEncoder`, for text.

    Needs the extra `cross-encoder`. Scores are the model's sigmoid, or its raw output with
    `scores="logit"`. Models with more than one label (NLI) are refused. What is longer than
    `max_length` tokens is cut by sentence-transformers, which does not say so. Images in a
    document are left out with a `RerankWarning`.
    """

    modalities = Modalities(blank_text=True)

    def __init__(
        self,
        model: str = "cross-encoder/ms-marco-MiniLM-L6-v2",
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        scores: Literal["probability", "logit"] = "probability",
        show_progress: bool = False,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidInputError(f"batch_size is a positive integer, not {batch_size!r}")
        if scores not in ("probability", "logit"):
            raise InvalidInputError(f'scores is "probability" or "logit", not {scores!r}')
        self.model, self.batch_size, self.show_progress = str(model), batch_size, show_progress
        self._logits = scores == "logit"
        self._lock = threading.RLock()
        self._library = require("sentence_transformers")
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self._encoder: Any = self._load(Checkpoint(self.model, revision), max_length)

    def _load(self, checkpoint: Checkpoint, max_length: int | None) -> Any:
        try:
            encoder = self._library.CrossEncoder(
                checkpoint.name,
                device=str(self.device),
                revision=checkpoint.revision,
                trust_remote_code=False,
                max_length=max_length,
                model_kwargs={"dtype": self.dtype, "use_safetensors": True},
            )
        except Exception as error:  # many kinds, as with transformers
            raise ModelLoadError(f"{self.model} cannot be loaded: {error}") from error
        if encoder.num_labels != 1:
            raise ModelLoadError(
                f"{self.model} has {encoder.num_labels} labels; a reranker has one"
            )
        return encoder

    def close(self) -> None:
        """Let go of the model. Safe to call twice."""
        with self._lock:
            self._encoder = None
            gc.collect()

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        plan = fan_out(documents, self.modalities)
        (asked,) = split_query(query, self.modalities)
        pairs = [(asked.text or "", item.text or "") for item in plan.items]
        nn = require("torch").nn
        with self._lock:
            if self._encoder is None:
                raise RerankError(f"{self.model} was closed")
            scores = self._encoder.predict(
                pairs,
                batch_size=self.batch_size,
                show_progress_bar=self.show_progress,
                activation_fn=nn.Identity() if self._logits else nn.Sigmoid(),
            )
        self._report(Usage(model=self.model, documents=len(documents), parts=len(pairs), images=0))
        return plan.fuse([float(score) for score in scores])

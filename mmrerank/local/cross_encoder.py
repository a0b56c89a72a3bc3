"""Any text cross-encoder that sentence-transformers loads (MS MARCO MiniLM, BGE, mxbai, ...)."""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Callable
from typing import Any, Unpack

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, ModelLoadError, RerankError
from mmrerank.fusion import fan_out, split_query
from mmrerank.local.checkpoint import Checkpoint, quiet
from mmrerank.local.device import pick_device, pick_dtype
from mmrerank.local.options import (
    DEFAULTS,
    ModelOptions,
    ScoreOptions,
    check_scores_option,
)
from mmrerank.optional import require
from mmrerank.options import Configurable
from mmrerank.types import Content, Modalities, Scored, Usage

__all__ = ["CrossEncoderReranker"]


def control_token_cutter(tokenizer: Any) -> Callable[[str], str]:
    """A function that puts a space into each control token in a text, so that it is only words.

    `split_special_tokens` would also split the tokens of a model's own chat template, and not
    those that a checkpoint adds without calling them special.
    """
    # Tokens of white space alone, which ModernBERT adds, are text.
    names = [name for name in tokenizer.get_added_vocab() if name.strip() and name[1:]]
    if not names:
        return lambda text: text
    names.sort(key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, names)))
    return lambda text: pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


class CrossEncoderOptions(ModelOptions, ScoreOptions, total=False):
    """Options of a cross-encoder that sentence-transformers runs."""


class CrossEncoderReranker(Configurable, Reranker):
    """A thin wrapper of `sentence_transformers.CrossEncoder`, for text.

    Needs the extra `cross-encoder`. Scores are the sigmoid of the model's output, or the output
    itself with `scores="logit"`. `max_length` is in tokens, None for the model's own limit;
    sentence-transformers cuts longer text without a warning. Control tokens that are written in a
    text are read as words. `batch_size` is the number of
    documents computed at once. Images in a document are left out with a `RerankWarning`.

    The constructor raises `InvalidInputError` for an option that cannot be used and
    `ModelLoadError` for a model that cannot be loaded or has several labels (NLI).
    """

    modalities = Modalities(blank_text=True)

    options = CrossEncoderOptions
    defaults = DEFAULTS

    def __init__(
        self,
        model: str = "cross-encoder/ms-marco-MiniLM-L6-v2",
        *,
        max_length: int | None = None,
        batch_size: int = 32,
        **options: Unpack[CrossEncoderOptions],
    ) -> None:
        settings: CrossEncoderOptions = self.complete_options(options)
        super().__init__(on_usage=settings["on_usage"])
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidInputError(f"batch_size is a positive integer, not {batch_size!r}")
        check_scores_option(settings["scores"])
        self.model, self.batch_size = str(model), batch_size
        self.show_progress = settings["show_progress"]
        self._scores_are_logits = settings["scores"] == "logit"
        self._lock = threading.RLock()
        self._library = require("sentence_transformers")
        self.device = pick_device(settings["device"])
        self.dtype = pick_dtype(settings["dtype"], self.device)
        self._encoder: Any = self._load(Checkpoint(self.model, settings["revision"]), max_length)
        self._as_words = control_token_cutter(self._encoder.tokenizer)

    def _load(self, checkpoint: Checkpoint, max_length: int | None) -> Any:
        try:
            try:
                encoder = self._encoder_of(checkpoint, max_length, attention="sdpa")
            except ValueError as error:  # DeBERTa and other old models have their own attention
                if "scaled_dot_product_attention" not in str(error):
                    raise
                encoder = self._encoder_of(checkpoint, max_length, attention="eager")
        except Exception as error:  # many kinds, as with transformers
            raise ModelLoadError(f"{self.model} cannot be loaded: {error}") from error
        if encoder.num_labels != 1:
            raise ModelLoadError(
                f"{self.model} has {encoder.num_labels} labels; a reranker has one"
            )
        return encoder

    def _encoder_of(self, checkpoint: Checkpoint, max_length: int | None, *, attention: str) -> Any:
        with quiet():
            return self._library.CrossEncoder(
                checkpoint.name,
                device=str(self.device),
                revision=checkpoint.revision,
                trust_remote_code=False,
                max_length=max_length,
                model_kwargs={
                    "dtype": self.dtype,
                    "use_safetensors": True,
                    # A checkpoint's config may name a kernel, which would be fetched and run.
                    "attn_implementation": attention,
                },
            )

    def close(self) -> None:
        """Free the model. Safe to call twice."""
        with self._lock:
            self._encoder = None
            gc.collect()

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        plan = fan_out(documents, self.modalities)
        (query_part,) = split_query(query, self.modalities)
        question = self._as_words(query_part.text or "")
        pairs = [(question, self._as_words(item.text or "")) for item in plan.items]
        nn = require("torch").nn
        with self._lock:
            if self._encoder is None:
                raise RerankError(f"{self.model} was closed")
            scores = self._encoder.predict(
                pairs,
                batch_size=self.batch_size,
                show_progress_bar=self.show_progress,
                activation_fn=nn.Identity() if self._scores_are_logits else nn.Sigmoid(),
            )
        self._report(Usage(model=self.model, documents=len(documents), parts=len(pairs), images=0))
        return plan.fuse([float(score) for score in scores])

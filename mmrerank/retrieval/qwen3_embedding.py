"""Qwen3-Embedding (0.6B, 4B, 8B), for the first stage; runs on this machine.

https://huggingface.co/Qwen/Qwen3-Embedding-0.6B
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from mmrerank.errors import InvalidInputError, RerankError, warn
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import default_budget, pick_device, pick_dtype
from mmrerank.local.options import DEFAULTS, QwenOptions
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.local.prompt.tokenizer import Tokenizer
from mmrerank.optional import require
from mmrerank.options import Configurable
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.types import Content

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["Qwen3Embedder"]

_BATCH = 256  # texts; the engine computes `max_batch_tokens` of them at once

_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"


class Qwen3Embedder(Configurable, Embedder):
    """Embeds texts. A query is preceded by the instruction, a document by nothing.

    The embedding is the hidden state of the closing token, scaled to length 1. With `dimensions`
    only that many of its first numbers are used, which the models were trained for. Texts are cut
    on the right to `max_length` tokens (8,192 by default). Calls from several threads are safe and run one after the other.

    The constructor raises `InvalidInputError` for an option that cannot be used, `ModelLoadError`
    for a model that cannot be loaded, and TypeError for an unknown option.
    """

    options = QwenOptions
    defaults = DEFAULTS

    def __init__(
        self,
        model: str = "Qwen/Qwen3-Embedding-0.6B",
        *,
        dimensions: int | None = None,
        **options: Unpack[QwenOptions],
    ) -> None:
        settings: QwenOptions = self.complete_options(options)
        super().__init__(batch_size=_BATCH, show_progress=settings["show_progress"])
        self.max_length = settings["max_length"]
        if self.max_length < 2 or (dimensions is not None and dimensions < 1):
            raise InvalidInputError("max_length is at least 2, and dimensions at least 1")
        self.model = str(model)
        instruction = settings["instruction"]
        self.instruction = _INSTRUCTION if instruction is None else instruction
        self.device = pick_device(settings["device"])
        self.dtype = pick_dtype(settings["dtype"], self.device)
        self._quantization = settings["quantization"]
        self._budget = settings["max_batch_tokens"] or default_budget(self.device)
        self._lock = threading.RLock()
        checkpoint = Checkpoint(self.model, settings["revision"])
        self._engine: Engine | None = self._load(checkpoint, dimensions)

    def _load(self, checkpoint: Checkpoint, dimensions: int | None) -> Engine:
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        config = checkpoint.config(
            model_type="qwen3",
            architectures=("Qwen3ForCausalLM", "Qwen3Model"),
            reranker="Qwen3Embedder",
        )
        if dimensions is not None and dimensions > config.hidden_size:
            raise InvalidInputError(f"{self.model} has {config.hidden_size} dimensions")
        self._dimensions = dimensions or config.hidden_size
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._close_token = self._tokenizer.control("<|endoftext|>").id
        model = checkpoint.load(
            require("transformers").Qwen3Model,
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=self._quantization,
            unused=("lm_head.weight",),
        )
        return Engine(
            Decoder(model, mrope=False), self._unit, device=self.device, budget=self._budget
        )

    def _unit(self, hidden: Any) -> Any:
        """(texts, hidden) -> (texts, dimensions), each of length 1."""
        return require("torch").nn.functional.normalize(hidden[:, : self._dimensions], dim=-1)

    def _embed_query(self, query: Content) -> Vector:
        """The vector of the instruction and the query."""
        return self._embed_texts([f"Instruct: {self.instruction}\nQuery:{query.text}"])[0]

    def close(self) -> None:
        """Free the model. Safe to call twice."""
        with self._lock:
            self._engine = None
            super().close()
            gc.collect()

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        room = self.max_length - 1
        tokens = self._tokenizer.encode(texts)
        cut = sum(len(ids) > room for ids in tokens)
        if cut:
            warn(f"{cut} of {len(texts)} texts were cut to {self.max_length} tokens")
        prompts = [Prompt([*ids[:room], self._close_token]) for ids in tokens]
        with self._lock:
            if self._engine is None:
                raise RerankError(f"{self.model} was closed")
            vectors: list[list[float]] = self._engine.compute(prompts)
        return vectors

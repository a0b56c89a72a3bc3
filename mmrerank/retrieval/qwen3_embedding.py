"""Qwen3-Embedding (0.6B, 4B, 8B), for the first stage; runs on this machine.

https://huggingface.co/Qwen/Qwen3-Embedding-0.6B
"""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmrerank.errors import InvalidInputError, InvalidResponseError, RerankError, RerankWarning
from mmrerank.local.base import default_budget
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, Quantization, pick_device, pick_dtype
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.local.prompt.tokenizer import Tokenizer
from mmrerank.optional import require
from mmrerank.progress import progress_bar

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["Qwen3Embedder"]

_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"


class Qwen3Embedder:
    """Embeds texts; a query gets the instruction before it, a document nothing.

    The embedding is the hidden state of the closing token, of length 1. `dimensions` keeps the
    first so many of its numbers, for which the models were trained. Texts are cut on the right to
    `max_length` tokens. Its methods are those of LangChain's `Embeddings`. Safe from several
    threads; calls run one after the other.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen3-Embedding-0.6B",
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int = 8192,
        instruction: str | None = None,
        dimensions: int | None = None,
        max_batch_tokens: int | None = None,
        quantization: Quantization | None = None,
        show_progress: bool = False,
    ) -> None:
        if max_length < 2 or (dimensions is not None and dimensions < 1):
            raise InvalidInputError("max_length is at least 2, and dimensions at least 1")
        self.model = str(model)
        self.max_length, self.show_progress = max_length, show_progress
        self.instruction = _INSTRUCTION if instruction is None else instruction
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self._lock = threading.RLock()
        budget = max_batch_tokens or default_budget(self.device)
        checkpoint = Checkpoint(self.model, revision)
        self._engine: Engine | None = self._load(checkpoint, budget, dimensions, quantization)

    def _load(
        self,
        checkpoint: Checkpoint,
        budget: int,
        dimensions: int | None,
        quantization: Quantization | None,
    ) -> Engine:
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        config = checkpoint.config(
            model_type="qwen3",
            architectures=("Qwen3ForCausalLM", "Qwen3Model"),
            reranker="Qwen3Embedder",
        )
        if dimensions is not None and dimensions > config.hidden_size:
            raise InvalidInputError(f"{self.model} has {config.hidden_size} dimensions")
        self.dimensions: int = dimensions or config.hidden_size
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._close_token = self._tokenizer.control("<|endoftext|>").id
        model = checkpoint.load(
            require("transformers").Qwen3Model,
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=quantization,
            unused=("lm_head.weight",),
        )
        return Engine(Decoder(model, mrope=False), self._unit, device=self.device, budget=budget)

    def _unit(self, hidden: Any) -> Any:
        """(texts, hidden) -> (texts, dimensions), each of length 1."""
        return require("torch").nn.functional.normalize(hidden[:, : self.dimensions], dim=-1)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of `dimensions` numbers a text, in order. Blank text is embedded, too."""
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InvalidInputError("texts is a list of str")
        return self._embed(list(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query: the instruction and the text."""
        if not isinstance(text, str) or not text.strip():
            raise InvalidInputError("the query is empty")
        return self._embed([f"Instruct: {self.instruction}\nQuery:{text}"])[0]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """As `embed_documents`, without blocking the event loop."""
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """As `embed_query`, without blocking the event loop."""
        return await asyncio.to_thread(self.embed_query, text)

    def close(self) -> None:
        """Let go of the model. Safe to call twice."""
        with self._lock:
            self._engine = None
            gc.collect()

    def _embed(self, texts: list[str]) -> list[list[float]]:
        if not texts:
            return []
        room = self.max_length - 1
        tokens = self._tokenizer.encode(texts)
        cut = sum(len(ids) > room for ids in tokens)
        if cut:
            warnings.warn(
                f"{cut} of {len(texts)} texts were cut to {self.max_length} tokens",
                RerankWarning,
                stacklevel=3,
            )
        prompts = [Prompt([*ids[:room], self._close_token]) for ids in tokens]
        with self._lock:
            if self._engine is None:
                raise RerankError(f"{self.model} was closed")
            with progress_bar(self.show_progress, len(prompts), "embed") as step:
                vectors: list[list[float]] = self._engine.compute(prompts, step)
        for i, vector in enumerate(vectors):
            if not all(map(math.isfinite, vector)):
                raise InvalidResponseError(f"{self.model} gave texts[{i}] no finite vector")
        return vectors

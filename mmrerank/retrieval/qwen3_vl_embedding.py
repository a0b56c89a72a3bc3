"""Qwen3-VL-Embedding (2B, 8B): texts, images and both together; runs on this machine.

https://huggingface.co/Qwen/Qwen3-VL-Embedding-2B
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from mmrerank.errors import InvalidInputError, RerankError, warn
from mmrerank.local.checkpoint import Checkpoint, load_tower
from mmrerank.local.device import default_budget, pick_device, pick_dtype
from mmrerank.local.options import DEFAULTS, QwenOptions
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.local.prompt.tokenizer import ImageTokens, Piece, Tokenizer
from mmrerank.optional import require
from mmrerank.options import Configurable
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.retrieval.embedding_calls import unit_vectors
from mmrerank.retrieval.qwen3_vl_prompt import (
    BLANK_TEXT,
    DOCUMENT_INSTRUCTION,
    QUERY_INSTRUCTION,
    full_sentence,
)
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["Qwen3VLEmbedder"]

_BATCH = 32  # items; the engine computes `max_batch_tokens` of them at once
_PIXELS = PixelRule(factor=32, min_pixels=4 * 32 * 32, max_pixels=1800 * 32 * 32, thin=True)
_MIN_ROOM = 16  # tokens for text and images; a smaller max_length must be a mistake


class Qwen3VLEmbedder(Configurable, Embedder):
    """Embeds texts, images and both together; a query may be any of these.

    The embedding is the final hidden state of the prompt's last token, scaled to length 1. With
    `dimensions` only that many of its first numbers are used, which the models were trained for.
    `instruction` is that of queries, `document_instruction` that of texts and images; None stands
    for the published ones. `max_length` (8,192 by default) counts all tokens: text is cut on the
    right to fit, with a `RerankWarning`; images are never cut, but made small enough where
    `shrink_images` is True (default), and an `ImageError` otherwise. Calls from several threads are
    safe and run one after the other.

    The constructor raises `InvalidInputError` for an option that cannot be used, `ModelLoadError`
    for a model that cannot be loaded, and TypeError for an unknown option.
    """

    modalities = frozenset({"text", "image", "text_and_image"})
    blank_text = BLANK_TEXT
    options = QwenOptions
    defaults = DEFAULTS

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Embedding-2B",
        *,
        dimensions: int | None = None,
        document_instruction: str | None = None,
        shrink_images: bool = True,
        **options: Unpack[QwenOptions],
    ) -> None:
        settings: QwenOptions = self.complete_options(options)
        super().__init__(batch_size=_BATCH, show_progress=settings["show_progress"])
        if dimensions is not None and dimensions < 1:
            raise InvalidInputError("dimensions is at least 1")
        self.model, self.max_length = str(model), settings["max_length"]
        self.instruction = _instruction(settings["instruction"], QUERY_INSTRUCTION)
        self.document_instruction = _instruction(document_instruction, DOCUMENT_INSTRUCTION)
        self._shrink_images = shrink_images
        self.device = pick_device(settings["device"])
        self.dtype = pick_dtype(settings["dtype"], self.device)
        self._quantization = settings["quantization"]
        self._budget = settings["max_batch_tokens"] or default_budget(self.device)
        self._lock = threading.RLock()
        self._engine: Engine | None = self._load(
            Checkpoint(self.model, settings["revision"]), dimensions
        )

    def _load(self, checkpoint: Checkpoint, dimensions: int | None) -> Engine:
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        config = checkpoint.config(
            model_type="qwen3_vl",
            architectures=(
                "Qwen3VLForConditionalGeneration",
                "Qwen3VLForEmbedding",
                "Qwen3VLModel",
            ),
            reranker="Qwen3VLEmbedder",
        )
        size = config.text_config.hidden_size
        if dimensions is not None and dimensions > size:
            raise InvalidInputError(f"{self.model} has {size} dimensions")
        self._dimensions = dimensions or size
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._image_tokens = ImageTokens(
            config.vision_start_token_id, config.image_token_id, config.vision_end_token_id
        )
        self._set_up_template()
        model = checkpoint.load(
            require("transformers").Qwen3VLModel,
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=self._quantization,
            keep=("visual",),
            unused=("lm_head.weight",),
        )
        return Engine(
            Decoder(model.language_model, mrope=True),
            self._cut,
            device=self.device,
            budget=self._budget,
            tower=load_tower(checkpoint, model.visual, self.device),
        )

    def _set_up_template(self) -> None:
        self._start, self._end = map(self._tokenizer.control, ("<|im_start|>", "<|im_end|>"))
        # What the tokenizer puts around a text, such as <|endoftext|> after it, belongs to the prompt.
        self._first, last = self._tokenizer.around()
        self._after: list[Piece] = [self._end, "\n", self._start, "assistant\n", *last]
        for instruction in (self.instruction, self.document_instruction):
            room = self.max_length - self._length([*self._before(instruction), *self._after])
            if room < _MIN_ROOM:
                raise InvalidInputError(
                    f"max_length={self.max_length} leaves {room} tokens for text and images; at "
                    f"least {_MIN_ROOM} are needed (the instruction counts)"
                )

    def _before(self, instruction: str) -> list[Piece]:
        """The pieces before an item's images and text."""
        system: list[Piece] = [self._start, f"system\n{instruction}", self._end, "\n"]
        return [*self._first, *system, self._start, "user\n"]

    def _length(self, pieces: Sequence[Piece]) -> int:
        ((ids, _),) = self._tokenizer.assemble([pieces], self._image_tokens)
        return len(ids)

    def _cut(self, hidden: Any) -> Any:
        """(items, hidden) -> (items, dimensions), which the base class scales to length 1."""
        return hidden[:, : self._dimensions]

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._compute([Content(text) for text in texts], self.document_instruction)

    def _embed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        contents = [Content(images=[image]) for image in images]
        return self._compute(contents, self.document_instruction)

    def _embed_query(self, query: Content) -> Vector:
        return self._compute([query], self.instruction)[0]

    def embed_contents(self, contents: Sequence[Content]) -> list[Vector]:
        """One vector for each document of text, images or both together, in order; not cached.

        Raises as `embed_images` does.
        """
        vectors: list[Vector] = []
        for start in range(0, len(contents), self.batch_size):
            items = [self._checked_query(one) for one in contents[start : start + self.batch_size]]
            vectors += self._compute(items, self.document_instruction)
        size, wrong = self._dimensions, self._unusable
        return [one.tolist() for one in unit_vectors(vectors, len(contents), "items", size, wrong)]

    def _compute(self, items: Sequence[Content], instruction: str) -> list[Vector]:
        made = [self._prompt(item, instruction) for item in items]
        if cut := sum(prompt.cut for prompt in made):
            warn(f"{cut} of {len(items)} texts were cut to max_length={self.max_length} tokens")
        with self._lock:
            if self._engine is None:
                raise RerankError(f"{self.model} was closed")
            return self._engine.compute(made)

    def _prompt(self, item: Content, instruction: str) -> Prompt:
        """One item's prompt, with images before text; only text is cut."""
        before = self._before(instruction)
        room = self.max_length - self._length([*before, *self._after])
        images = fit_images(_PIXELS, item.images, room, shrink=self._shrink_images)
        left = room - sum(part.tokens + 2 for part in images)
        text, cut = self._tokenizer.head(item.text or "", left)
        pieces: list[Piece] = [*before, *images, text, *self._after]
        ((ids, placed),) = self._tokenizer.assemble([pieces], self._image_tokens)
        return Prompt(ids, tuple(placed), cut)

    def close(self) -> None:
        """Free the model. Safe to call twice."""
        from mmrerank.local.compute.engine import free_memory

        with self._lock:
            self._engine = None
            super().close()
            free_memory(self.device)


def _instruction(given: str | None, published: str) -> str:
    return full_sentence(published if given is None else given)

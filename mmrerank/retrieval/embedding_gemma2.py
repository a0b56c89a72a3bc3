"""EmbeddingGemma 2: texts of up to 8,192 tokens and images in one space.

https://huggingface.co/google/embeddinggemma-2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from mmrerank.errors import InvalidInputError, ModelLoadError
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, pick_dtype
from mmrerank.optional import require
from mmrerank.retrieval.embedder import Vector
from mmrerank.retrieval.local_embedder import LocalEmbedder, LocalEmbedderOptions, Tensors
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["EmbeddingGemma2Embedder"]

_QUERY, _DOCUMENT = "task: search result | query: ", "title: none | text: "

_SHORTEST = 16  # tokens; the prompts alone take eight

_ARCHITECTURE = "EmbeddingGemma2Model"

_BATCH_TOKENS = 16384  # of a batch of texts, padding included: attention needs their length squared


class EmbeddingGemma2Embedder(LocalEmbedder):
    """Embeds texts and images, each alone, as the model's published prompts say.

    A query is preceded by "task: search result | query: ", a text by "title: none | text: ", an
    image by nothing. The embedding is the mean of all tokens, scaled to length 1. With `dimensions`
    only that many of its 768 numbers are used; the model was trained for 512, 256 and 128. Texts are
    cut on the right to `max_length` tokens, with a `RerankWarning`. A checkpoint without its vision
    tower embeds texts alone; the audio tower is not loaded.

    Raises as `LocalEmbedder`, also `InvalidInputError` for float16, which the model overflows.
    """

    def __init__(
        self,
        model: str = "google/embeddinggemma-2",
        *,
        dimensions: int | None = None,
        max_length: int = 8192,
        **options: Unpack[LocalEmbedderOptions],
    ) -> None:
        if max_length < _SHORTEST or (dimensions is not None and dimensions < 1):
            raise InvalidInputError(
                f"max_length is at least {_SHORTEST}, and dimensions at least 1"
            )
        self.max_length = max_length
        self._wanted_dimensions = dimensions
        super().__init__(model, **options)

    def _pick_dtype(self, dtype: DType) -> Any:
        torch = require("torch")
        chosen = pick_dtype(dtype, self.device)
        if chosen != torch.float16:
            return chosen
        if dtype == "auto":  # a device without bfloat16
            return torch.float32
        raise InvalidInputError("EmbeddingGemma 2 cannot run in float16: use bfloat16 or float32")

    def _load(self, checkpoint: Checkpoint) -> Any:
        transformers = require("transformers")
        if not hasattr(transformers, _ARCHITECTURE):
            raise ModelLoadError("EmbeddingGemma 2 needs transformers 5.18 or newer")
        config = checkpoint.config(
            model_type="embedding_gemma2",
            architectures=(_ARCHITECTURE,),
            reranker=type(self).__name__,
        )
        size = int(config.text_config.embedding_dim)
        if (self._wanted_dimensions or 1) > size:
            raise InvalidInputError(f"{self.model} has {size} dimensions")
        self._dimensions = self._wanted_dimensions or size
        config.audio_config = None
        self._tokenizer = checkpoint.tokenizer(
            transformers.AutoTokenizer, config.text_config.vocab_size
        )
        if config.vision_config is not None:
            self.modalities = frozenset({"text", "image"})
            self._image_processor = checkpoint.image_processor(transformers.Gemma4ImageProcessorPil)
            ids = (config.boi_token_id, config.image_token_id, config.eoi_token_id)
            self._image_tokens: list[str] = self._tokenizer.convert_ids_to_tokens(ids)
        return checkpoint.load(
            getattr(transformers, _ARCHITECTURE), config, device=self.device, dtype=self.dtype
        )

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._embed_prompts([_DOCUMENT + text for text in texts])

    def _embed_query(self, query: Content) -> Vector:
        if query.images:
            return self._embed_images(query.images)[0]
        return self._embed_prompts([f"{_QUERY}{query.text}"])[0]

    def _embed_prompts(self, prompts: list[str]) -> Sequence[Vector]:
        tokens = self._encode(self._tokenizer, prompts, self.max_length, padding=True)
        inputs = {name: tokens[name] for name in ("input_ids", "attention_mask")}
        rows = max(1, _BATCH_TOKENS // inputs["input_ids"].shape[1])
        return [
            vector
            for start in range(0, len(prompts), rows)
            for vector in self._vectors(
                {name: tensor[start : start + rows] for name, tensor in inputs.items()}, self._mean
            )
        ]

    def _embed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        inputs = self._processed(images, self._pixels)
        begin, place, end = self._image_tokens
        counts = inputs.pop("num_soft_tokens_per_image").tolist()
        prompts = [f"{begin}{place * count}{end}" for count in counts]
        with self._tokenizing:
            tokens = self._tokenizer(prompts, padding=True, return_tensors="pt")
        inputs |= {name: tokens[name] for name in ("input_ids", "attention_mask")}
        inputs["pixel_values"] = inputs["pixel_values"].to(self.dtype)
        return self._vectors(inputs, self._mean)

    def _pixels(self, picture: PILImage) -> Tensors:
        return dict(self._image_processor(images=[picture], return_tensors="pt"))

    def _mean(self, network: Any, inputs: Tensors) -> Any:
        """(items, dimensions): the mean of the last states of all tokens that are no padding."""
        states = network(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        return mean[:, : self._dimensions]

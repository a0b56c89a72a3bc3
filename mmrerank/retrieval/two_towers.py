"""Models with a tower for texts and a tower for images, whose outputs share one space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mmrerank.local.checkpoint import Checkpoint
from mmrerank.optional import require
from mmrerank.retrieval.embedder import Modality, Vector
from mmrerank.retrieval.local_embedder import LocalEmbedder, Tensors
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["Towers", "TwoTowerEmbedder"]

_UNUSED = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""Numbers from 0 on, which older versions of transformers wrote into the weights."""


@dataclass(frozen=True, slots=True)
class Towers:
    """The names of the classes of transformers for one kind of checkpoint."""

    network: str
    image_processor: str


class TwoTowerEmbedder(LocalEmbedder):
    """An embedder of texts and images, each alone; a query is embedded as a document is.

    A subclass has the `towers` of each `model_type` that it loads, and says how texts become tokens.
    """

    modalities: frozenset[Modality] = frozenset({"text", "image"})
    towers: ClassVar[Mapping[str, Towers]]

    def _load(self, checkpoint: Checkpoint) -> Any:
        transformers = require("transformers")
        config = checkpoint.config(
            model_type=tuple(self.towers),
            architectures=tuple(towers.network for towers in self.towers.values()),
            reranker=type(self).__name__,
        )
        towers = self.towers[config.model_type]
        self._dimensions = self._size(config)
        self.max_length = self._longest(config)
        self._image_processor = checkpoint.component(
            getattr(transformers, towers.image_processor), "preprocessor_config.json"
        )
        self._tokenizer = self._load_tokenizer(checkpoint)
        return checkpoint.load(
            getattr(transformers, towers.network),
            config,
            device=self.device,
            dtype=self.dtype,
            unused=_UNUSED,
        )

    def _size(self, config: Any) -> int:
        """How many dimensions the vectors have."""
        return int(config.projection_dim)

    def _longest(self, config: Any) -> int:
        """The largest number of tokens of a text."""
        return int(config.text_config.max_position_embeddings)

    def _load_tokenizer(self, checkpoint: Checkpoint) -> Any:
        """The checkpoint's own tokenizer. Raises `ModelLoadError`."""
        return checkpoint.component(
            require("transformers").AutoTokenizer, "tokenizer_config.json", trust_remote_code=False
        )

    def _tokenize(self, texts: Sequence[str]) -> Tensors:
        """The text tower's arguments."""
        return self._encode(self._tokenizer, texts, self.max_length, padding=True)

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._vectors(
            self._tokenize(texts),
            lambda network, inputs: network.get_text_features(**inputs).pooler_output,
        )

    def _embed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        inputs = self._processed(images, self._pixels)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.dtype)
        return self._vectors(
            inputs, lambda network, inputs: network.get_image_features(**inputs).pooler_output
        )

    def _pixels(self, picture: PILImage) -> Tensors:
        """The image tower's arguments for one picture."""
        return dict(self._image_processor(images=[picture], return_tensors="pt"))

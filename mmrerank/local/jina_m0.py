"""jina-reranker-m0: text and images on both sides. https://huggingface.co/jinaai/jina-reranker-m0

The weights are CC-BY-NC-4.0: not for commercial use without a licence from their authors.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.errors import InvalidInputError
from mmrerank.fusion import Fusion, max_score
from mmrerank.local.base import Answer, LocalReranker
from mmrerank.local.cache.keys import Keys
from mmrerank.local.cache.memory import Reuse, Store
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, Quantization
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.local.prompt.tokenizer import Control, ImageTokens, Piece, Tokenizer
from mmrerank.types import Content, Modalities, Usage

if TYPE_CHECKING:
    from mmrerank.local.compute.documents import Tail
    from mmrerank.local.compute.engine import Engine, Progress

__all__ = ["JinaM0Reranker"]

_SCORE_TOKEN = Control(100)  # any token would do; the weights were trained with this one
_LOGIT_BIAS = 2.65
_QUERY = "**Query**:\n"
_MIN_QUERY, _MIN_DOCUMENT = 1, 4
_PIXELS = PixelRule(factor=28, min_pixels=4 * 28 * 28, max_pixels=768 * 28 * 28)


class JinaM0Reranker(LocalReranker):
    """jina-reranker-m0. One item is a text or an image, as the model was trained.

    A document of text and images is scored part by part, and `fusion` makes one score of it; a
    query of several parts likewise, by their mean. `joint=True` puts all parts of a document into
    one prompt instead, images first, and so with the query; the model was not trained for that.

    A document has at most `max_length - max_query_length` tokens, whatever the query is, and a
    query `max_query_length`; longer text is cut on the right. `instruction` becomes a line before
    the prompt.

    `reuse` keeps documents' states and the vision tower's output, so that a document is read once
    and a query pays for its own tokens: True for 1 GiB of memory, a `Reuse` for more or for a
    folder on disk, False for none. `warm` reads documents ahead, `cache_info` tells what is kept.
    """

    def __init__(
        self,
        model: str = "jinaai/jina-reranker-m0",
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int = 10240,
        max_query_length: int = 512,
        instruction: str | None = None,
        max_batch_tokens: int | None = None,
        quantization: Quantization | None = None,
        scores: Literal["probability", "logit"] = "probability",
        fusion: Fusion = max_score,
        joint: bool = False,
        max_images_per_document: int = 4,
        shrink_images: bool = False,
        reuse: bool | Reuse = True,
        show_progress: bool = False,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        if max_query_length < _MIN_QUERY or max_length - max_query_length < _MIN_DOCUMENT:
            raise InvalidInputError(
                f"max_length={max_length} and max_query_length={max_query_length} leave no room "
                "for a document or for a query"
            )
        self.max_query_length = max_query_length
        self.modalities = Modalities(
            image=True,
            query_image=True,
            blank_text=True,
            text_and_image=joint,
            several_images=joint,
            query_text_and_image=joint,
            query_several_images=joint,
        )
        super().__init__(
            model,
            device=device,
            dtype=dtype,
            revision=revision,
            max_length=max_length,
            instruction=instruction,
            max_batch_tokens=max_batch_tokens,
            quantization=quantization,
            scores=scores,
            fusion=fusion,
            joint=joint,
            max_images_per_document=max_images_per_document,
            shrink_images=shrink_images,
            reuse=reuse,
            show_progress=show_progress,
            on_usage=on_usage,
        )

    def _load(self, checkpoint: Checkpoint) -> Engine:
        from mmrerank.local.checkpoint import load_tower
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine
        from mmrerank.local.m0_model import KEY_MAPPING, JinaVLForRanking

        config = checkpoint.config(
            model_type="qwen2_vl", architectures=("JinaVLForRanking",), reranker="JinaM0Reranker"
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        begun = [_QUERY + query for query in ("query", "?", "\nquery", "\r\nquery")]
        self._mark: list[int] = functools.reduce(_common, self._tokenizer.encode(begun))
        self._image_tokens = ImageTokens(
            config.vision_start_token_id, config.image_token_id, config.vision_end_token_id
        )
        model = checkpoint.load(
            JinaVLForRanking,
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=self._quantization,
            keep=("score", "model.visual"),
            key_mapping=KEY_MAPPING,
        )
        model.score.float()

        def head(hidden: Any) -> Any:
            return model.head(hidden) - _LOGIT_BIAS

        return Engine(
            Decoder(model.model.language_model, mrope=True),
            head,
            device=self.device,
            budget=self._budget,
            tower=load_tower(checkpoint, model.model.visual, self.device),
        )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        asked, query_cut = self._side(query, self.max_query_length)
        prefix = f"{self.instruction}\n" if self.instruction else ""
        room = self.max_length - self.max_query_length
        sides = [self._side(item, room) for item in items]
        documents: list[list[Piece]] = [
            [f"{prefix}**Document**:\n", *side, f"\n{_QUERY}", *asked, _SCORE_TOKEN]
            for side, _ in sides
        ]
        made = self._tokenizer.assemble(documents, self._image_tokens)
        return [
            Prompt(ids, tuple(images), cut)
            for (ids, images), (_, cut) in zip(made, sides, strict=True)
        ], query_cut

    def _keep_documents(self, store: Store, keys: Keys) -> None:
        from mmrerank.local.compute.documents import DocumentStates

        self._states = DocumentStates(store, keys)

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"max_query_length": self.max_query_length}

    def _ask(
        self, engine: Engine, query: Content, items: Sequence[Content], step: Progress | None
    ) -> Answer:
        if self._states is None:
            return super()._ask(engine, query, items, step)
        tail, query_cut = self._tail(query)
        found = self._states.score(
            engine, items, tail, lambda missing: self._prompts(query, missing)[0], step
        )
        return Answer(*found, query_cut)

    def _warm(self, engine: Engine, items: Sequence[Content]) -> None:
        if self._states is not None:
            query = Content("query")  # any: it is cut off again
            tail, _ = self._tail(query)
            self._states.warm(engine, items, tail, lambda missing: self._prompts(query, missing)[0])

    def _tail(self, query: Content) -> tuple[Tail, bool]:
        """What follows a document's state, and whether the query was cut."""
        from mmrerank.local.compute.documents import Tail

        asked, query_cut = self._side(query, self.max_query_length)
        pieces: list[Piece] = [_QUERY, *asked, _SCORE_TOKEN]
        ((ids, images),) = self._tokenizer.assemble([pieces], self._image_tokens)
        mark = len(_common(ids, self._mark))
        placed = tuple(PlacedImage(image.part, image.start - mark) for image in images)
        return Tail(Prompt(ids[mark:], placed), back=len(self._mark) - mark), query_cut

    def _side(self, content: Content, room: int) -> tuple[list[Piece], bool]:
        """The images and then the text of a document or query, and whether the text was cut."""
        parts = fit_images(_PIXELS, content.images, room, shrink=self._shrink_images)
        if content.text is None or (parts and not content.text.strip()):
            return [*parts], False
        used = sum(part.tokens + 2 for part in parts)
        text, cut = self._tokenizer.head(content.text, room - used)
        return [*parts, *(["\n"] if parts else []), text], cut


def _common(some: list[int], others: list[int]) -> list[int]:
    """What both begin with."""
    pairs = zip(some, others, strict=False)
    return [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]

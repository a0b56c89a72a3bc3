"""jina-reranker-m0: text and images on both sides. https://huggingface.co/jinaai/jina-reranker-m0

The weights are CC-BY-NC-4.0: not for commercial use without a licence from their authors.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.local.base import LocalReranker, ScoredPrompts
from mmrerank.local.cache.keys import Keys
from mmrerank.local.cache.memory import StateCache
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.options import ImageOptions
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.local.prompt.layout import Layout, Owned, Owner, TokenPlace, places, plain
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.local.prompt.tokenizer import Control, ImageTokens, Piece, Tokenizer
from mmrerank.types import Content, Modalities

if TYPE_CHECKING:
    from mmrerank.local.compute.documents import Tail
    from mmrerank.local.compute.engine import Engine, Progress

__all__ = ["JinaM0Reranker"]

_SCORE_TOKEN = Control(100)  # any token would do; the model was trained with this one
_LOGIT_BIAS = 2.65
_QUERY = "**Query**:\n"
_MIN_QUERY, _MIN_DOCUMENT = 1, 4
_PIXELS = PixelRule(factor=28, min_pixels=4 * 28 * 28, max_pixels=768 * 28 * 28)


class JinaM0Reranker(LocalReranker):
    """jina-reranker-m0. Each prompt is about one text or one image, as the model was trained.

    A document of text and images is scored part by part, and `fusion` makes one score of these; for
    a query of several parts the mean counts. `joint=True` puts all parts of a document into one
    prompt instead, images first, and those of the query too; the model was not trained for that.

    A query has at most `max_query_length` tokens (512 by default) and a document at most
    `max_length - max_query_length` (9,728 by default), even if the query is shorter; longer text is
    cut on the right. `instruction` becomes a line before the prompt; there is none by default.

    `reuse` (True by default) caches documents' states and the vision tower's output, so that each
    document is computed once and a query costs only its own tokens. `warm` computes documents ahead
    of any query, and `cache_info` returns the cache's counts.
    """

    options = ImageOptions
    defaults: ClassVar[ImageOptions] = {"max_length": 10240, "joint": False, "reuse": True}

    def __init__(
        self,
        model: str = "jinaai/jina-reranker-m0",
        *,
        max_query_length: int = 512,
        **options: Unpack[ImageOptions],
    ) -> None:
        self.max_query_length = max_query_length
        super().__init__(model, **options)
        self.modalities = Modalities(
            image=True,
            query_image=True,
            blank_text=True,
            text_and_image=self._joint,
            several_images=self._joint,
            query_text_and_image=self._joint,
            query_several_images=self._joint,
        )

    def _load(self, checkpoint: Checkpoint) -> Engine:
        from mmrerank.local.checkpoint import load_tower
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine
        from mmrerank.local.m0_model import KEY_MAPPING, JinaVLForRanking

        self._check_lengths()
        config = checkpoint.config(
            model_type="qwen2_vl", architectures=("JinaVLForRanking",), reranker="JinaM0Reranker"
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        examples = [_QUERY + query for query in ("query", "?", "\nquery", "\r\nquery")]
        self._query_marker: list[int] = functools.reduce(
            _common_prefix, self._tokenizer.encode(examples)
        )
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

    def _check_lengths(self) -> None:
        room = self.max_length - self.max_query_length
        if self.max_query_length < _MIN_QUERY or room < _MIN_DOCUMENT:
            raise InvalidInputError(
                f"max_length={self.max_length} and max_query_length={self.max_query_length} leave "
                "no room for a document or for a query"
            )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        layouts, cuts, query_cut = self._layouts(query, items)
        assembled = self._tokenizer.assemble(list(map(plain, layouts)), self._image_tokens)
        return [
            Prompt(ids, tuple(images), cut)
            for (ids, images), cut in zip(assembled, cuts, strict=True)
        ], query_cut

    def _layouts(
        self, query: Content, items: Sequence[Content]
    ) -> tuple[list[Layout], list[bool], bool]:
        """The pieces of each item's prompt, whether its text was cut, and whether the query was."""
        query_pieces, query_cut = self._pieces("query", query, self.max_query_length)
        prefix = f"{self.instruction}\n" if self.instruction else ""
        room = self.max_length - self.max_query_length
        bodies = [self._pieces("document", item, room) for item in items]
        layouts: list[Layout] = [
            [f"{prefix}**Document**:\n", *body, f"\n{_QUERY}", *query_pieces, _SCORE_TOKEN]
            for body, _ in bodies
        ]
        return layouts, [cut for _, cut in bodies], query_cut

    def _places(self, query: Content, item: Content) -> list[TokenPlace | None]:
        (layout,), _, _ = self._layouts(query, [item])
        return places(layout, self._tokenizer)

    def _set_up_document_states(self, cache: StateCache, keys: Keys) -> None:
        from mmrerank.local.compute.documents import DocumentStates

        self._states = DocumentStates(cache, keys)

    def _prompt_options(self) -> dict[str, Any]:
        return super()._prompt_options() | {"max_query_length": self.max_query_length}

    def _score_items(
        self, engine: Engine, query: Content, items: Sequence[Content], step: Progress | None
    ) -> ScoredPrompts:
        if self._states is None:
            return super()._score_items(engine, query, items, step)
        tail, query_cut = self._tail(query)
        scores = self._states.score(
            engine, items, tail, lambda missing: self._prompts(query, missing)[0], step
        )
        return ScoredPrompts(
            [score.logit for score in scores],
            [score.tokens for score in scores],
            [score.cut for score in scores],
            query_cut,
        )

    def _warm_items(self, engine: Engine, items: Sequence[Content]) -> None:
        if self._states is not None:
            query = Content("query")  # any query: it is removed again
            tail, _ = self._tail(query)
            self._states.warm(engine, items, tail, lambda missing: self._prompts(query, missing)[0])

    def _tail(self, query: Content) -> tuple[Tail, bool]:
        """What follows a document's state, and whether the query was cut."""
        from mmrerank.local.compute.documents import Tail

        query_pieces, query_cut = self._pieces("query", query, self.max_query_length)
        pieces = plain([_QUERY, *query_pieces, _SCORE_TOKEN])
        ((ids, images),) = self._tokenizer.assemble([pieces], self._image_tokens)
        marker = len(_common_prefix(ids, self._query_marker))
        placed = tuple(PlacedImage(image.part, image.start - marker) for image in images)
        return Tail(Prompt(ids[marker:], placed), back=len(self._query_marker) - marker), query_cut

    def _pieces(
        self, owner: Owner, content: Content, room: int
    ) -> tuple[list[Piece | Owned], bool]:
        """The images and then the text of a document or query, and whether the text was cut."""
        parts = fit_images(_PIXELS, content.images, room, shrink=self._shrink_images)
        images = [Owned(owner, part) for part in parts]
        if content.text is None or (parts and not content.text.strip()):
            return [*images], False
        used = sum(part.tokens + 2 for part in parts)
        text, cut = self._tokenizer.head(content.text, room - used)
        return [*images, *(["\n"] if parts else []), Owned(owner, text)], cut


def _common_prefix(some: list[int], others: list[int]) -> list[int]:
    """The elements that both lists begin with."""
    pairs = zip(some, others, strict=False)
    return [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]

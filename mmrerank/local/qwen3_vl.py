"""Qwen3-VL-Reranker (2B, 8B): text and several images, together, on both sides.

https://huggingface.co/Qwen/Qwen3-VL-Reranker-2B
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, ClassVar, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.local.base import LocalReranker
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.options import ImageOptions
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.local.prompt.layout import Layout, Owned, Owner, TokenPlace, places, plain
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt
from mmrerank.local.prompt.tokenizer import Control, ImageTokens, Tokenizer
from mmrerank.local.qwen3 import SYSTEM, yes_no_head
from mmrerank.optional import require
from mmrerank.types import MULTIMODAL, Content

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["Qwen3VLReranker"]

_INSTRUCTION = "Given a search query, retrieve relevant candidates that answer the query."
_PIXELS = PixelRule(factor=32, min_pixels=4 * 32 * 32, max_pixels=1800 * 32 * 32, thin=True)
_CLOSING_TOKENS = 5  # the last tokens of a prompt, which are never cut
_MIN_ROOM = 16  # tokens for query and document; a smaller max_length must be a mistake


class Qwen3VLReranker(LocalReranker):
    """Qwen3-VL-Reranker. One prompt contains a document's images and its text, images first.

    With `joint=False`, text and images of a document are scored one by one, and `fusion` makes one
    score of them; the result then says which image won.

    `max_length` (10,240 by default) counts the prompt without its last five tokens, as published.
    A document's text is cut on the right to fit, a query's text to half of the room.

    `reuse` (True by default) caches the vision tower's output, so that each image is read once.
    `warm` reads images ahead of any query.
    """

    modalities = replace(MULTIMODAL, blank_text=True)

    options = ImageOptions
    defaults: ClassVar[ImageOptions] = {"max_length": 10240, "joint": True, "reuse": True}
    default_instruction = _INSTRUCTION

    def __init__(
        self, model: str = "Qwen/Qwen3-VL-Reranker-2B", **options: Unpack[ImageOptions]
    ) -> None:
        super().__init__(model, **options)

    def _load(self, checkpoint: Checkpoint) -> Engine:
        from mmrerank.local.checkpoint import load_tower
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        name = "Qwen3VLForConditionalGeneration"
        config = checkpoint.config(
            model_type="qwen3_vl", architectures=(name,), reranker="Qwen3VLReranker"
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._image_tokens = ImageTokens(
            config.vision_start_token_id, config.image_token_id, config.vision_end_token_id
        )
        self._set_up_template()
        model = checkpoint.load(
            getattr(require("transformers"), name),
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=self._quantization,
            keep=("lm_head", "model.visual"),
        )
        return Engine(
            Decoder(model.model.language_model, mrope=True),
            yes_no_head(model.lm_head, self._tokenizer),
            device=self.device,
            budget=self._budget,
            tower=load_tower(checkpoint, model.model.visual, self.device),
        )

    def _set_up_template(self) -> None:
        start, end = (self._tokenizer.control(name) for name in ("<|im_start|>", "<|im_end|>"))
        self._before: list[str | Control] = [start, SYSTEM, end, "\n", start]
        self._before.append(f"user\n<Instruct>: {self.instruction}<Query>:")
        self._after: list[str | Control] = [end, "\n", start, "assistant\n"]
        ((empty, _),) = self._tokenizer.assemble([[*self._before, "\n<Document>:", *self._after]])
        self._special = {start.id, end.id, *astuple(self._image_tokens)}
        self._room = self.max_length - (len(empty) - _CLOSING_TOKENS)
        if self._room < _MIN_ROOM:
            raise InvalidInputError(
                f"max_length={self.max_length} leaves {self._room} tokens for query and document; "
                f"at least {_MIN_ROOM} are needed (the instruction counts)"
            )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        layouts, query_cut = self._layouts(query, items)
        assembled = self._tokenizer.assemble(list(map(plain, layouts)), self._image_tokens)
        return [self._truncate(ids, images) for ids, images in assembled], query_cut

    def _layouts(self, query: Content, items: Sequence[Content]) -> tuple[list[Layout], bool]:
        """The pieces of each item's prompt, and whether the query was cut to fit."""
        room = self._room // 2
        query_images = self._fit_images(query, room)
        used = sum(part.tokens + 2 for part in query_images)
        text, query_cut = self._tokenizer.head(query.text or "", room - used)
        asked = _owned("query", query_images, text)
        head: Layout = [*self._before, *asked, "\n<Document>:"]
        ((empty, _),) = self._tokenizer.assemble([plain([*head, *self._after])], self._image_tokens)
        left = self.max_length - (len(empty) - _CLOSING_TOKENS)
        bodies = [
            _owned("document", self._fit_images(item, left), item.text or "") for item in items
        ]
        layouts: list[Layout] = [[*head, *body, *self._after] for body in bodies]
        return layouts, query_cut

    def _places(self, query: Content, item: Content) -> list[TokenPlace | None]:
        ((layout,), _) = self._layouts(query, [item])
        ((ids, _),) = self._tokenizer.assemble([plain(layout)], self._image_tokens)
        found = places(layout, self._tokenizer)
        return [found[i] for i in self._kept(ids)]

    def _warm_items(self, engine: Engine, items: Sequence[Content]) -> None:
        """Only the tower's output can be cached, since the query precedes the document."""
        engine.read_images([_PIXELS.part(image) for item in items for image in item.images])

    def _truncate(self, ids: list[int], images: list[PlacedImage]) -> Prompt:
        """At most `max_length` tokens before the last five; the last text tokens are removed."""
        kept = self._kept(ids)
        if len(kept) == len(ids):
            return Prompt(ids, tuple(images))
        return Prompt([ids[i] for i in kept], tuple(images), cut=True)

    def _kept(self, ids: list[int]) -> list[int]:
        """The places of the tokens that stay where a prompt is cut to fit.

        What is cut are the last tokens of the document's text, which follows its images. There are
        enough of them, since query and images were made to fit.
        """
        excess = len(ids) - _CLOSING_TOKENS - self.max_length
        if excess <= 0:
            return list(range(len(ids)))
        kept = list(range(len(ids) - _CLOSING_TOKENS, len(ids)))
        for i in reversed(range(len(ids) - _CLOSING_TOKENS)):
            if excess > 0 and ids[i] not in self._special:
                excess -= 1
            else:
                kept.append(i)
        return sorted(kept)

    def _fit_images(self, content: Content, room: int) -> list[ImagePart]:
        return fit_images(_PIXELS, content.images, room, shrink=self._shrink_images)


def _owned(owner: Owner, images: Sequence[ImagePart], text: str) -> list[Owned]:
    """Images and then text, as pieces of the query or the document."""
    return [*(Owned(owner, image) for image in images), Owned(owner, text)]

"""Qwen3-VL-Reranker (2B, 8B): text and several images, together, on both sides.

https://huggingface.co/Qwen/Qwen3-VL-Reranker-2B
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Literal

from mmrerank.errors import InvalidInputError
from mmrerank.fusion import Fusion, max_score
from mmrerank.local.base import LocalReranker
from mmrerank.local.cache.memory import Reuse
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, Quantization
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt
from mmrerank.local.prompt.tokenizer import Control, ImageTokens, Piece, Tokenizer
from mmrerank.local.qwen3 import SYSTEM, yes_no_head
from mmrerank.optional import require
from mmrerank.types import Content, Modalities, Usage

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["Qwen3VLReranker"]

_INSTRUCTION = "Given a search query, retrieve relevant candidates that answer the query."
_PIXELS = PixelRule(factor=32, min_pixels=4 * 32 * 32, max_pixels=1800 * 32 * 32, thin=True)
_ALWAYS_KEPT = 5  # the last tokens of a prompt, which truncation leaves alone
_LEAST_ROOM = 16  # tokens for a query and a document; a smaller max_length cannot be meant


class Qwen3VLReranker(LocalReranker):
    """Qwen3-VL-Reranker. One prompt holds a document's images and its text, images first.

    `joint=False` scores text and images of a document apart instead, and `fusion` makes one score
    of them; the result then says which image won. At most `max_images_per_document` images count.

    As published, `max_length` counts the prompt without its last five tokens, which are always
    kept. Text of a document is cut on the right to fit, that of a query to half of the room.

    `reuse` keeps the vision tower's output, so that an image is read once: True for 1 GiB of
    memory, a `Reuse` for more or for a folder on disk, False for none. `warm` reads images ahead.
    """

    modalities = Modalities(
        image=True,
        text_and_image=True,
        several_images=True,
        query_image=True,
        query_text_and_image=True,
        query_several_images=True,
        blank_text=True,
    )

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Reranker-2B",
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int = 10240,
        instruction: str | None = None,
        max_batch_tokens: int | None = None,
        quantization: Quantization | None = None,
        scores: Literal["probability", "logit"] = "probability",
        fusion: Fusion = max_score,
        joint: bool = True,
        max_images_per_document: int = 4,
        shrink_images: bool = False,
        reuse: bool | Reuse = True,
        show_progress: bool = False,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(
            model,
            device=device,
            dtype=dtype,
            revision=revision,
            max_length=max_length,
            instruction=_INSTRUCTION if instruction is None else instruction,
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

        name = "Qwen3VLForConditionalGeneration"
        config = checkpoint.config(
            model_type="qwen3_vl", architectures=(name,), reranker="Qwen3VLReranker"
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._image_tokens = ImageTokens(
            config.vision_start_token_id, config.image_token_id, config.vision_end_token_id
        )
        self._template()
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

    def _template(self) -> None:
        start, end = (self._tokenizer.control(name) for name in ("<|im_start|>", "<|im_end|>"))
        self._before: list[str | Control] = [start, SYSTEM, end, "\n", start]
        self._before.append(f"user\n<Instruct>: {self.instruction}<Query>:")
        self._after: list[str | Control] = [end, "\n", start, "assistant\n"]
        ((empty, _),) = self._tokenizer.assemble([[*self._before, "\n<Document>:", *self._after]])
        self._special = {start.id, end.id, *astuple(self._image_tokens)}
        self._room = self.max_length - (len(empty) - _ALWAYS_KEPT)
        if self._room < _LEAST_ROOM:
            raise InvalidInputError(
                f"max_length={self.max_length} leaves {self._room} tokens for query and document; "
                f"{_LEAST_ROOM} are the least (the instruction counts)"
            )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        room = self._room // 2
        asked: list[Piece] = [*self._fitted(query, room)]
        used = sum(part.tokens + 2 for part in asked if isinstance(part, ImagePart))
        text, query_cut = self._tokenizer.head(query.text or "", room - used)
        head: list[Piece] = [*self._before, *asked, text, "\n<Document>:"]
        ((empty, _),) = self._tokenizer.assemble([[*head, *self._after]], self._image_tokens)
        left = self.max_length - (len(empty) - _ALWAYS_KEPT)
        made = self._tokenizer.assemble(
            [[*head, *self._fitted(item, left), item.text or "", *self._after] for item in items],
            self._image_tokens,
        )
        return [self._cut(ids, images) for ids, images in made], query_cut

    def _warm(self, engine: Engine, items: Sequence[Content]) -> None:
        """Only what the tower says of images can be kept: the query stands before the document."""
        engine.read_images([_PIXELS.part(image) for item in items for image in item.images])

    def _cut(self, ids: list[int], images: list[PlacedImage]) -> Prompt:
        """At most `max_length` tokens before the last five: the last ordinary ones go.

        What goes is text of the document, which stands behind its images and is longer than what
        is too much, since query and images were made to fit.
        """
        excess = len(ids) - _ALWAYS_KEPT - self.max_length
        if excess <= 0:
            return Prompt(ids, tuple(images))
        body, kept = ids[:-_ALWAYS_KEPT], []
        for token in reversed(body):
            if excess > 0 and token not in self._special:
                excess -= 1
            else:
                kept.append(token)
        return Prompt([*reversed(kept), *ids[-_ALWAYS_KEPT:]], tuple(images), cut=True)

    def _fitted(self, content: Content, room: int) -> list[ImagePart]:
        return fit_images(_PIXELS, content.images, room, shrink=self._shrink_images)

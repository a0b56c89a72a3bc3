"""Qwen3-Reranker (0.6B, 4B, 8B): text. https://huggingface.co/Qwen/Qwen3-Reranker-0.6B"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from mmrerank.errors import InvalidInputError, ModelLoadError
from mmrerank.local.base import LocalReranker
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.options import LocalOptions
from mmrerank.local.prompt.layout import Layout, Owned, TokenPlace, places, plain
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.local.prompt.tokenizer import Control, Tokenizer
from mmrerank.optional import require
from mmrerank.types import Content, Modalities

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine, Head

__all__ = ["Qwen3Reranker", "yes_no_head"]

SYSTEM = (
    "system\nJudge whether the Document meets the requirements based on the Query and the "
    'Instruct provided. Note that the answer can only be "yes" or "no".'
)
_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
_MIN_ROOM = 16  # tokens for a query and for a document; a smaller max_length must be a mistake
_CAUSAL, _CLASSIFIER = "Qwen3ForCausalLM", "Qwen3ForSequenceClassification"


class Qwen3Reranker(LocalReranker):
    """Qwen3-Reranker, or a sequence-classification conversion of it.

    `instruction` says what relevant means, in any language; the model's authors recommend English.
    Documents are cut on the right so that the prompt has at most `max_length` tokens (8,192 by
    default), and a query to half of what the template leaves. Images are not read.
    """

    modalities = Modalities(blank_text=True)

    options = LocalOptions
    default_instruction = _INSTRUCTION

    def __init__(
        self, model: str = "Qwen/Qwen3-Reranker-0.6B", **options: Unpack[LocalOptions]
    ) -> None:
        super().__init__(model, **options)

    def _load(self, checkpoint: Checkpoint) -> Engine:
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        config = checkpoint.config(
            model_type="qwen3",
            architectures=(_CAUSAL, _CLASSIFIER),
            reranker="Qwen3Reranker",
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._set_up_template()
        classifier = _CLASSIFIER in config.architectures
        if classifier and config.num_labels != 1:
            raise ModelLoadError(
                f"{self.model} has {config.num_labels} labels; a converted reranker has one"
            )
        model = checkpoint.load(
            getattr(require("transformers"), _CLASSIFIER if classifier else _CAUSAL),
            config,
            device=self.device,
            dtype=self.dtype,
            quantization=self._quantization,
            keep=("score", "lm_head"),
        )
        if classifier:
            head = single_row(model.score.weight[0])
        else:
            head = yes_no_head(model.lm_head, self._tokenizer)
        return Engine(
            Decoder(model.model, mrope=False), head, device=self.device, budget=self._budget
        )

    def _set_up_template(self) -> None:
        start, end = (self._tokenizer.control(name) for name in ("<|im_start|>", "<|im_end|>"))
        think = [self._tokenizer.control(name) for name in ("<think>", "</think>")]
        before: list[str | Control] = [start, SYSTEM, end, "\n", start, "user\n"]
        after: list[str | Control] = [
            end,
            "\n",
            start,
            "assistant\n",
            think[0],
            "\n\n",
            think[1],
            "\n\n",
        ]
        (self._before, _), (self._after, _) = self._tokenizer.assemble([before, after])
        instruction = self._tokenizer.encode([f"<Instruct>: {self.instruction}\n"])[0]
        self._room = self.max_length - len(self._before) - len(self._after)
        self._query_room = (self._room - len(instruction)) // 2
        if self._query_room < _MIN_ROOM:
            raise InvalidInputError(
                f"max_length={self.max_length} leaves {self._room} tokens, of which the "
                f"instruction takes {len(instruction)}; query and document need {_MIN_ROOM} each"
            )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        head, query_cut = self._head(query)
        start = "".join(map(str, plain(head)))
        bodies = self._tokenizer.encode([start + (item.text or "") for item in items])
        return [
            Prompt([*self._before, *body[: self._room], *self._after], cut=len(body) > self._room)
            for body in bodies
        ], query_cut

    def _head(self, query: Content) -> tuple[Layout, bool]:
        """What precedes the document in the user's turn, and whether the query was cut to fit."""
        text, cut = self._tokenizer.head(query.text or "", self._query_room)
        before = f"<Instruct>: {self.instruction}\n<Query>: "
        return [before, Owned("query", text), "\n<Document>: "], cut

    def _places(self, query: Content, item: Content) -> list[TokenPlace | None]:
        body = places([*self._head(query)[0], Owned("document", item.text or "")], self._tokenizer)
        return [None] * len(self._before) + body[: self._room] + [None] * len(self._after)


def yes_no_head(lm_head: Any, tokenizer: Tokenizer) -> Head:
    """The head of the logit of `yes` minus that of `no`; the other rows of `lm_head` are not needed.

    Raises `ModelLoadError` if one of the words is not a token of the vocabulary.
    """
    yes, no = lm_head.weight[[tokenizer.word(word) for word in ("yes", "no")]].float()
    return single_row(yes - no)


def single_row(weight: Any) -> Head:
    """The head of one row (hidden,): (prompts, hidden) -> (prompts,), both float32."""
    row = weight.detach().float().clone()  # a copy, so that the rest of the head can be freed

    def head(hidden: Any) -> Any:
        return hidden @ row

    return head

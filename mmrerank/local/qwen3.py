"""Qwen3-Reranker (0.6B, 4B, 8B): text. https://huggingface.co/Qwen/Qwen3-Reranker-0.6B"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.errors import InvalidInputError, ModelLoadError
from mmrerank.local.base import LocalReranker
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, Quantization
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.local.prompt.tokenizer import Control, Tokenizer
from mmrerank.optional import require
from mmrerank.types import Content, Modalities, Usage

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine, Head

__all__ = ["Qwen3Reranker", "yes_no_head"]

SYSTEM = (
    "system\nJudge whether the Document meets the requirements based on the Query and the "
    'Instruct provided. Note that the answer can only be "yes" or "no".'
)
_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
_LEAST_ROOM = 16  # a smaller max_length cannot be meant
_CAUSAL, _CLASSIFIER = "Qwen3ForCausalLM", "Qwen3ForSequenceClassification"


class Qwen3Reranker(LocalReranker):
    """Qwen3-Reranker, or a sequence-classification conversion of it.

    `instruction` says in any language what relevant means; English is advised by the model's
    authors. Documents are cut on the right so that the prompt has at most `max_length` tokens,
    the query to half of what the template leaves. Images are not read.
    """

    modalities = Modalities(blank_text=True)

    def __init__(
        self,
        model: str = "Qwen/Qwen3-Reranker-0.6B",
        *,
        device: str = "auto",
        dtype: DType = "auto",
        revision: str | None = None,
        max_length: int = 8192,
        instruction: str | None = None,
        max_batch_tokens: int | None = None,
        quantization: Quantization | None = None,
        scores: Literal["probability", "logit"] = "probability",
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
            show_progress=show_progress,
            on_usage=on_usage,
        )

    def _load(self, checkpoint: Checkpoint) -> Engine:
        from mmrerank.local.compute.decoder import Decoder
        from mmrerank.local.compute.engine import Engine

        config = checkpoint.config(
            model_type="qwen3",
            architectures=(_CAUSAL, _CLASSIFIER),
            reranker="Qwen3Reranker",
        )
        self._tokenizer = Tokenizer(checkpoint.file("tokenizer.json"), self.model)
        self._template()
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

    def _template(self) -> None:
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
        if self._query_room < _LEAST_ROOM:
            raise InvalidInputError(
                f"max_length={self.max_length} leaves {self._room} tokens, of which the "
                f"instruction takes {len(instruction)}; query and document need {_LEAST_ROOM} each"
            )

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]:
        asked, query_cut = self._tokenizer.head(query.text or "", self._query_room)
        head = f"<Instruct>: {self.instruction}\n<Query>: {asked}\n<Document>: "
        bodies = self._tokenizer.encode([head + (item.text or "") for item in items])
        return [
            Prompt([*self._before, *body[: self._room], *self._after], cut=len(body) > self._room)
            for body in bodies
        ], query_cut


def yes_no_head(lm_head: Any, tokenizer: Tokenizer) -> Head:
    """The logit of `yes` less that of `no`: of the whole vocabulary only these two rows count."""
    yes, no = lm_head.weight[[tokenizer.word(word) for word in ("yes", "no")]].float()
    return single_row(yes - no)


def single_row(weight: Any) -> Head:
    """The head of one row: (prompts, hidden) -> (prompts,), both float32."""
    row = weight.detach().float().clone()  # a copy, so that the rest of the head can go

    def head(hidden: Any) -> Any:
        return hidden @ row

    return head

"""MultimodalRAG: load, index, search, rerank and answer, with any LlamaIndex LLM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Unpack

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.llms import LLM
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_mmrerank.answers import build_prompt, to_chat_message
from llama_index_mmrerank.retriever import MultimodalRetriever
from mmrerank.answers.parts import Prompt
from mmrerank.answers.prompt import PromptOptions
from mmrerank.answers.rag import (
    Answer,
    AnswerStream,
    AsyncAnswerStream,
    IndexAndReranker,
    Measured,
    answer_of,
)
from mmrerank.answers.refusals import model_errors
from mmrerank.base import Reranker
from mmrerank.frameworks import LLAMA_INDEX, wrong_type
from mmrerank.index.index import Index

__all__ = ["MultimodalRAG"]


class MultimodalRAG(IndexAndReranker):
    """Answers questions about files from their text and their figures.

    ::

        rag = MultimodalRAG("index", OpenAI(model="gpt-5-mini"))
        rag.add("report.pdf")
        answer = rag.ask("On which shelf is drawing 4471-C?")
        print(answer.text, answer.citations)

    Made of public parts: `Index`, `MultimodalRetriever` (`rag.retriever`), `to_message` and the
    LLM. `index` is an `Index` or a folder, made if it is missing; `reranker` any reranker, by
    default `OCRReranker`. The LLM is given `top_n` nodes of `similarity_top_k` candidates.
    `on_image_error`: "raise" for an image that has vanished since it was indexed, or "warn" and go
    on. `options` are those of `PromptOptions`.

    `ask`, `aask`, `stream` and `astream` raise `StoreError` for an empty index, `ImageError`, what
    the reranker raises, `UnsupportedModalityError` where the LLM refuses images (it then needs
    `images="words"`), and where it cannot be asked an `APIError` such as `AuthenticationError`, or
    `InvalidInputError` for an unknown model, with the error of its client as the cause.
    """

    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        llm: LLM,
        *,
        reranker: Reranker | None = None,
        top_n: int = 5,
        similarity_top_k: int = 50,
        on_image_error: Literal["raise", "warn"] = "raise",
        **options: Unpack[PromptOptions],
    ) -> None:
        if not isinstance(llm, LLM):
            raise wrong_type("llm", llm, "LLM", framework=LLAMA_INDEX)
        super().__init__(index, reranker)
        self.llm = llm
        self.retriever = MultimodalRetriever(
            index=self.index,
            reranker=self.reranker,
            top_n=top_n,
            similarity_top_k=similarity_top_k,
        )
        self._on_image_error: Literal["raise", "warn"] = on_image_error
        self._options: PromptOptions = options
        self._build([], "Can these options be used?")

    def ask(self, question: str) -> Answer[NodeWithScore]:
        """The answer to a question. Raises the errors that the class names."""
        nodes, prompt, measured = self._prompted(question)
        with measured.stage("answer"), self._errors(prompt):
            response = self.llm.chat([to_chat_message(prompt)])
        return _answer(response.message.content or "", nodes, prompt, measured, response)

    async def aask(self, question: str) -> Answer[NodeWithScore]:
        """As `ask`, without blocking the event loop."""
        nodes, prompt, measured = await self._aprompted(question)
        with measured.stage("answer"), self._errors(prompt):
            response = await self.llm.achat([to_chat_message(prompt)])
        return _answer(response.message.content or "", nodes, prompt, measured, response)

    def stream(self, question: str) -> AnswerStream[NodeWithScore]:
        """The answer in pieces; its `result` when they have been read. Raises as `ask`."""
        nodes, prompt, measured = self._prompted(question)
        last: list[ChatResponse] = []

        def pieces() -> Iterator[str]:
            with measured.stage("answer"), self._errors(prompt):
                for response in self.llm.stream_chat([to_chat_message(prompt)]):
                    last[:] = [response]
                    if response.delta:
                        yield response.delta

        return AnswerStream(pieces(), lambda text: _answer(text, nodes, prompt, measured, *last))

    async def astream(self, question: str) -> AsyncAnswerStream[NodeWithScore]:
        """As `stream`: `async for piece in (stream := await rag.astream(question))`."""
        nodes, prompt, measured = await self._aprompted(question)
        last: list[ChatResponse] = []

        async def pieces() -> AsyncIterator[str]:
            with measured.stage("answer"), self._errors(prompt):
                async for response in await self.llm.astream_chat([to_chat_message(prompt)]):
                    last[:] = [response]
                    if response.delta:
                        yield response.delta

        return AsyncAnswerStream(
            pieces(), lambda text: _answer(text, nodes, prompt, measured, *last)
        )

    def _errors(self, prompt: Prompt) -> AbstractContextManager[None]:
        return model_errors(self.llm.metadata.model_name, has_images=bool(prompt.images))

    def _prompted(self, question: str) -> tuple[list[NodeWithScore], Prompt, Measured]:
        measured = Measured()
        with measured.searching():
            nodes = self.retriever.retrieve(QueryBundle(question))
        with measured.stage("prompt"):
            prompt = self._build(nodes, question)
        return nodes, prompt, measured

    async def _aprompted(self, question: str) -> tuple[list[NodeWithScore], Prompt, Measured]:
        measured = Measured()
        with measured.searching():
            nodes = await self.retriever.aretrieve(QueryBundle(question))
        with measured.stage("prompt"):
            prompt = await asyncio.to_thread(self._build, nodes, question)
        return nodes, prompt, measured

    def _build(self, nodes: list[NodeWithScore], question: str) -> Prompt:
        return build_prompt(
            nodes,
            question,
            image_root=self.index.image_root,
            on_image_error=self._on_image_error,
            **self._options,
        )


def _answer(
    text: str,
    nodes: list[NodeWithScore],
    prompt: Prompt,
    measured: Measured,
    response: ChatResponse | None = None,
) -> Answer[NodeWithScore]:
    told: Mapping[str, Any] = response.additional_kwargs if response is not None else {}
    return answer_of(
        text,
        nodes,
        prompt.citations,
        left_out=prompt.left_out,
        measured=measured,
        usage={name: count for name, count in told.items() if name.endswith("_tokens")},
    )

"""MultimodalRAG: load, index, search, rerank and answer, with any LangChain chat model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, Unpack

from langchain_core.documents import Document
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable

from langchain_mmrerank.answers import ImagePrompt, ImagePromptValue
from langchain_mmrerank.captions import model_name
from langchain_mmrerank.retriever import MultimodalRetriever
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
from mmrerank.index.index import Index

__all__ = ["MultimodalRAG"]


class MultimodalRAG(IndexAndReranker):
    """Answers questions about files from their text and their figures.

    ::

        rag = MultimodalRAG("index", ChatOpenAI(model="gpt-5-mini"))
        rag.add("report.pdf")
        answer = rag.ask("On which shelf is drawing 4471-C?")
        print(answer.text, answer.citations)

    Made of public parts: `Index`, `MultimodalRetriever` (`rag.retriever`), `ImagePrompt`
    (`rag.prompt`) and the chat model. `index` is an `Index` or a folder, made if it is missing;
    `reranker` any reranker, by default `OCRReranker`. The model is given `top_n` documents of
    `fetch_k` candidates. `on_image_error`: "raise" for an image that has vanished since it was
    indexed, or "warn" and go on. `options` are those of `PromptOptions`.

    `ask`, `aask`, `stream` and `astream` raise `StoreError` for an empty index, `ImageError`, what
    the reranker raises, `UnsupportedModalityError` where the model refuses images (it then needs
    `images="words"`), and where it cannot be asked an `APIError` such as `AuthenticationError`, or
    `InvalidInputError` for an unknown model, with the error of its client as the cause.
    """

    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        model: Runnable[LanguageModelInput, AIMessage],
        *,
        reranker: Reranker | None = None,
        top_n: int = 5,
        fetch_k: int = 50,
        on_image_error: Literal["raise", "warn"] = "raise",
        **options: Unpack[PromptOptions],
    ) -> None:
        super().__init__(index, reranker)
        self.model = model
        self.retriever = MultimodalRetriever(
            index=self.index, reranker=self.reranker, top_n=top_n, fetch_k=fetch_k
        )
        self.prompt = ImagePrompt(
            model=model,
            image_root=self.index.image_root,
            on_image_error=on_image_error,
            **options,
        )

    def ask(self, question: str) -> Answer[Document]:
        """The answer to a question. Raises the errors that the class names."""
        documents, value, measured = self._prompted(question)
        with measured.stage("answer"), self._errors(value):
            message = self.model.invoke(value)
        return _answer(str(message.text), documents, value, measured, message)

    async def aask(self, question: str) -> Answer[Document]:
        """As `ask`, without blocking the event loop."""
        documents, value, measured = await self._aprompted(question)
        with measured.stage("answer"), self._errors(value):
            message = await self.model.ainvoke(value)
        return _answer(str(message.text), documents, value, measured, message)

    def stream(self, question: str) -> AnswerStream[Document]:
        """The answer in pieces; its `result` when they have been read. Raises as `ask`."""
        documents, value, measured = self._prompted(question)
        whole: list[Any] = []

        def pieces() -> Iterator[str]:
            with measured.stage("answer"), self._errors(value):
                for chunk in self.model.stream(value):
                    whole.append(chunk)
                    if text := str(chunk.text):
                        yield text

        return AnswerStream(
            pieces(), lambda text: _answer(text, documents, value, measured, _sum(whole))
        )

    async def astream(self, question: str) -> AsyncAnswerStream[Document]:
        """As `stream`: `async for piece in (stream := await rag.astream(question))`."""
        documents, value, measured = await self._aprompted(question)
        whole: list[Any] = []

        async def pieces() -> AsyncIterator[str]:
            with measured.stage("answer"), self._errors(value):
                async for chunk in self.model.astream(value):
                    whole.append(chunk)
                    if text := str(chunk.text):
                        yield text

        return AsyncAnswerStream(
            pieces(), lambda text: _answer(text, documents, value, measured, _sum(whole))
        )

    def _errors(self, value: ImagePromptValue) -> AbstractContextManager[None]:
        return model_errors(model_name(self.model), has_images=bool(value.image_count))

    def _prompted(self, question: str) -> tuple[list[Document], ImagePromptValue, Measured]:
        measured = Measured()
        with measured.searching():
            documents = self.retriever.invoke(question)
        with measured.stage("prompt"):
            value = self.prompt.invoke({"context": documents, "question": question})
        return documents, value, measured

    async def _aprompted(self, question: str) -> tuple[list[Document], ImagePromptValue, Measured]:
        measured = Measured()
        with measured.searching():
            documents = await self.retriever.ainvoke(question)
        with measured.stage("prompt"):
            value = await self.prompt.ainvoke({"context": documents, "question": question})
        return documents, value, measured


def _sum(chunks: list[AIMessageChunk]) -> AIMessageChunk | None:
    """One message of the chunks of a stream."""
    return sum(chunks[1:], start=chunks[0]) if chunks else None


def _answer(
    text: str,
    documents: list[Document],
    value: ImagePromptValue,
    measured: Measured,
    message: AIMessage | None,
) -> Answer[Document]:
    usage = message.usage_metadata if message is not None else None
    return answer_of(
        text,
        documents,
        value.citations,
        left_out=value.left_out,
        measured=measured,
        usage={**usage} if usage else {},
    )

"""Embeddings of any address that speaks OpenAI's API, through the `openai` package's client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from mmrerank.errors import InvalidInputError, InvalidResponseError
from mmrerank.http.embedding_answers import check_dimensions, check_model, decode_vector
from mmrerank.http.openai_client import OpenAIClient
from mmrerank.http.responses import values_by_index
from mmrerank.retrieval.embedder import CACHE_BYTES, Embedder, Vector
from mmrerank.types import Content

__all__ = ["OpenAIEmbedder"]

_FORMATS = ("base64", "float")


class OpenAIEmbedder(OpenAIClient, Embedder):
    """Embeds texts by OpenAI's `/embeddings`, or by a server that has one like it.

    ::

        OpenAIEmbedder("text-embedding-3-small", dimensions=512)
        OpenAIEmbedder("nomic-embed-text", base_url="http://localhost:11434/v1",
                       query_prefix="search_query: ", document_prefix="search_document: ")

    `dimensions` is sent with each request, for models that were trained for fewer than all of
    theirs. `query_prefix` and `document_prefix` precede the texts, for models that need them.
    `encoding_format="float"` is for servers that do not know base64. A request has up to
    `batch_size` texts. `check_model=False` accepts an answer that names another model.

    The other `options`, and the errors that they raise, are those of
    `mmrerank.http.openai_client.OpenAIClient`. While embedding, raises `APIError` and its kinds.
    """

    blank_text = "."  # the service refuses an empty text

    def __init__(
        self,
        model: str = "text-embedding-3-small",
        *,
        dimensions: int | None = None,
        encoding_format: Literal["base64", "float"] = "base64",
        query_prefix: str = "",
        document_prefix: str = "",
        check_model: bool = True,
        batch_size: int = 128,
        cache_bytes: int = CACHE_BYTES,
        show_progress: bool = False,
        **options: Any,
    ) -> None:
        if encoding_format not in _FORMATS:
            raise InvalidInputError(
                f"encoding_format is one of {', '.join(_FORMATS)}, not {encoding_format!r}"
            )
        check_dimensions(dimensions)
        Embedder.__init__(
            self, batch_size=batch_size, cache_bytes=cache_bytes, show_progress=show_progress
        )
        OpenAIClient.__init__(self, model, **options)
        self.encoding_format, self._check_model = encoding_format, check_model
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self._dimensions = self._wanted = dimensions

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Close the client's connections."""
        OpenAIClient.close(self)
        Embedder.close(self)

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._ask([self.document_prefix + text for text in texts])

    def _embed_query(self, query: Content) -> Vector:
        return self._ask([self.query_prefix + (query.text or "")])[0]

    def _ask(self, texts: list[str]) -> list[Vector]:
        form: dict[str, Any] = {"encoding_format": self.encoding_format}
        if self._wanted is not None:
            form["dimensions"] = self._wanted
        try:
            answer = self._client.embeddings.create(model=self.model, input=texts, **form)
        except (ValueError, ArithmeticError, RecursionError) as error:  # of reading its JSON
            raise InvalidResponseError(
                f"{self.model}: the answer is not JSON: {error!s:.200}"
            ) from None
        except Exception as error:  # the package's own kinds, and those of its http client
            raise self._typed(error) from None
        return self._vectors(answer, len(texts))

    def _vectors(self, answer: Any, count: int) -> list[Vector]:
        """What the client made of an answer, whose form it does not check, as vectors in order."""
        try:
            pairs = [(row.index, row.embedding) for row in answer.data]
            named = answer.model
        except (AttributeError, TypeError) as error:
            raise InvalidResponseError(
                f"{self.model}: the answer does not have the expected structure: {error!s:.200}"
            ) from None
        if self._check_model:
            check_model(self.model, named)
        values = values_by_index(pairs, count, self.model, "vector")
        return [decode_vector(value, self.model) for value in values]

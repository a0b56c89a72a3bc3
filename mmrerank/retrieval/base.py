"""What an index accepts as an embedder: one of this package, or of LangChain's shape."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mmrerank.errors import InvalidInputError, RerankError, StoreError
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.types import Content

__all__ = ["TextEmbedder", "as_embedder", "default_embedder"]

_BATCH = 500  # texts a call; what is wrapped makes smaller batches where it needs them


@runtime_checkable
class TextEmbedder(Protocol):
    """LangChain's `Embeddings`, and whatever has their two methods: vectors of texts."""

    def embed_documents(self, texts: list[str], /) -> Sequence[Sequence[float]]:
        """One vector per text, in order."""

    def embed_query(self, text: str, /) -> Sequence[float]:
        """The vector of one query."""


def as_embedder(given: Embedder | TextEmbedder) -> Embedder:
    """The embedder itself, or one that calls the two methods of what was given.

    Raises `InvalidInputError` for anything else.
    """
    if isinstance(given, Embedder):
        return given
    if not isinstance(given, TextEmbedder):
        raise InvalidInputError(
            f"a {type(given).__name__} is no embedder: it needs embed_documents and embed_query"
        )
    return _Wrapped(given)


class _Wrapped(Embedder):
    """An embedder of the user's own, which may raise anything and return anything.

    What it raises, unless it is a `RerankError`, and what cannot be stored and compared, is a
    `StoreError`. There is no cache, since it may have one, and `close` leaves it open.
    """

    def __init__(self, given: TextEmbedder) -> None:
        super().__init__(batch_size=_BATCH, cache_bytes=0)
        self._given = given
        model = getattr(given, "model", None)
        self.model = model if isinstance(model, str) else ""

    @property
    def name(self) -> str:
        kind = type(self._given).__name__
        return f"{kind}:{self.model}" if self.model else kind

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        try:
            return [array("f", one) for one in self._given.embed_documents(list(texts))]
        except Exception as error:
            raise _failure(error) from error

    def _embed_query(self, query: Content) -> Vector:
        try:
            return array("f", self._given.embed_query(query.text or ""))
        except Exception as error:
            raise _failure(error) from error

    def _unusable(self, what: str) -> RerankError:
        return StoreError(f"the embedder made {what}")


def _failure(error: Exception) -> RerankError:
    if isinstance(error, RerankError):
        return error
    return StoreError(f"the embedder failed: {type(error).__name__}: {error}")


def default_embedder() -> Embedder:
    """The default embedder, which needs no model, no key and no download.

    Raises `MissingDependencyError` if the extra `chroma` is not installed.
    """
    from mmrerank.retrieval.hashing import HashingEmbedder

    return HashingEmbedder()

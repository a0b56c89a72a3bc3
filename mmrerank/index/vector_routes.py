"""Routes by vectors: entries whose text or image is near the query, which may have images itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mmrerank.errors import RerankError, StoreError
from mmrerank.index.embedding import IndexEmbedder, IndexImageEmbedder
from mmrerank.index.ledger import Ledger
from mmrerank.index.rank_fusion import Ranking, fuse_ranks
from mmrerank.index.routes import Keep, best_kept
from mmrerank.retrieval.base import TextEmbedder, embedded_query
from mmrerank.retrieval.embedder import Embedder
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Vector, VectorStore
from mmrerank.types import Content

__all__ = ["ImageVectorRoute", "QueryModalities", "TextVectorRoute"]


class QueryModalities(Protocol):
    """A route that says which parts of a query it searches by."""

    def reads(self, part: str) -> bool:
        """Does it search by the "text", or by the "image", of a query?"""


class _VectorRoute:
    """Cosine similarity to the vectors of one name.

    A query with text and images is embedded as one where the model can. Otherwise each part finds
    entries by itself, and the rankings are fused.
    """

    _name: str

    def __init__(self, ledger: Ledger, store: VectorStore) -> None:
        self._ledger, self._store = ledger, store

    def _nearest(self, vectors: list[Vector], k: int, keep: Keep) -> Ranking:
        def best(count: int) -> tuple[Ranking, bool]:
            found = [self._live(vector, count) for vector in vectors]
            is_all = all(is_short for _, is_short in found)
            if len(found) == 1:
                return found[0]
            rankings = {str(i): [n for n, _ in ranking] for i, (ranking, _) in enumerate(found)}
            return fuse_ranks(rankings), is_all

        return best_kept(best, k, keep, self._ledger) if vectors else []

    def _live(self, vector: Vector, count: int) -> tuple[Ranking, bool]:
        matches = self._store.query(vector, count, name=self._name)
        numbers = self._ledger.numbers([match.id for match in matches])
        live = [(numbers[one.id], one.similarity) for one in matches if one.id in numbers]
        return live, len(matches) < count


class TextVectorRoute(_VectorRoute):
    """Entries whose text is near the query; a multimodal embedder of texts finds them by images."""

    _name = TEXT

    def __init__(self, ledger: Ledger, store: VectorStore, embedder: IndexEmbedder) -> None:
        super().__init__(ledger, store)
        self._embedder = embedder

    def reads(self, part: str) -> bool:
        """See `QueryModalities`."""
        return part == "text" or part in _modalities(self._embedder.checked())

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """See `Route`. Raises what the vector store and the embedder raise, and `StoreError`."""
        embedder = self._embedder.checked() if query.images else None
        if isinstance(embedder, Embedder) and "image" in embedder.modalities:
            return self._nearest(_query_vectors(embedder, query), k, keep)
        if not query.text:
            return []
        return self._nearest([embedded_query(self._embedder, query.text)], k, keep)


class ImageVectorRoute(_VectorRoute):
    """Entries whose image is near the query: an image, or a text where the embedder reads texts."""

    _name = IMAGE

    def __init__(self, ledger: Ledger, store: VectorStore, embedder: IndexImageEmbedder) -> None:
        super().__init__(ledger, store)
        self._embedder = embedder

    def reads(self, part: str) -> bool:
        """See `QueryModalities`."""
        return self._embedder.is_there and part in self._embedder.checked().modalities

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """See `Route`. Raises what the vector store and the embedder raise, and `StoreError`."""
        return self._nearest(_query_vectors(self._embedder.checked(), query), k, keep)


def _modalities(embedder: TextEmbedder) -> frozenset[str]:
    return embedder.modalities if isinstance(embedder, Embedder) else frozenset({"text"})


def _query_vectors(embedder: Embedder, query: Content) -> list[Vector]:
    """The vector of a query or, if the model cannot make one of it, those of its parts."""
    parts = [Content(images=[image]) for image in query.images]
    if query.text and "text" in embedder.modalities:
        parts.insert(0, Content(query.text))
    is_joint = len(parts) > 1 and "text_and_image" in embedder.modalities
    return [_embedded(embedder.embed_query, part) for part in ([query] if is_joint else parts)]


def _embedded(embed: Callable[[Content], Vector], query: Content) -> Vector:
    """Embedders may be the user's own: they may raise anything."""
    try:
        return embed(query)
    except RerankError:
        raise
    except Exception as error:
        raise StoreError(f"the embedder failed: {type(error).__name__}: {error}") from error

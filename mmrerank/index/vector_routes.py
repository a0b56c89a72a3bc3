"""Routes by vectors: entries whose text or image is near the query, which may have images itself."""

from __future__ import annotations

import math

from mmrerank.index.embedding import RememberedEmbedder
from mmrerank.index.ledger import Ledger
from mmrerank.index.rank_fusion import Ranking, fuse_ranks
from mmrerank.index.routes import Keep, best_kept
from mmrerank.retrieval.embedder import Modality
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Vector, VectorStore
from mmrerank.types import Content

__all__ = ["VectorRoute"]

_LEAST = 1e-6  # the similarity of unrelated vectors, which databases count in 32 bits


class VectorRoute:
    """Entries whose vector of one name (`TEXT`, `IMAGE`) is near the query's, by cosine similarity.

    A query may be a text or an image, whichever the embedder reads: so a text finds images and, by
    a multimodal embedder of texts, an image finds texts. One with text and images is embedded as a
    whole where the model can; otherwise each part finds entries by itself, and the rankings are
    fused.

    Where images have vectors, an entry without text is found by that of its image alone: that of
    its text says nothing. An image whose vector has nothing in common with the query's (a
    cosine of 0 or less) is not found, nor is a text by a part of a query: ranked all the same, they
    would hide what another part of the query finds.
    """

    def __init__(
        self, ledger: Ledger, store: VectorStore, embedder: RememberedEmbedder, name: str
    ) -> None:
        self._ledger, self._store, self._embedder = ledger, store, embedder
        self._name = name

    def reads(self, part: Modality) -> bool:
        """Does it search by a "text", or by an "image"? Makes the embedder; raises as it."""
        return part in self._embedder.checked().modalities

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """See `Route`. Raises what the vector store and the embedder raise, and `StoreError`."""
        vectors = [self._embedder.embed_query(part) for part in self._parts(query)]

        def best(count: int) -> tuple[Ranking, bool]:
            # A part that has nothing in common with an entry must not lend it a rank.
            is_part = len(vectors) > 1 or self._name == IMAGE
            least = _LEAST if is_part else -math.inf
            found = [self._nearest(vector, count, least) for vector in vectors]
            if len(found) == 1:
                return found[0]
            rankings = {str(i): [n for n, _ in ranking] for i, (ranking, _) in enumerate(found)}
            return fuse_ranks(rankings), all(is_all for _, is_all in found)

        return best_kept(best, k, keep, self._ledger) if vectors else []

    def _parts(self, query: Content) -> list[Content]:
        """The query as the embedder reads it: as a whole, or in parts; [] if it reads none."""
        parts = [Content(query.text)] if query.text and self.reads("text") else []
        if query.images and self.reads("image"):
            parts += [Content(images=[image]) for image in query.images]
        return [query] if len(parts) > 1 and self.reads("text_and_image") else parts

    def _nearest(self, vector: Vector, count: int, least: float) -> tuple[Ranking, bool]:
        """About the `count` nearest live entries, at least so similar; and whether these are all."""
        matches = self._store.query(vector, count, name=self._name)
        needs_text = self._name == TEXT and self._ledger.has_image_vectors()
        numbers = self._ledger.numbers([one.id for one in matches], needs_text=needs_text)
        near = [one for one in matches if one.similarity > least]
        live = [(numbers[one.id], one.similarity) for one in near if one.id in numbers]
        return live, len(near) < count

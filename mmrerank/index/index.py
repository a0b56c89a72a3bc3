"""An index in a folder: chunks and their vectors in a vector store, and the images of the chunks.

Both frameworks can read it: it is the Chroma collection `mmrerank`, with the image root
`DIR/images` and the embeddings of `HashingEmbedder`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrerank.base import Reranker, check_query
from mmrerank.errors import DocumentError, InvalidInputError, StoreError
from mmrerank.images.refs import IMAGES_KEY, read_refs
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.hits import Hit, HitImage
from mmrerank.loaders.base import Chunk
from mmrerank.ocr.words import loader_facts
from mmrerank.progress import progress
from mmrerank.retrieval.base import default_embedder
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.vector_store import Match, Record, VectorStore
from mmrerank.terminal import clean
from mmrerank.types import Content, Image

__all__ = ["Index", "load_file"]

_BATCH = 500  # chunks embedded at once: 4 MiB of vectors


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A chunk near the query, with the images that could be found and their references."""

    match: Match
    content: Content
    refs: list[str]


class Index:
    """Chunks that can be searched, in a folder.

    A new index is made when the first chunks are written: what fails before that leaves nothing
    behind. Raises `StoreError` if there is no index in the folder and `create` is False, or if it
    cannot be opened; `MissingDependencyError` if the extra `chroma` is not installed.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = Path(folder)
        self.image_root = self.folder / "images"
        if self.folder.is_file():
            raise StoreError(f"{self.folder} is a file, not the folder of an index")
        exists = ChromaStore.exists(self.folder)
        if not create and not exists:
            raise StoreError(
                f"there is no index in {self.folder}; "
                f"make one with: mmrerank index FILES... --store {self.folder}"
            )
        self._embedder = default_embedder()
        self._store: VectorStore | None = (
            ChromaStore(self.folder, create=create) if exists else None
        )

    def __len__(self) -> int:
        """How many chunks there are."""
        return 0 if self._store is None else self._store.count()

    def replace(self, source: str, chunks: list[Chunk]) -> None:
        """Write a file's chunks in place of all older chunks with this `source`.

        New chunks are written first, then old ones that remain are deleted: a failure loses
        nothing. Raises `StoreError` if the chunks cannot be written.
        """
        if self._store is None:
            self._store = ChromaStore(self.folder, create=True)
        try:
            old_ids = self._store.ids(source)
            for start in range(0, len(chunks), _BATCH):
                self._store.upsert(self._records(chunks[start : start + _BATCH]))
            self._store.delete(sorted(old_ids - {chunk.id for chunk in chunks}))
        except Exception as error:  # other embeddings in the collection, a full disk, ...
            raise StoreError(f"{source} cannot be written to {self.folder}: {error}") from error

    def _records(self, chunks: list[Chunk]) -> list[Record]:
        vectors = self._embedder.embed_documents([chunk.text for chunk in chunks])
        return [
            Record(id=chunk.id, vector=vector, text=chunk.text, metadata=chunk.metadata)
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]

    def images(self, chunks: Iterable[Chunk]) -> list[Image]:
        """The images of chunks, without duplicates."""
        contents = self.contents(chunks)
        return list(dict.fromkeys(image for content in contents for image in content.images))

    def contents(self, chunks: Iterable[Chunk]) -> list[Content]:
        """Chunks as `search` passes them to a reranker, so that it can be warmed with them."""
        root = Path(os.path.realpath(self.image_root))
        return [
            Content(
                chunk.text, [Image(path=root / link.figure.ref, root=root) for link in chunk.links]
            )
            for chunk in chunks
        ]

    def search(
        self,
        query: str,
        reranker: Reranker | None,
        *,
        top_n: int = 5,
        fetch_k: int = 50,
    ) -> list[Hit]:
        """The best `top_n` of the `fetch_k` nearest chunks; without a reranker, the nearest.

        An image that is missing is left out with a `RerankWarning`. Raises `InvalidInputError` for
        an empty query or a count below 1, `StoreError` if the index is empty or cannot be
        searched, and what the reranker raises.
        """
        check_query(query)
        if top_n < 1 or fetch_k < 1:
            raise InvalidInputError("top_n and fetch_k must be at least 1")
        if self._store is None or not self._store.count():
            raise StoreError(
                f"the index in {self.folder} is empty; "
                f"add files with: mmrerank index FILES... --store {self.folder}"
            )
        matches = self._nearest(self._store, query, max(fetch_k, top_n))
        if reranker is None:
            return [
                self._hit(rank, rank, match, match.similarity, None)
                for rank, match in enumerate(matches[:top_n])
            ]
        candidates = self._candidates(matches)
        results = reranker.rerank(query, [c.content for c in candidates], top_n=top_n)
        hits: list[Hit] = []
        for rank, result in enumerate(results):
            candidate = candidates[result.index]
            best = None if result.best_image is None else candidate.refs[result.best_image]
            hits.append(
                self._hit(rank, result.index, candidate.match, result.relevance_score, best)
            )
        return hits

    def _nearest(self, store: VectorStore, query: str, k: int) -> list[Match]:
        try:
            return store.query(self._embedder.embed_query(query), k)
        except Exception as error:  # an index made with other embeddings, or a damaged one
            raise StoreError(f"the index in {self.folder} cannot be searched: {error}") from error

    def _candidates(self, matches: list[Match]) -> list[_Candidate]:
        # A missing image costs its own part of a score, not the whole search.
        resolver = ImageResolver(self.image_root, on_image_error="warn")
        candidates: list[_Candidate] = []
        for match in matches:
            images = resolver.find(match.metadata)
            content = Content(match.text, [image for _, image in images])
            candidates.append(_Candidate(match, content, [ref for ref, _ in images]))
        return candidates

    def _hit(
        self, rank: int, retrieval_rank: int, match: Match, score: float, best_image: str | None
    ) -> Hit:
        """A search result; both ranks count from 0 here."""
        source = str(match.metadata.get("source", ""))
        refs = read_refs(match.metadata.get(IMAGES_KEY), on_error=lambda _: None)
        return Hit(
            rank=rank + 1,
            score=float(score),
            retrieval_rank=retrieval_rank + 1,
            retrieval_score=float(match.similarity),
            source=source,
            page=_page(match.metadata.get("page")),
            text=match.text,
            images=[self._hit_image(ref, source) for ref in refs],
            best_image=best_image,
        )

    def _hit_image(self, ref: str, source: str) -> HitImage:
        facts = loader_facts(Image(path=self.image_root / ref, root=self.image_root), source)
        caption = str(facts.get("caption") or "")
        return HitImage(path=ref, page=_page(facts.get("page")), caption=caption)


def _page(value: Any) -> int | None:
    """A page number; metadata written by others may have anything in its place."""
    return value if isinstance(value, int) else None


def load_file(
    index: Index, path: str, *, password: str | None = None, ocr: bool | None = None
) -> list[Chunk]:
    """A file's chunks, with its absolute path as their source; its images are saved in the index.

    `ocr` as for the loaders: None reads pages without a text layer if OCR is installed. Raises
    `DocumentError` for a file that cannot be loaded or has neither text nor images, and
    `MissingDependencyError` if its format needs an extra that is not installed.
    """
    from mmrerank.loaders.files import FileLoader

    source = str(Path(path).resolve())
    options = {} if ocr is None else {"ocr": ocr}
    loader = FileLoader(source, image_root=index.image_root, password=password, **options)
    name = clean(Path(path).name)
    chunks = list(progress(loader.lazy_load(), f"Loading {name}", show=True, unit="chunks"))
    if not chunks:
        raise DocumentError(source, "contains neither text nor images")
    return chunks

"""A folder with one Chroma collection and the images of its chunks, as the command line keeps it.

Both frameworks read it: the collection is `COLLECTION`, the image root `DIR/images`, the
embeddings are those of `HashingEmbedder`.
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
from mmrerank.optional import require
from mmrerank.progress import progress
from mmrerank.retrieval.hashing import HashingEmbedder
from mmrerank.terminal import clean
from mmrerank.types import Content, Image

__all__ = ["COLLECTION", "Store"]

COLLECTION = "mmrerank"

_BATCH = 500  # chunks a write; Chroma refuses more than some thousands at once


@dataclass(frozen=True, slots=True)
class _Candidate:
    metadata: dict[str, Any]
    content: Content
    refs: list[str]
    similarity: float


class Store:
    """An index in a folder. Raises `StoreError` where `create` is False and there is none.

    A new one is made when the first chunks are put in: what fails before leaves nothing behind.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = Path(folder)
        self.image_root = self.folder / "images"
        if self.folder.is_file():
            raise StoreError(f"{self.folder} is a file, not the folder of an index")
        self._database = self.folder / "chroma.sqlite3"
        exists = self._database.is_file()
        if not create and not exists:
            raise StoreError(
                f"there is no index in {self.folder}; "
                f"make one with: mmrerank index FILES... --store {self.folder}"
            )
        self._embedder = HashingEmbedder()
        self._opened = self._open(create=create) if exists else None

    @property
    def _collection(self) -> Any:
        if self._opened is None:
            self._opened = self._open(create=True)
        return self._opened

    def _open(self, *, create: bool) -> Any:
        chromadb = require("chromadb")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # With Chroma's default settings, as the frameworks open it: two in one process must agree.
            client = chromadb.PersistentClient(str(self.folder))
            if not create:
                return client.get_collection(COLLECTION, embedding_function=None)
            # No embedding function: Chroma's default would download a model on first use.
            return client.get_or_create_collection(
                COLLECTION, embedding_function=None, metadata={"hnsw:space": "cosine"}
            )
        except Exception as error:  # Chroma raises its own, sqlite's and its Rust core's
            reason = str(error)
            if self._is_read_only():
                reason = (
                    "Chroma writes to it also to search; make the folder and its files writable"
                )
            raise StoreError(f"the index in {self.folder} cannot be opened: {reason}") from error

    def _is_read_only(self) -> bool:
        kept = (self.folder, self._database)
        return self._database.is_file() and not all(os.access(path, os.W_OK) for path in kept)

    def __len__(self) -> int:
        return 0 if self._opened is None else int(self._opened.count())

    def replace(self, source: str, chunks: list[Chunk]) -> None:
        """Put a file's chunks in place of all that was indexed of it before.

        What is new is written first (`upsert`: Chroma's `add` keeps the old text of an id that
        exists), then what is left over of the old is deleted: a failure loses nothing.
        """
        try:
            before = set(self._collection.get(where={"source": source}, include=[])["ids"])
            for start in range(0, len(chunks), _BATCH):
                batch = chunks[start : start + _BATCH]
                texts = [chunk.text for chunk in batch]
                self._collection.upsert(
                    ids=[chunk.id for chunk in batch],
                    embeddings=self._embedder.embed_documents(texts),
                    documents=texts,
                    metadatas=[chunk.metadata for chunk in batch],
                )
            left = sorted(before - {chunk.id for chunk in chunks})
            for start in range(0, len(left), _BATCH):
                self._collection.delete(ids=left[start : start + _BATCH])
        except Exception as error:  # other embeddings in the collection, a full disk, ...
            raise StoreError(f"{source} cannot be written to {self.folder}: {error}") from error

    def images(self, chunks: Iterable[Chunk]) -> list[Image]:
        """The images of chunks, each once."""
        contents = self.contents(chunks)
        return list(dict.fromkeys(image for content in contents for image in content.images))

    def contents(self, chunks: Iterable[Chunk]) -> list[Content]:
        """Chunks as a search gives them to a reranker, to warm one."""
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
        """The best `top_n` of the `fetch_k` nearest chunks; without a reranker, the nearest."""
        check_query(query)
        if top_n < 1 or fetch_k < 1:
            raise InvalidInputError("top_n and fetch_k are at least 1")
        if not len(self):
            raise StoreError(
                f"the index in {self.folder} holds nothing; "
                f"add files with: mmrerank index FILES... --store {self.folder}"
            )
        candidates = self._nearest(query, max(fetch_k, top_n), with_images=reranker is not None)
        if reranker is None:
            return [
                _hit(i, i, candidate, candidate.similarity, None, self.image_root)
                for i, candidate in enumerate(candidates[:top_n])
            ]
        contents = [candidate.content for candidate in candidates]
        hits: list[Hit] = []
        for rank, result in enumerate(reranker.rerank(query, contents, top_n=top_n)):
            found = candidates[result.index]
            best = None if result.best_image is None else found.refs[result.best_image]
            score = result.relevance_score
            hits.append(_hit(rank, result.index, found, score, best, self.image_root))
        return hits

    def _nearest(self, query: str, k: int, *, with_images: bool) -> list[_Candidate]:
        try:
            found = self._collection.query(
                query_embeddings=[self._embedder.embed_query(query)],
                n_results=min(k, max(1, len(self))),
                include=["documents", "metadatas", "distances"],
            )
        except Exception as error:  # an index made with other embeddings, or a damaged one
            raise StoreError(f"the index in {self.folder} cannot be searched: {error}") from error
        # An image that is gone costs its own part of a score, not the whole search.
        resolver = ImageResolver(self.image_root, on_image_error="warn")
        space = (self._collection.metadata or {}).get("hnsw:space", "l2")
        rows = zip(found["documents"][0], found["metadatas"][0], found["distances"][0], strict=True)
        candidates: list[_Candidate] = []
        for text, metadata, distance in rows:
            images = resolver.find(metadata or {}) if with_images else []
            content = Content(text or "", [image for _, image in images])
            refs = [ref for ref, _ in images]
            # Of unit vectors: Chroma's l2 is the squared distance.
            similarity = 1.0 - (distance / 2 if space == "l2" else distance)
            candidates.append(_Candidate(dict(metadata or {}), content, refs, similarity))
        return candidates


def _hit(
    rank: int, index: int, found: _Candidate, score: float, best: str | None, root: Path
) -> Hit:
    page = found.metadata.get("page")
    return Hit(
        rank=rank + 1,
        score=float(score),
        retrieval_rank=index + 1,
        retrieval_score=float(found.similarity),
        source=str(found.metadata.get("source", "")),
        page=page if isinstance(page, int) else None,
        text=found.content.text or "",
        images=[
            _hit_image(ref, root, str(found.metadata.get("source", "")))
            for ref in read_refs(found.metadata.get(IMAGES_KEY), on_error=lambda _: None)
        ],
        best_image=best,
    )


def _hit_image(ref: str, root: Path, source: str) -> HitImage:
    facts = loader_facts(Image(path=root / ref, root=root), source)
    page = facts.get("page")
    return HitImage(
        path=ref,
        page=page if isinstance(page, int) else None,
        caption=str(facts.get("caption") or ""),
    )


def load_file(
    store: Store, path: str, *, password: str | None = None, ocr: bool | None = None
) -> list[Chunk]:
    """A file's chunks under its absolute path, its images saved in the store.

    `ocr` as for the loaders: None reads pages without a text layer where OCR is installed.
    """
    from mmrerank.loaders.files import FileLoader

    source = str(Path(path).resolve())
    options = {} if ocr is None else {"ocr": ocr}
    loader = FileLoader(source, image_root=store.image_root, password=password, **options)
    name = clean(Path(path).name)
    chunks = list(progress(loader.lazy_load(), f"Loading {name}", show=True, unit="chunks"))
    if not chunks:
        raise DocumentError(source, "holds neither text nor images")
    return chunks

"""LangChain documents to Content, and results back to copies of the caller's own documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from langchain_core.documents import Document

from mmrerank import result_metadata
from mmrerank.frameworks import LANGCHAIN, wrong_type
from mmrerank.images.refs import RELEVANCE_KEY, RETRIEVAL_SCORE_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.hits import Hit
from mmrerank.loaders.base import Chunk
from mmrerank.result_metadata import hit_metadata, scored_metadata
from mmrerank.types import Content, RerankResult

__all__ = [
    "check_documents",
    "from_chunk",
    "from_hit",
    "to_contents",
    "with_result_of",
    "with_scores",
]


def check_documents(documents: Sequence[Document]) -> None:
    """Raise `InvalidInputError` for what is not a list of Documents."""
    _check_list(documents)
    for i, item in enumerate(documents):
        if not isinstance(item, Document):
            raise wrong_type(f"documents[{i}]", item, "Document", framework=LANGCHAIN)


def _check_list(documents: object) -> None:
    if isinstance(documents, str) or not isinstance(documents, Sequence):
        raise wrong_type("documents", documents, "list of Documents", framework=LANGCHAIN)


def to_contents(
    documents: Sequence[Document | str], resolver: ImageResolver, max_images: int
) -> tuple[list[Content], list[list[str]]]:
    """Each document's text and at most `max_images` images, and those images' references.

    Raises `InvalidInputError` for what is neither a Document nor a str, `ImageError` for an image
    that cannot be used.
    """
    _check_list(documents)
    contents: list[Content] = []
    refs: list[list[str]] = []
    for i, item in enumerate(documents):
        document = Document(page_content=item) if isinstance(item, str) else item
        if not isinstance(document, Document):
            raise wrong_type(f"documents[{i}]", item, "Document (or a str)", framework=LANGCHAIN)
        images = resolver.find(document.metadata, max_images)
        contents.append(Content(document.page_content, [image for _, image in images]))
        refs.append([ref for ref, _ in images])
    return contents, refs


def with_scores(document: Document, result: RerankResult, refs: Sequence[str]) -> Document:
    """A copy with the result in its metadata (see `scored_metadata`); the id stays.

    LangChain has no place for a retriever's score but the metadata: a number at `retrieval_score`
    or, if that is missing, at `relevance_score` is taken for it.
    """
    earlier = _retrieval_score(document.metadata)
    metadata = scored_metadata(document.metadata, result, refs, earlier)
    return document.model_copy(update={"metadata": metadata})


def with_result_of(scored: Document, shown: Document, best_image: str | None) -> Document:
    """A copy of a document that shows the result of another: of a figure that it cites."""
    metadata = result_metadata.with_result_of(scored.metadata, shown.metadata, best_image)
    return shown.model_copy(update={"metadata": metadata})


def _retrieval_score(metadata: Mapping[str, Any]) -> float | None:
    score = metadata.get(RETRIEVAL_SCORE_KEY, metadata.get(RELEVANCE_KEY))
    return float(score) if isinstance(score, Real) else None  # numpy's numbers are Real


def from_hit(hit: Hit, *, reranked: bool) -> Document:
    """A result of an index as a document, with the id of its chunk (see `hit_metadata`)."""
    return Document(id=hit.id, page_content=hit.text, metadata=hit_metadata(hit, reranked=reranked))


def from_chunk(chunk: Chunk) -> Document:
    """A loader's chunk as a document, with the chunk's id."""
    return Document(id=chunk.id, page_content=chunk.text, metadata=chunk.metadata)

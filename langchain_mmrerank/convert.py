"""LangChain documents to Content, and results back to copies of the caller's own documents."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

from langchain_core.documents import Document

from mmrerank.errors import InvalidInputError
from mmrerank.images.refs import (
    BEST_IMAGE_KEY,
    IS_SCORED_KEY,
    RELEVANCE_KEY,
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_SCORE_KEY,
)
from mmrerank.images.resolve import ImageResolver
from mmrerank.loaders.base import Chunk
from mmrerank.types import Content, RerankResult

__all__ = ["from_chunk", "to_contents", "with_scores"]


def to_contents(
    documents: Sequence[Document | str], resolver: ImageResolver, max_images: int
) -> tuple[list[Content], list[list[str]]]:
    """Each document's text and images, and the references of those images."""
    contents: list[Content] = []
    names: list[list[str]] = []
    for i, given in enumerate(documents):
        document = Document(page_content=given) if isinstance(given, str) else given
        if not isinstance(document, Document):
            raise InvalidInputError(
                f"documents[{i}] is a {type(document).__name__}, not a Document or a str"
            )
        found = resolver.find(document.metadata, max_images)
        contents.append(Content(document.page_content, [image for _, image in found]))
        names.append([name for name, _ in found])
    return contents, names


def with_scores(document: Document, result: RerankResult, refs: Sequence[str]) -> Document:
    """A copy with scores in its metadata; the id stays, and the input is not touched.

    `retrieval_rank` counts from 1; `retrieval_score` is the score that a document came with, where
    it had one. After several rerankers both are still those of the retrieval.
    """
    metadata = dict(document.metadata)
    for stale in (BEST_IMAGE_KEY, IS_SCORED_KEY):
        metadata.pop(stale, None)
    if RETRIEVAL_RANK_KEY not in metadata:  # this is the first reranker
        metadata[RETRIEVAL_RANK_KEY] = result.index + 1
        earlier = metadata.get(RETRIEVAL_SCORE_KEY, metadata.get(RELEVANCE_KEY))
        if isinstance(earlier, Real):  # numpy's numbers are
            metadata[RETRIEVAL_SCORE_KEY] = float(earlier)
    metadata[RELEVANCE_KEY] = result.relevance_score
    if not result.is_scored:
        metadata[IS_SCORED_KEY] = False
    if result.best_image is not None:
        metadata[BEST_IMAGE_KEY] = refs[result.best_image]
    return document.model_copy(update={"metadata": metadata})


def from_chunk(chunk: Chunk) -> Document:
    """A loader's chunk as a document, with the chunk's id."""
    return Document(id=chunk.id, page_content=chunk.text, metadata=chunk.metadata)

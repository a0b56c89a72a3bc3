"""Multimodal reranking for LangChain: a document compressor, loaders, embeddings, a retriever."""

from __future__ import annotations

try:
    import langchain_core  # noqa: F401
except ImportError as error:
    from mmrerank.errors import MissingDependencyError

    raise MissingDependencyError("langchain-core", "langchain", "langchain_mmrerank") from error

from langchain_mmrerank.compressor import MultimodalRerank
from langchain_mmrerank.embeddings import TextEmbeddings
from langchain_mmrerank.loader import (
    MultimodalBlobParser,
    MultimodalLoader,
    MultimodalPDFLoader,
    attach_images,
    resolve_markers,
)
from langchain_mmrerank.retriever import MultimodalRetriever

__all__ = [
    "MultimodalBlobParser",
    "MultimodalLoader",
    "MultimodalPDFLoader",
    "MultimodalRerank",
    "MultimodalRetriever",
    "TextEmbeddings",
    "attach_images",
    "resolve_markers",
]

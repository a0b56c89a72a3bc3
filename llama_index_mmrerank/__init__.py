"""Multimodal reranking for LlamaIndex: a node postprocessor, readers, an embedding, a retriever."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401
except ImportError as error:
    from mmrerank.errors import MissingDependencyError

    raise MissingDependencyError(
        "llama-index-core", "llama-index", "llama_index_mmrerank"
    ) from error

from llama_index_mmrerank.embeddings import TextEmbedding
from llama_index_mmrerank.postprocessor import MultimodalRerank
from llama_index_mmrerank.reader import (
    MultimodalPDFReader,
    MultimodalReader,
    attach_images,
    resolve_markers,
)
from llama_index_mmrerank.retriever import MultimodalRetriever

__all__ = [
    "MultimodalPDFReader",
    "MultimodalReader",
    "MultimodalRerank",
    "MultimodalRetriever",
    "TextEmbedding",
    "attach_images",
    "resolve_markers",
]

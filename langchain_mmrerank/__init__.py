"""Multimodal reranking for LangChain: a document compressor, loaders, embeddings, a retriever."""

from __future__ import annotations

from mmrerank.optional import require

require("langchain_core")

from langchain_mmrerank.captions import ChatModelCaptions
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
    "ChatModelCaptions",
    "MultimodalBlobParser",
    "MultimodalLoader",
    "MultimodalPDFLoader",
    "MultimodalRerank",
    "MultimodalRetriever",
    "TextEmbeddings",
    "attach_images",
    "resolve_markers",
]

"""Multimodal reranking for LlamaIndex: a node postprocessor, readers, an embedding, a retriever."""

from __future__ import annotations

from mmrerank.optional import require

require("llama_index.core")

from llama_index_mmrerank.answers import ImagePostprocessor, to_message
from llama_index_mmrerank.captions import LLMCaptions
from llama_index_mmrerank.display import show
from llama_index_mmrerank.embeddings import MultimodalEmbedding, TextEmbedding
from llama_index_mmrerank.postprocessor import MultimodalRerank
from llama_index_mmrerank.rag import MultimodalRAG
from llama_index_mmrerank.reader import (
    MultimodalPDFReader,
    MultimodalReader,
    attach_images,
    resolve_markers,
)
from llama_index_mmrerank.retriever import MultimodalRetriever

__all__ = [
    "ImagePostprocessor",
    "LLMCaptions",
    "MultimodalEmbedding",
    "MultimodalPDFReader",
    "MultimodalRAG",
    "MultimodalReader",
    "MultimodalRerank",
    "MultimodalRetriever",
    "TextEmbedding",
    "attach_images",
    "resolve_markers",
    "show",
    "to_message",
]

"""Multimodal reranking for LangChain: a document compressor, loaders, embeddings, a retriever, prompts."""

from __future__ import annotations

from mmrerank.optional import require

require("langchain_core")

from langchain_mmrerank.answers import ImagePrompt, ImagePromptValue, to_message
from langchain_mmrerank.captions import ChatModelCaptions
from langchain_mmrerank.compressor import MultimodalRerank
from langchain_mmrerank.display import show
from langchain_mmrerank.embeddings import MultimodalEmbeddings, TextEmbeddings
from langchain_mmrerank.loader import (
    MultimodalBlobParser,
    MultimodalLoader,
    MultimodalPDFLoader,
    attach_images,
    resolve_markers,
)
from langchain_mmrerank.rag import MultimodalRAG
from langchain_mmrerank.retriever import MultimodalRetriever

__all__ = [
    "ChatModelCaptions",
    "ImagePrompt",
    "ImagePromptValue",
    "MultimodalBlobParser",
    "MultimodalEmbeddings",
    "MultimodalLoader",
    "MultimodalPDFLoader",
    "MultimodalRAG",
    "MultimodalRerank",
    "MultimodalRetriever",
    "TextEmbeddings",
    "attach_images",
    "resolve_markers",
    "show",
    "to_message",
]

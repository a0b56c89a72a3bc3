"""Multimodal reranking: text and images of each candidate, read together with the question.

Heavy parts are imported on first use: `import mmrerank` loads neither torch nor a framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mmrerank.base import Reranker
from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    DocumentError,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    MissingDependencyError,
    ModelLoadError,
    RateLimitError,
    RerankError,
    RerankWarning,
    StoreError,
    UnsupportedModalityError,
)
from mmrerank.fusion import max_score, weighted_mean
from mmrerank.types import Content, Image, Modalities, PartScore, RerankResult, Scored, Usage

if TYPE_CHECKING:
    from mmrerank.http.cache import ScoreCache
    from mmrerank.http.cohere import CohereReranker
    from mmrerank.http.dashscope import DashScopeReranker
    from mmrerank.http.infinity import InfinityReranker
    from mmrerank.http.jina import JinaReranker
    from mmrerank.http.llamacpp import LlamaCppReranker
    from mmrerank.http.nvidia import NVIDIAReranker
    from mmrerank.http.sglang import SGLangReranker
    from mmrerank.http.tei import TEIReranker
    from mmrerank.http.vllm import VLLMReranker
    from mmrerank.loaders.files import FileLoader, FolderLoader
    from mmrerank.loaders.pdf.loader import PDFLoader
    from mmrerank.local.cross_encoder import CrossEncoderReranker
    from mmrerank.local.jina_m0 import JinaM0Reranker
    from mmrerank.local.qwen3 import Qwen3Reranker
    from mmrerank.local.qwen3_vl import Qwen3VLReranker
    from mmrerank.ocr.reranker import OCRReranker
    from mmrerank.retrieval.hashing import HashingEmbedder
    from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder

__version__ = "0.1.0"

_LAZY = {
    "CrossEncoderReranker": "mmrerank.local.cross_encoder",
    "FileLoader": "mmrerank.loaders.files",
    "FolderLoader": "mmrerank.loaders.files",
    "HashingEmbedder": "mmrerank.retrieval.hashing",
    "JinaM0Reranker": "mmrerank.local.jina_m0",
    "JinaReranker": "mmrerank.http.jina",
    "CohereReranker": "mmrerank.http.cohere",
    "DashScopeReranker": "mmrerank.http.dashscope",
    "InfinityReranker": "mmrerank.http.infinity",
    "LlamaCppReranker": "mmrerank.http.llamacpp",
    "NVIDIAReranker": "mmrerank.http.nvidia",
    "SGLangReranker": "mmrerank.http.sglang",
    "TEIReranker": "mmrerank.http.tei",
    "VLLMReranker": "mmrerank.http.vllm",
    "ScoreCache": "mmrerank.http.cache",
    "OCRReranker": "mmrerank.ocr.reranker",
    "PDFLoader": "mmrerank.loaders.pdf.loader",
    "Qwen3Embedder": "mmrerank.retrieval.qwen3_embedding",
    "Qwen3Reranker": "mmrerank.local.qwen3",
    "Qwen3VLReranker": "mmrerank.local.qwen3_vl",
}

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "CohereReranker",
    "Content",
    "CrossEncoderReranker",
    "DashScopeReranker",
    "DocumentError",
    "FileLoader",
    "FolderLoader",
    "HashingEmbedder",
    "Image",
    "ImageError",
    "InfinityReranker",
    "InvalidInputError",
    "InvalidResponseError",
    "JinaM0Reranker",
    "JinaReranker",
    "LlamaCppReranker",
    "MissingDependencyError",
    "Modalities",
    "ModelLoadError",
    "NVIDIAReranker",
    "OCRReranker",
    "PDFLoader",
    "PartScore",
    "Qwen3Embedder",
    "Qwen3Reranker",
    "Qwen3VLReranker",
    "RateLimitError",
    "RerankError",
    "RerankResult",
    "RerankWarning",
    "Reranker",
    "SGLangReranker",
    "ScoreCache",
    "Scored",
    "StoreError",
    "TEIReranker",
    "UnsupportedModalityError",
    "Usage",
    "VLLMReranker",
    "__version__",
    "max_score",
    "weighted_mean",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

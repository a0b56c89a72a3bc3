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
    from mmrerank.http.jina import JinaReranker
    from mmrerank.loaders.pdf import PDFLoader
    from mmrerank.local.cross_encoder import CrossEncoderReranker
    from mmrerank.local.jina_m0 import JinaM0Reranker
    from mmrerank.local.qwen3 import Qwen3Reranker
    from mmrerank.local.qwen3_vl import Qwen3VLReranker
    from mmrerank.ocr import OCRReranker
    from mmrerank.retrieval.hashing import HashingEmbedder
    from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder

__version__ = "0.1.0"

_LAZY = {
    "CrossEncoderReranker": "mmrerank.local.cross_encoder",
    "HashingEmbedder": "mmrerank.retrieval.hashing",
    "JinaM0Reranker": "mmrerank.local.jina_m0",
    "JinaReranker": "mmrerank.http.jina",
    "OCRReranker": "mmrerank.ocr",
    "PDFLoader": "mmrerank.loaders.pdf",
    "Qwen3Embedder": "mmrerank.retrieval.qwen3_embedding",
    "Qwen3Reranker": "mmrerank.local.qwen3",
    "Qwen3VLReranker": "mmrerank.local.qwen3_vl",
}

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "Content",
    "CrossEncoderReranker",
    "DocumentError",
    "HashingEmbedder",
    "Image",
    "ImageError",
    "InvalidInputError",
    "InvalidResponseError",
    "JinaM0Reranker",
    "JinaReranker",
    "MissingDependencyError",
    "Modalities",
    "ModelLoadError",
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
    "Scored",
    "StoreError",
    "UnsupportedModalityError",
    "Usage",
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

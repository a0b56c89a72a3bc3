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
    from mmrerank.loaders.files import FileLoader, FolderLoader
    from mmrerank.loaders.pdf import PDFLoader
    from mmrerank.ocr import OCRReranker
    from mmrerank.retrieval.hashing import HashingEmbedder

__version__ = "0.1.0"

_LAZY = {
    "FileLoader": "mmrerank.loaders.files",
    "FolderLoader": "mmrerank.loaders.files",
    "HashingEmbedder": "mmrerank.retrieval.hashing",
    "JinaReranker": "mmrerank.http.jina",
    "OCRReranker": "mmrerank.ocr",
    "PDFLoader": "mmrerank.loaders.pdf",
}

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "Content",
    "DocumentError",
    "FileLoader",
    "FolderLoader",
    "HashingEmbedder",
    "Image",
    "ImageError",
    "InvalidInputError",
    "InvalidResponseError",
    "JinaReranker",
    "MissingDependencyError",
    "Modalities",
    "ModelLoadError",
    "OCRReranker",
    "PDFLoader",
    "PartScore",
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

"""Multimodal reranking: text and images of each candidate, read together with the question.

Heavy parts are imported on first use: `import mmrerank` loads neither torch nor a framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrerank import catalog
from mmrerank.base import Reranker
from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    CaptionError,
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
    UnsupportedOperationError,
)
from mmrerank.explanation import ExplainedPart, Explanation, ImageMap, ImageWord, WordWeight
from mmrerank.fusion import max_score, weighted_mean
from mmrerank.types import Content, Image, Modalities, PartScore, RerankResult, Scored, Usage

if TYPE_CHECKING:
    from mmrerank.catalog import *

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "CaptionError",
    "Content",
    "DocumentError",
    "ExplainedPart",
    "Explanation",
    "Image",
    "ImageError",
    "ImageMap",
    "ImageWord",
    "InvalidInputError",
    "InvalidResponseError",
    "MissingDependencyError",
    "Modalities",
    "ModelLoadError",
    "PartScore",
    "RateLimitError",
    "RerankError",
    "RerankResult",
    "RerankWarning",
    "Reranker",
    "Scored",
    "StoreError",
    "UnsupportedModalityError",
    "UnsupportedOperationError",
    "Usage",
    "WordWeight",
    "__version__",
    "max_score",
    "weighted_mean",
]

__all__ += catalog.__all__


def __getattr__(name: str) -> object:
    if name in catalog.__all__:
        return catalog.load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

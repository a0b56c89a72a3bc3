"""Rerankers that run on this machine, on torch and transformers (the extra `local`).

Importing this package needs neither: a class asks for them when a model is constructed.
"""

from mmrerank.local.base import LocalReranker
from mmrerank.local.cache.memory import CacheInfo, Reuse
from mmrerank.local.cross_encoder import CrossEncoderReranker
from mmrerank.local.jina_m0 import JinaM0Reranker
from mmrerank.local.qwen3 import Qwen3Reranker
from mmrerank.local.qwen3_vl import Qwen3VLReranker

__all__ = [
    "CacheInfo",
    "CrossEncoderReranker",
    "JinaM0Reranker",
    "LocalReranker",
    "Qwen3Reranker",
    "Qwen3VLReranker",
    "Reuse",
]

"""Rerankers that run on this machine, on torch and transformers (the extra `local`).

Importing this package needs neither: a class asks for them when a model is constructed. The classes
themselves are in `mmrerank`, as `mmrerank.catalog` lists them.
"""

from mmrerank.local.base import LocalReranker
from mmrerank.local.cache.memory import CacheInfo, Reuse

__all__ = ["CacheInfo", "LocalReranker", "Reuse"]

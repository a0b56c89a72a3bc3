"""An index, in a folder or at a URL: chunks and figures, their words, vectors and images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit, HitImage, Stages
    from mmrerank.index.index import Index
    from mmrerank.index.lance.storage import Storage
    from mmrerank.index.report import SyncReport

__all__ = ["Hit", "HitImage", "Index", "Stages", "Storage", "SyncReport"]

_MODULES = {
    "Hit": "hits",
    "HitImage": "hits",
    "Index": "index",
    "Stages": "hits",
    "Storage": "lance.storage",
    "SyncReport": "report",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""An index on disk: chunks and figures, their words and vectors, and their images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit, HitImage, Stages
    from mmrerank.index.index import Index
    from mmrerank.index.report import SyncReport

__all__ = ["Hit", "HitImage", "Index", "Stages", "SyncReport"]

_MODULES = {
    "Hit": "hits",
    "HitImage": "hits",
    "Index": "index",
    "Stages": "hits",
    "SyncReport": "report",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What is compared: ways to search an index, each with or without a reranker, and runs from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrerank.base import Reranker
from mmrerank.index.filters import Where
from mmrerank.index.hits import Routes

__all__ = ["System", "no_reranker"]


def no_reranker() -> AbstractContextManager[None]:
    """The order of the search is left as it is."""
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One way to search.

    `routes` and `where` are those of `Index.search`. `reranker` opens the reranker. `run` is a file
    of rankings that takes the place of searching. `identity` is what the results depend on besides
    the data, as JSON; results are kept under its hash. `price` is what a million tokens cost.
    """

    name: str
    routes: Routes | None = None
    where: Where | None = None
    reranker: Callable[[], AbstractContextManager[Reranker | None]] = no_reranker
    run: Path | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    price: float | None = None

    @property
    def key(self) -> str:
        """A hash of what the results of the system depend on."""
        facts = {
            "name": self.name,
            "routes": self.routes,
            "where": self.where,
            "identity": self.identity,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

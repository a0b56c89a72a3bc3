"""How the test server reads a request: as its dialect says, and as strictly as its service."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from mmrerank.errors import RerankError
from mmrerank.testing.dialects import Dialect
from mmrerank.testing.dialects.forms import (
    Body,
    RefusedError,
    Rows,
    UnknownFieldsError,
    best_first,
)
from mmrerank.types import Content

__all__ = ["Request", "read_request"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a service takes from a request.

    `body` is without the fields that the service does not know, which are in `ignored`; `top_n`
    is the number of results that it asks for (None: all).
    """

    body: Body
    query: Content
    items: list[Content]
    ignored: list[str]
    top_n: int | None

    def cut(self, rows: Rows) -> list[tuple[int, float]]:
        """The `top_n` best rows, in the order of the documents."""
        return sorted(best_first(rows)[: self.top_n])


def read_request(dialect: Dialect, body: Any) -> Request:
    """Read a request's JSON. Raises `RefusedError` where the service would refuse it."""
    if not isinstance(body, dict):
        raise RefusedError("the body must be a JSON object")
    body, ignored = copy.deepcopy(body), list[str]()
    while True:
        try:
            query, items = dialect.read(body)
            break
        except UnknownFieldsError as error:
            if dialect.strict:
                raise
            ignored += error.names
            for name in error.names:
                del error.place[name]
        except KeyError as error:
            raise RefusedError(f"the field {error} is missing") from None
        except (TypeError, AttributeError, RerankError) as error:
            raise RefusedError(str(error)) from None
    if not items:
        raise RefusedError("the list of documents must not be empty")
    return Request(body, query, items, ignored, _positive(dialect.top_n(body)))


def _positive(top_n: Any) -> int | None:
    if top_n is None or (type(top_n) is int and top_n > 0):
        return top_n
    raise RefusedError(f"the number of results must be a positive integer, not {top_n!r:.40}")

"""How the test server reads a request: as its dialect says, and as strictly as its service."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

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

__all__ = ["Request", "read_known", "read_request"]

T = TypeVar("T")


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
    (query, items), body, ignored = read_known(dialect.read, body, strict=dialect.strict)
    if not items:
        raise RefusedError("the list of documents must not be empty")
    return Request(body, query, items, ignored, _positive(dialect.top_n(body)))


def read_known(read: Callable[[Body], T], body: Any, *, strict: bool) -> tuple[T, Body, list[str]]:
    """What `read` makes of a body, the body without fields that it does not know, and their names.

    Raises `RefusedError` where it cannot be read, and for unknown fields if `strict`.
    """
    if not isinstance(body, dict):
        raise RefusedError("the body must be a JSON object")
    body, ignored = copy.deepcopy(body), list[str]()
    while True:
        try:
            return read(body), body, ignored
        except UnknownFieldsError as error:
            if strict:
                raise
            ignored += error.names
            for name in error.names:
                del error.place[name]
        except KeyError as error:
            raise RefusedError(f"the field {error} is missing") from None
        except (TypeError, AttributeError, RerankError) as error:
            raise RefusedError(str(error)) from None


def _positive(top_n: Any) -> int | None:
    if top_n is None or (type(top_n) is int and top_n > 0):
        return top_n
    raise RefusedError(f"the number of results must be a positive integer, not {top_n!r:.40}")

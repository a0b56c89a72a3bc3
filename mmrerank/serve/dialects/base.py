"""What a dialect is: how a request is read and how its answer is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from mmrerank.serve.problems import Problem
from mmrerank.types import RerankResult

__all__ = ["Call", "Dialect", "Item"]

Item = str | dict[str, str | None]
"""A text, or a dict with `text`, `image` or both; an image is a data URI, base64 or a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request asks for; with `echo`, the answer holds the documents."""

    query: Item
    documents: Sequence[Item]
    top_n: int | None
    echo: bool = False


class Dialect(Protocol):
    """The form of a service's requests, answers and errors.

    `request` and `response` describe the bodies, in the OpenAPI page too.
    """

    name: str
    path: str

    @property
    def request(self) -> type[BaseModel]:
        """The form of a request's body."""

    @property
    def response(self) -> type[BaseModel]:
        """The form of an answer's body."""

    def read(self, body: bytes | bytearray) -> Call:
        """Read a body. Raises pydantic's `ValidationError`."""

    def write(
        self,
        call: Call,
        results: Sequence[RerankResult],
        *,
        model: str,
        tokens: int,
        request_id: str,
    ) -> dict[str, Any]:
        """The answer: the results, best first."""

    def error(self, problem: Problem, request_id: str) -> tuple[int, dict[str, Any]]:
        """The status and body of an error."""

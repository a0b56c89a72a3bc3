"""What travels between a batch and the driver that performs it: requests, responses, pauses."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from mmrerank.errors import APIError

__all__ = ["BatchSteps", "Outcome", "Pause", "Request", "Response", "Step"]


T = TypeVar("T")
"""What a batch makes of each of its documents: a score, or a vector."""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST, or what `method` says. Headers and body stay out of its repr: they contain the key
    and the images.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    method: str = field(default="POST", repr=False)
    seconds: float | None = field(default=None, repr=False)
    """How long to wait for the server, if shorter than the client's own timeouts."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with any status. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this many seconds before the next step."""

    seconds: float


Step = Request | Pause

Outcome = Response | APIError | None
"""What a step led to: an answer, or the error that prevented one; None after a pause."""

BatchSteps = Generator[Step, Outcome, list[T]]
"""One batch of documents: yields its steps, is sent their outcomes, returns scores or vectors."""

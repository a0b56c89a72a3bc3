"""What travels between a call and the driver that performs it: requests, responses, pauses."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from mmrerank.errors import APIError

__all__ = ["Call", "Pause", "Request", "Response", "Step"]


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. Headers and body stay out of its repr: they hold the key and the images."""

    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds before going on."""

    seconds: float


Step = Request | Pause

Call = Generator[Step, Response | APIError | None, list[float]]

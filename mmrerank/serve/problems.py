"""What went wrong with a request: an HTTP status, and words that name no text and no key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from mmrerank.errors import (
    APIError,
    APITimeoutError,
    DrainingError,
    ImageError,
    InvalidInputError,
    QueueFullError,
    RateLimitError,
    RequestTooLargeError,
    RerankError,
)

__all__ = ["INVALID", "Problem", "RefusedError", "problem_of"]

INVALID = "invalid_request"
"""The code of a request that cannot be read; each dialect has its own status for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error as it is answered. `fields` has the name and fault of each field that is wrong."""

    status: int
    code: str
    message: str
    retry_after: float | None = None
    fields: Sequence[tuple[str, str]] = ()


class RefusedError(RerankError):
    """A request that is refused before it reaches the model."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.problem = Problem(status=status, code=code, message=message, retry_after=retry_after)


def problem_of(error: Exception) -> Problem:
    """How an error is answered. What a server does not expect is told without its message, which
    might have texts or paths in it.
    """
    if isinstance(error, RefusedError):
        return error.problem
    if isinstance(error, QueueFullError):
        return Problem(
            status=429,
            code="queue_full",
            message="too many requests are waiting",
            retry_after=error.retry_after,
        )
    if isinstance(error, DrainingError):
        return Problem(
            status=503, code="draining", message="the server is stopping", retry_after=1.0
        )
    if isinstance(error, RequestTooLargeError):
        return Problem(status=413, code="request_too_large", message=str(error))
    if isinstance(error, ValidationError):
        return _wrong_fields(error)
    if isinstance(error, (InvalidInputError, ImageError)):
        return Problem(status=422, code=INVALID, message=str(error))
    if isinstance(error, APIError):
        return _behind(error)
    return Problem(status=500, code="internal_error", message="the request could not be answered")


def _wrong_fields(error: ValidationError) -> Problem:
    """The fields that pydantic refused: where, and why, without what was given."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    wrong = [(".".join(map(str, one["loc"])) or "body", one["msg"]) for one in found[:10]]
    message = "; ".join(f"{place}: {why}" for place, why in wrong)
    return Problem(status=422, code=INVALID, message=message, fields=wrong)


def _behind(error: APIError) -> Problem:
    """The error of a rerank service that this server passes requests on to."""
    if isinstance(error, RateLimitError):
        return Problem(
            status=429,
            code="rate_limited",
            message="the service behind this server allows no more requests now",
            retry_after=error.retry_after or 1.0,
        )
    late = isinstance(error, APITimeoutError)
    return Problem(
        status=504 if late else 502,
        code="service_timeout" if late else "service_error",
        message="the service behind this server did not answer as it should",
    )

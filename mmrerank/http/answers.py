"""What a service answered: scores, or an error and whether to ask again."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidResponseError,
    RateLimitError,
)
from mmrerank.fusion import FanOut
from mmrerank.http.drive import Response
from mmrerank.types import Usage

__all__ = [
    "ErrorFacts",
    "Tally",
    "decoded",
    "pause_before_retry",
    "scores_by_index",
    "to_error",
]

Pairs = Sequence[tuple[Any, Any]]

_PASSING = (408, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 60.0  # seconds; a service that asks for more gets its error raised


class ErrorFacts(NamedTuple):
    """What an error answer says."""

    message: str
    code: str | None = None
    request_id: str | None = None


class Tally:
    """Counts of one call of a reranker, for its `Usage`."""

    def __init__(self, documents: int, plan: FanOut, queries: int) -> None:
        self.documents = documents
        self.parts = len(plan.items) * queries
        self.images = sum(len(item.images) for item in plan.items) * queries
        self.requests = 0
        self.retries = 0
        self.tokens = 0

    def usage(self, model: str) -> Usage:
        """The counts; `total_tokens` is None where the service names none."""
        return Usage(
            model=model,
            documents=self.documents,
            parts=self.parts,
            images=self.images,
            requests=self.requests,
            retries=self.retries,
            total_tokens=self.tokens or None,
        )


def decoded(
    decode: Callable[[Any], tuple[Pairs, int | None]], answer: Response, model: str
) -> tuple[Pairs, int | None]:
    """The answer's (index, score) pairs and tokens; `InvalidResponseError` for another form."""
    try:
        pairs, tokens = decode(json.loads(answer.content))
    except (ValueError, RecursionError) as error:
        raise InvalidResponseError(f"{model}: the answer is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidResponseError(
            f"{model}: the answer has not the expected form: {error!r}"
        ) from None
    return pairs, tokens if isinstance(tokens, int) else None


def scores_by_index(pairs: Pairs, count: int, model: str) -> list[float]:
    """One score an item, in the items' order, whatever the order of the answer.

    Raises `InvalidResponseError` for a missing, repeated or foreign index, and for a score that
    is no finite number.
    """
    scores: list[float | None] = [None] * count
    for index, score in pairs:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise InvalidResponseError(f"{model}: index {index!r} is none of the {count} documents")
        if scores[index] is not None:
            raise InvalidResponseError(f"{model}: index {index} is given twice")
        if (
            not isinstance(score, (int, float))
            or isinstance(score, bool)
            or not math.isfinite(score)
        ):
            raise InvalidResponseError(f"{model}: the score of index {index} is {score!r}")
        scores[index] = float(score)
    missing = [i for i, score in enumerate(scores) if score is None]
    if missing:
        raise InvalidResponseError(
            f"{model}: {len(missing)} of {count} documents got no score, the first is {missing[0]}"
        )
    return [score for score in scores if score is not None]


def to_error(
    answer: Response | APIError | None, read: Callable[[Any], ErrorFacts], model: str
) -> APIError:
    """The typed error for an answer that is no success, or for none at all."""
    if isinstance(answer, APIError):
        return answer
    if answer is None:
        return APIConnectionError(f"{model}: no answer")
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = answer.content[:300].decode(errors="replace")
    facts = read(body)
    message = f"{model}: {facts.message or 'no reason given'}"
    error: APIError
    if answer.status == 429:
        error = RateLimitError(message, retry_after=_retry_after(answer))
    elif answer.status in (401, 403):
        error = AuthenticationError(message)
    else:
        error = APIError(message)
    error.status_code, error.code, error.request_id = answer.status, facts.code, facts.request_id
    return error


def pause_before_retry(error: APIError, attempt: int) -> float | None:
    """Seconds to wait before asking again; None where asking again cannot help.

    Doubles from half a second, with jitter so that clients do not come back all at once; a
    `Retry-After` is honoured.
    """
    passing = isinstance(error, (APITimeoutError, APIConnectionError))
    if not passing and error.status_code not in _PASSING:
        return None
    asked = error.retry_after if isinstance(error, RateLimitError) else None
    if asked is not None:
        return asked if asked <= _LONGEST_PAUSE else None
    return min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret


def _retry_after(answer: Response) -> float | None:
    """The header in seconds. Its date form is rare here, and read as none."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

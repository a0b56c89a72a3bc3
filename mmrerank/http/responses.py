"""What a service answered: scores, or an error and whether to ask again."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidResponseError,
    RateLimitError,
)
from mmrerank.http.wire import Response

__all__ = [
    "LONGEST_PAUSE",
    "ErrorFacts",
    "Pairs",
    "asked_pause",
    "decoded",
    "pause_before_retry",
    "read_error",
    "scores_by_index",
    "to_error",
]

Pairs = Sequence[tuple[Any, Any]]

_PASSING = (408, 429, 500, 502, 503, 504)

LONGEST_PAUSE = 60.0  # seconds; a service that asks for more gets its error raised

_BASE64 = re.compile(r"(data:[\w/+.-]+;base64,)?[A-Za-z0-9+/_=-]{60,}")

_SPENT = ("x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "ratelimit-remaining")

_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "ratelimit-reset")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ErrorFacts(NamedTuple):
    """What an error answer says."""

    message: str
    code: str | None = None
    request_id: str | None = None


def decoded(
    decode: Callable[[Any], tuple[Pairs, int | None]], answer: Response, model: str
) -> tuple[Pairs, int]:
    """The answer's (index, score) pairs and tokens; `InvalidResponseError` for another form."""
    try:
        pairs, tokens = decode(json.loads(answer.content))
    except (ValueError, RecursionError) as error:
        raise InvalidResponseError(f"{model}: the answer is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidResponseError(
            f"{model}: the answer has not the expected form: {error!r}"[:300]
        ) from None
    return pairs, tokens if isinstance(tokens, int) else 0


def scores_by_index(pairs: Pairs, count: int, model: str) -> list[float]:
    """One score an item, in the items' order, whatever the order of the answer.

    Raises `InvalidResponseError` for a missing, repeated or foreign index, and for a score that
    is no finite number.
    """
    scores: list[float | None] = [None] * count
    for index, score in pairs:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise InvalidResponseError(
                f"{model}: index {index!r:.40} is none of the {count} documents"
            )
        if scores[index] is not None:
            raise InvalidResponseError(f"{model}: index {index} is given twice")
        scores[index] = _finite(score)
        if scores[index] is None:
            raise InvalidResponseError(f"{model}: the score of index {index} is {score!r:.40}")
    missing = [i for i, score in enumerate(scores) if score is None]
    if missing:
        raise InvalidResponseError(
            f"{model}: {len(missing)} of {count} documents got no score, the first is {missing[0]}"
        )
    return [score for score in scores if score is not None]


def _finite(score: object) -> float | None:
    """The score as a float; None where it is no finite number."""
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        return None
    try:
        number = float(score)
    except OverflowError:  # JSON's whole numbers have no end
        return None
    return number if math.isfinite(number) else None


def to_error(
    answer: Response | APIError | None,
    read: Callable[[Any], ErrorFacts],
    model: str,
    secret: str | None = None,
) -> APIError:
    """The typed error for an answer that is no success, or for none at all.

    What the service says is shortened, and rid of `secret` and of base64: services echo input.
    """
    if isinstance(answer, APIError):
        return answer
    if answer is None:
        return APIConnectionError(f"{model}: no answer")
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = answer.content[:2000].decode(errors="replace")
    facts = read(body)
    message = f"{model}: {_clean(facts.message, secret, 600) or 'no reason given'}"
    error: APIError
    if answer.status == 429:
        error = RateLimitError(message, retry_after=asked_pause(answer.headers))
    elif answer.status in (401, 403):
        error = AuthenticationError(message)
    else:
        error = APIError(message)
    error.status_code = answer.status
    error.code = _clean(facts.code, secret, 100)
    error.request_id = _clean(facts.request_id, secret, 100)
    return error


def read_error(body: Any) -> ErrorFacts:
    """What an error body says; `body` is parsed JSON, or a str where it was none.

    Reads the forms that services use: `{"message", "code", "request_id"}`, the same under
    `error` or `detail`, either of those a str, and FastAPI's `{"detail": [{"loc", "msg"}]}`.
    """
    if not isinstance(body, dict):
        return ErrorFacts(str(body))
    inner = body.get("error") or body.get("detail") or body
    if isinstance(inner, list):  # FastAPI; its "input" is left out: it holds what was sent
        said = [_field(one) for one in inner if isinstance(one, dict)]
        return ErrorFacts("; ".join(said))
    facts = inner if isinstance(inner, dict) else body
    message = inner if isinstance(inner, str) else facts.get("message") or facts.get("detail")
    code = facts.get("code") or facts.get("type") or body.get("error_type")
    request_id = facts.get("request_id") or body.get("request_id") or body.get("id")
    return ErrorFacts(str(message or facts), _text(code), _text(request_id))


def _field(error: dict[str, Any]) -> str:
    place = error.get("loc") or error.get("field") or ""
    named = ".".join(map(str, place)) if isinstance(place, list) else str(place)
    return f"{named}: {error.get('msg') or error.get('message')}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _clean(text: str | None, secret: str | None, length: int) -> Any:
    if text is None:
        return None
    if secret:
        text = text.replace(secret, "***")
    return _BASE64.sub("...", text[: 100 * length])[:length]


def pause_before_retry(error: APIError, attempt: int, asked: float | None) -> float | None:
    """Seconds to wait before asking again; None where asking again cannot help.

    Doubles from half a second, with jitter so that clients do not come back all at once; `asked`,
    what the service asked for (`asked_pause`), is honoured.
    """
    passing = isinstance(error, (APITimeoutError, APIConnectionError))
    if not passing and error.status_code not in _PASSING:
        return None
    if asked is not None:
        return asked if asked <= LONGEST_PAUSE else None
    return min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: `Retry-After`, or the reset of a limit that is spent.

    `headers` have names in lower case. None where nothing is asked.
    """
    asked = _retry_after(headers.get("retry-after", ""))
    if asked is not None:
        return asked
    if not any(headers.get(name, "").strip() == "0" for name in _SPENT):
        return None
    resets = [_duration(headers[name]) for name in _RESETS if name in headers]
    return max((reset for reset in resets if reset is not None), default=None)


def _retry_after(value: str) -> float | None:
    """Seconds, or an HTTP date."""
    seconds = _duration(value)
    if seconds is not None or not value:
        return seconds
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())


def _duration(value: str) -> float | None:
    """`12`, `1.5`, `6m0s`, `250ms`; None for anything else."""
    try:
        seconds = float(value)
    except ValueError:
        parts = _DURATION.findall(value)
        if not parts or "".join(n + u for n, u in parts) != value.strip():
            return None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return max(0.0, seconds) if math.isfinite(seconds) else None

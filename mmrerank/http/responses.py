"""Reads a service's answers: the scores, the error, and how long it asks to wait."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mmrerank.errors import APIError, AuthenticationError, InvalidResponseError, RateLimitError
from mmrerank.http.wire import Response

__all__ = [
    "ErrorFacts",
    "IndexedScores",
    "decode_answer",
    "read_error",
    "requested_pause",
    "scores_by_index",
    "to_error",
]

IndexedScores = Sequence[tuple[Any, Any]]
"""(index, score) pairs as a service wrote them, not yet checked."""

_MAX_MESSAGE, _MAX_NAME = 600, 100  # characters

_BASE64 = re.compile(r"(data:[\w/+.-]+;base64,)?[A-Za-z0-9+/_=-]{60,}")

_REMAINING = (
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "ratelimit-remaining",
)

_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "ratelimit-reset")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ErrorFacts(NamedTuple):
    """What an error answer says."""

    message: str
    code: str | None = None
    request_id: str | None = None


def decode_answer(
    decode: Callable[[Any], tuple[IndexedScores, int | None]], answer: Response, model: str
) -> tuple[IndexedScores, int]:
    """The (index, score) pairs and the tokens that `decode` reads from the answer's JSON.

    Raises `InvalidResponseError` for an answer that is not JSON or has another structure.
    """
    try:
        pairs, tokens = decode(json.loads(answer.content))
    except (ValueError, RecursionError) as error:
        raise InvalidResponseError(f"{model}: the answer is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidResponseError(
            f"{model}: the answer does not have the expected structure: {error!r}"[:300]
        ) from None
    return pairs, tokens if isinstance(tokens, int) else 0


def scores_by_index(pairs: IndexedScores, count: int, model: str) -> list[float]:
    """One score for each of `count` documents, in their order; `pairs` come in any order.

    Raises `InvalidResponseError` for a missing, repeated or unknown index, and for a score that
    is not a finite number.
    """
    scores: dict[int, float] = {}
    for index, score in pairs:
        _check_index(index, count, model)
        if index in scores:
            raise InvalidResponseError(f"{model}: index {index} is given twice")
        number = _finite(score)
        if number is None:
            raise InvalidResponseError(f"{model}: the score of index {index} is {score!r:.40}")
        scores[index] = number
    missing = [i for i in range(count) if i not in scores]
    if missing:
        raise InvalidResponseError(
            f"{model}: {len(missing)} of {count} documents got no score, the first is {missing[0]}"
        )
    return [scores[i] for i in range(count)]


def _check_index(index: object, count: int, model: str) -> None:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise InvalidResponseError(
            f"{model}: index {index!r:.40} does not belong to any of the {count} documents"
        )


def _finite(score: object) -> float | None:
    """The score as a float; None if it is not a finite number."""
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        return None
    try:
        number = float(score)
    except OverflowError:  # JSON's integers have no upper limit
        return None
    return number if math.isfinite(number) else None


def to_error(
    answer: Response,
    read: Callable[[Any], ErrorFacts],
    model: str,
    key: str | None = None,
) -> APIError:
    """The typed error for an answer that is not a success; `read` reads its body.

    The service's words are shortened and rid of `key` and of base64, since services echo input.
    """
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = answer.content[:2000].decode(errors="replace")
    facts = read(body)
    reason = _clean(facts.message, key, _MAX_MESSAGE) or "no reason given"
    message = f"{model}: {reason}"
    code = facts.code and _clean(facts.code, key, _MAX_NAME)
    request_id = facts.request_id and _clean(facts.request_id, key, _MAX_NAME)
    if answer.status == 429:
        pause = requested_pause(answer.headers)
        return RateLimitError(message, retry_after=pause, code=code, request_id=request_id)
    kind = AuthenticationError if answer.status in (401, 403) else APIError
    return kind(message, status_code=answer.status, code=code, request_id=request_id)


def read_error(body: Any) -> ErrorFacts:
    """What an error body says; `body` is parsed JSON, or a str if it was not JSON.

    Reads the structures that services use: `{"message", "code", "request_id"}`, the same under
    `error` or `detail`, either of those as a str, and FastAPI's `{"detail": [{"loc", "msg"}]}`.
    """
    if not isinstance(body, dict):
        return ErrorFacts(str(body))
    inner = body.get("error") or body.get("detail") or body
    if isinstance(inner, list):
        return ErrorFacts(_validation_message(inner))
    facts = inner if isinstance(inner, dict) else body
    message = inner if isinstance(inner, str) else _first(facts, "message", "detail")
    return ErrorFacts(
        str(message or facts),
        _text(_first(facts, "code", "type") or _first(body, "error_type")),
        _text(_first(facts, "request_id") or _first(body, "request_id", "id")),
    )


def _validation_message(errors: list[Any]) -> str:
    """FastAPI's list of errors, without their "input": that is what was sent."""
    return "; ".join(_field_message(error) for error in errors if isinstance(error, dict))


def _field_message(error: dict[str, Any]) -> str:
    place = _first(error, "loc", "field") or ""
    path = ".".join(map(str, place)) if isinstance(place, list) else str(place)
    return f"{path}: {_first(error, 'msg', 'message')}"


def _first(facts: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is not empty, or None."""
    return next((facts[name] for name in names if facts.get(name)), None)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _clean(text: str, key: str | None, length: int) -> str:
    if key:
        text = text.replace(key, "***")
    return _BASE64.sub("...", text[: 100 * length])[:length]


def requested_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: `Retry-After`, or the reset of an exhausted limit.

    `headers` have names in lower case. None if the answer asks for no pause.
    """
    pause = _retry_after(headers.get("retry-after", ""))
    if pause is not None:
        return pause
    if not any(headers.get(name, "").strip() == "0" for name in _REMAINING):
        return None
    resets = [_duration(headers[name]) for name in _RESETS if name in headers]
    return max((reset for reset in resets if reset is not None), default=None)


def _retry_after(value: str) -> float | None:
    """Seconds, or the time until an HTTP date."""
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
    """Seconds of `12`, `1.5`, `6m0s`, `250ms`; None for anything else."""
    try:
        seconds = float(value)
    except ValueError:
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value.strip():
            return None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return max(0.0, seconds) if math.isfinite(seconds) else None

"""Reads a service's answers: scores or vectors, the error, and how long it asks to wait."""

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
    "read_rows",
    "requested_pause",
    "scores_by_index",
    "to_error",
    "values_by_index",
]

IndexedScores = Sequence[tuple[Any, Any]]
"""(index, score) pairs as a service wrote them, not yet checked; of embeddings, (index, vector)."""

_MAX_MESSAGE, _MAX_NAME = 600, 100  # characters

_MAX_TEXT = 100_000  # bytes of an error that is no JSON; more than a mask reads, so none is cut

_BASE64 = re.compile(r"(data:[\w/+.-]+;base64,)?[A-Za-z0-9+/_=-]{60,}")

_REMAINING = (
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "ratelimit-remaining",
)

_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "ratelimit-reset")

_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"

_SECONDS = re.compile(rf"-?{_NUMBER}", re.ASCII)

_DURATIONS = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h)){{1,4}}", re.ASCII)

_DURATION = re.compile(rf"({_NUMBER})(ms|s|m|h)", re.ASCII)

_LONGEST_PAUSE_TEXT = 64  # characters of a duration or an HTTP date

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ErrorFacts(NamedTuple):
    """What an error answer says."""

    message: str
    code: str | None = None
    request_id: str | None = None


def decode_answer(
    decode: Callable[[Any], tuple[IndexedScores, int | None]], answer: Response, model: str
) -> tuple[IndexedScores, int]:
    """The (index, value) pairs and the tokens that `decode` reads from the answer's JSON.

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

    Raises `InvalidResponseError` as `values_by_index`, and for a score that is not a finite number.
    """
    scores: list[float] = []
    for index, score in enumerate(values_by_index(pairs, count, model, "score")):
        number = _finite(score)
        if number is None:
            raise InvalidResponseError(f"{model}: the score of index {index} is {_shown(score)}")
        scores.append(number)
    return scores


def read_rows(body: Any, rows: Any, value: str) -> tuple[IndexedScores, int | None]:
    """The (index, value) pairs of an answer's rows, and the tokens that its `usage` counts.

    `value` is the field with the score or the vector. May raise KeyError, TypeError or
    AttributeError if the body, parsed JSON, has another structure.
    """
    pairs = [(row["index"], row[value]) for row in rows]
    return pairs, (body.get("usage") or {}).get("total_tokens")


def values_by_index(pairs: IndexedScores, count: int, model: str, kind: str) -> list[Any]:
    """One value for each of `count` documents, in their order; `pairs` come in any order.

    `kind` is what errors call a value. Raises `InvalidResponseError` for a missing, repeated or
    unknown index.
    """
    values: dict[int, Any] = {}
    for index, value in pairs:
        _check_index(index, count, model)
        if index in values:
            raise InvalidResponseError(f"{model}: index {index} is given twice")
        values[index] = value
    missing = [i for i in range(count) if i not in values]
    if missing:
        raise InvalidResponseError(
            f"{model}: {len(missing)} of {count} documents got no {kind}, the first is {missing[0]}"
        )
    return [values[i] for i in range(count)]


def _check_index(index: object, count: int, model: str) -> None:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise InvalidResponseError(
            f"{model}: index {_shown(index)} does not belong to any of the {count} documents"
        )


def _shown(value: object) -> str:
    """A value as it may stand in an error: what is no number may repeat what was sent."""
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else "a number that is too large"
    return f"a {type(value).__name__}"


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
    mask: Callable[[str], str] = str,
) -> APIError:
    """The typed error for an answer that is not a success; `read` reads its body.

    The service's words are shortened and rid of base64, and of secrets by `mask`, since services
    echo input.
    """
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = answer.content[:_MAX_TEXT].decode(errors="replace")
    facts = read(body)
    reason = _clean(facts.message, mask, _MAX_MESSAGE) or "no reason given"
    message = f"{model}: {reason}"
    code = facts.code and _clean(facts.code, mask, _MAX_NAME)
    request_id = facts.request_id and _clean(facts.request_id, mask, _MAX_NAME)
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


def _clean(text: str, mask: Callable[[str], str], length: int) -> str:
    """Masked before it is cut, or a piece of a secret could be left at the end."""
    return _BASE64.sub("...", mask(text)[: 100 * length])[:length]


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
    if seconds is not None or not value or len(value) > _LONGEST_PAUSE_TEXT:
        return seconds
    try:
        when = email.utils.parsedate_to_datetime(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=dt.UTC)
        return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # years and zones of any size
        return None


def _duration(value: str) -> float | None:
    """Seconds of `12`, `1.5`, `6m0s`, `250ms`; None for anything else, and for what is longer."""
    if len(value) > _LONGEST_PAUSE_TEXT:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return max(0.0, float(text))
    if not _DURATIONS.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))

"""What the dialects are made of: how services read items and how they write scores and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mmrerank.types import Content, Image

__all__ = [
    "Body",
    "Dialect",
    "ReadRequest",
    "RefusedError",
    "Rows",
    "best_first",
    "code_and_message",
    "error_with_type",
    "list_of_scores",
    "logit",
    "message_under_error",
    "read_chat_parts",
    "read_image",
    "read_text",
    "read_text_or_image",
    "reader",
    "refuse_unknown",
    "results",
]

Body = dict[str, Any]

Rows = Sequence[tuple[int, float]]
"""(index, score) pairs, in the order of the documents."""

ReadRequest = Callable[[Body], tuple[Content, list[Content]]]


class RefusedError(Exception):
    """The request does not have the form that the service reads: a 422."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service: its paths, how it reads query and documents, how it writes scores and errors.

    `read` gets a request's JSON body and raises `RefusedError` for one of another form. `write`
    gets the rows, with scores from 0 to 1, and the request's body; it returns the JSON of the
    answer. `error` gets the status, a code and a message.
    """

    paths: tuple[str, ...]
    read: ReadRequest
    write: Callable[[Rows, Body], Any]
    error: Callable[[int, str, str], Body]


# -- requests


def reader(
    item: Callable[[Any], Content], names: Sequence[str], *, documents: str = "documents"
) -> ReadRequest:
    """Reads the fields `query` and `documents` with `item`; the fields `names` may be there too."""

    def read(body: Body) -> tuple[Content, list[Content]]:
        refuse_unknown(body, "query", documents, *names)
        return item(body["query"]), [item(value) for value in body[documents]]

    return read


def refuse_unknown(body: Body, *names: str) -> None:
    """Raise `RefusedError` for unknown fields, which services ignore: they are a client's mistake."""
    if unknown := set(body) - set(names):
        raise RefusedError(f"unknown fields {sorted(unknown)}")


def read_text(value: Any) -> Content:
    """A text that is not blank. Raises `RefusedError` for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise RefusedError("a text must be a str that is not blank")
    return Content(value)


def read_image(value: Any) -> Image:
    """A URL or a data URI. Raises `RefusedError` for anything else."""
    if not isinstance(value, str):
        raise RefusedError("an image must be a str")
    return Image.from_url(value) if value.startswith("http") else Image.from_data_uri(value)


def read_text_or_image(value: Any) -> Content:
    """A str, `{"text"}` or `{"image"}`. Raises `RefusedError` for anything else."""
    if isinstance(value, str):
        return read_text(value)
    if not isinstance(value, dict) or set(value) not in ({"text"}, {"image"}):
        raise RefusedError("an item must be either text or image")
    if "image" in value:
        return Content(images=[read_image(value["image"])])
    return read_text(value["text"])


def read_chat_parts(parts: Any) -> Content:
    """A list of the parts of a chat message."""
    texts: list[str] = []
    images: list[Image] = []
    for part in parts:
        if part["type"] == "image_url":
            images.append(read_image(part["image_url"]["url"]))
        else:
            texts.append(read_text(part["text"]).text or "")
    return Content("\n".join(texts) if texts else None, images)


# -- scores


def best_first(rows: Rows) -> list[tuple[int, float]]:
    """The rows by falling score, as most services order them."""
    return sorted(rows, key=lambda row: -row[1])


def results(rows: Rows, body: Body) -> Body:
    """`{"results": [{"index", "relevance_score"}]}`, best first, with ten tokens a document."""
    return {
        "model": body.get("model"),
        "usage": {"total_tokens": 10 * len(rows)},
        "results": [{"index": i, "relevance_score": score} for i, score in best_first(rows)],
    }


def list_of_scores(rows: Rows, body: Body) -> list[Body]:
    """`[{"index", "score"}]`, best first."""
    return [{"index": i, "score": score} for i, score in best_first(rows)]


def logit(score: float) -> float:
    """The logit of a score from 0 to 1; other numbers as they are, NaN too."""
    if not 0 <= score <= 1:
        return score
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


# -- errors


def message_under_error(status: int, code: str, message: str) -> Body:
    """OpenAI's form."""
    return {"error": {"message": message, "type": "error", "code": code, "request_id": "r-1"}}


def error_with_type(status: int, code: str, message: str) -> Body:
    """The form of Hugging Face's servers."""
    return {"error": message, "error_type": code}


def code_and_message(status: int, code: str, message: str) -> Body:
    """Both at the top level."""
    return {"code": code, "message": message, "request_id": "r-1"}

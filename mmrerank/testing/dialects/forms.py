"""What the dialects are made of: how services read items and how they write scores and errors."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from mmrerank.types import Content, Image

__all__ = [
    "Body",
    "Dialect",
    "EmbeddingForm",
    "ReadRequest",
    "RefusedError",
    "Rows",
    "UnknownFieldsError",
    "best_first",
    "code_and_message",
    "echo",
    "error_with_type",
    "list_models",
    "list_of_scores",
    "logit",
    "logits",
    "message_under_error",
    "read_chat_parts",
    "read_image",
    "read_image_or_base64",
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
    """The request does not have the form that the service reads."""


class UnknownFieldsError(RefusedError):
    """One of the request's objects, `place`, has fields `names` that the service does not know."""

    def __init__(self, place: Body, names: list[str]) -> None:
        super().__init__(f"unknown fields {names}")
        self.place, self.names = place, names


def list_models(names: Sequence[str]) -> Body:
    """The answer to `GET /v1/models`, in OpenAI's form."""
    about = {"object": "model", "created": 0, "owned_by": "mmrerank"}
    return {"object": "list", "data": [{"id": name, "root": name, **about} for name in names]}


def _top_n(body: Body) -> Any:
    return body.get("top_n")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingForm:
    """A service's endpoint for embeddings.

    `read` gets a request's JSON body and returns its items; it raises as that of a `Dialect`.
    `format_field` names the field that asks for base64.
    """

    read: Callable[[Body], list[Content]]
    format_field: str = "encoding_format"
    paths: tuple[str, ...] = ("/v1/embeddings",)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service: its paths, how it reads query and documents, how it writes scores and errors.

    `read` gets a request's JSON body and raises `RefusedError` for one of another form, which is
    answered with the status `refused`. It raises `UnknownFieldsError` for fields that the service
    does not know; unless the service is `strict`, they are taken out, and it reads again. `top_n`
    says how many results the body asks for (None: all). `write` gets the rows, with scores from 0
    to 1, and the request's body; it returns the JSON of the answer. `error` gets the status, a
    code and a message.

    `models` writes the answer to `GET /v1/models`; `facts` are the JSON answers to other GET
    requests, by path. `beside` are the service's endpoints that read or write other forms,
    `embeddings` is that for embeddings. A path may have `*` for any characters.
    """

    paths: tuple[str, ...]
    read: ReadRequest
    write: Callable[[Rows, Body], Any]
    error: Callable[[int, str, str], Body]
    top_n: Callable[[Body], Any] = _top_n
    strict: bool = False
    refused: int = 422
    models: Callable[[Sequence[str]], Any] = list_models
    facts: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[Dialect, ...] = ()
    embeddings: EmbeddingForm | None = None

    def at(self, path: str) -> Dialect | None:
        """The endpoint with this path: this one or one of `beside`; None if there is none."""
        endpoints = (self, *self.beside)
        return next((one for one in endpoints if any(fnmatch(path, p) for p in one.paths)), None)


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
    """Raises `UnknownFieldsError` unless all fields of this object are among `names`."""
    if unknown := set(body) - set(names):
        raise UnknownFieldsError(body, sorted(unknown))


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


def read_image_or_base64(value: Any) -> Image:
    """A URL, a data URI, or the base64 of an image file."""
    if not isinstance(value, str) or value.startswith(("http", "data:")):
        return read_image(value)
    try:
        return Image.from_bytes(base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise RefusedError(f"an image is neither URL, data URI nor base64: {error}") from None


def read_text_or_image(value: Any, image: Callable[[Any], Image] = read_image) -> Content:
    """A str, `{"text"}` or `{"image"}`, never both; other fields of the object are left alone."""
    if isinstance(value, str):
        return read_text(value)
    if not isinstance(value, dict) or ("text" in value) == ("image" in value):
        raise RefusedError("an item must be either text or image")
    if "image" in value:
        return Content(images=[image(value["image"])])
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


def results(rows: Rows, body: Body, documents: Sequence[Any] = ()) -> Body:
    """`{"results": [{"index", "relevance_score"}]}`, best first, with ten tokens a document.

    `documents` are sent back with their results, as `document`; see `echo`.
    """
    found: list[Body] = []
    for i, score in best_first(rows):
        document = {"document": documents[i]} if i < len(documents) else {}
        found.append({"index": i, "relevance_score": score, **document})
    return {
        "model": body.get("model"),
        "usage": {"total_tokens": 10 * len(rows)},
        "results": found,
    }


def echo(body: Body, *, default: bool = False) -> list[Any]:
    """The documents as most services send them back, texts as `{"text"}`; none unless asked for.

    `default` is what the service takes `return_documents` for where it is not given.
    """
    wanted = body.get("return_documents")
    if not (default if wanted is None else wanted):
        return []
    return [{"text": one} if isinstance(one, str) else one for one in body["documents"]]


def list_of_scores(rows: Rows, documents: Sequence[Any] = (), *, name: str = "text") -> list[Body]:
    """`[{"index", "score"}]`, best first; `documents` are sent back under this name."""
    found: list[Body] = []
    for i, score in best_first(rows):
        document = {name: documents[i]} if i < len(documents) else {}
        found.append({"index": i, "score": score, **document})
    return found


def logits(rows: Rows) -> Rows:
    """The rows with logits for scores."""
    return [(i, logit(score)) for i, score in rows]


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

"""Jina's rerank API, and its embeddings API."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    EmbeddingForm,
    RefusedError,
    Rows,
    echo,
    read_image_or_base64,
    read_text_or_image,
    reader,
    refuse_unknown,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _item(value: Any) -> Content:
    return read_text_or_image(value, read_image_or_base64)


def _write(rows: Rows, body: Body) -> Body:
    return results(rows, body, echo(body, default=True))


def _error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": "Validation error", "errors": [{"field": "body", "message": message}]}
    if status == 401:
        return {"detail": message, "code": code, "request_id": "r-1"}
    return {"detail": {"message": message, "code": code, "request_id": "r-1"}}


_EMBEDDING_FIELDS = (
    "model",
    "input",
    "task",
    "dimensions",
    "normalized",
    "embedding_type",
    "truncate",
    "late_chunking",
    "return_multivector",
)
_TASKS = (
    None,
    "retrieval.query",
    "retrieval.passage",
    "text-matching",
    "classification",
    "separation",
    "code.query",
    "code.passage",
)


def _read_embeddings(body: Body) -> list[Content]:
    refuse_unknown(body, *_EMBEDDING_FIELDS)
    if body.get("task") not in _TASKS:
        raise RefusedError(f"task must be one of {_TASKS[1:]}")
    given = body["input"]
    return [_item(value) for value in ([given] if isinstance(given, str) else given)]


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(_item, ("model", "return_documents", "top_n")),
    write=_write,
    error=_error,
    embeddings=EmbeddingForm(read=_read_embeddings, format_field="embedding_type"),
)

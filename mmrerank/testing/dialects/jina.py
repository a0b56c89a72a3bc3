"""Jina's rerank API."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    echo,
    read_image_or_base64,
    read_text_or_image,
    reader,
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


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(_item, ("model", "return_documents", "top_n")),
    write=_write,
    error=_error,
)

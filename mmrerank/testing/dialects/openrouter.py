"""OpenRouter's rerank API; it always sends the documents back."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    RefusedError,
    Rows,
    echo,
    read_image,
    read_text,
    reader,
    refuse_unknown,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _item(value: Any) -> Content:
    if isinstance(value, str):
        return read_text(value)
    refuse_unknown(value, "text", "image")
    if not value:
        raise RefusedError("a document has text, an image, or both")
    text = read_text(value["text"]).text if "text" in value else None
    return Content(text, [read_image(value["image"])] if "image" in value else [])


def _write(rows: Rows, body: Body) -> Body:
    answer = results(rows, body, echo(body, default=True))
    return {"id": "gen-rerank-0", "provider": "local", **answer}


def _error(status: int, code: str, message: str) -> Body:
    return {"error": {"code": status, "message": message, "metadata": {"reason": code}}}


DIALECT = Dialect(
    paths=("/api/v1/rerank", "/v1/rerank"),
    read=reader(_item, ("model", "top_n", "provider", "session_id", "trace", "user")),
    write=_write,
    error=_error,
    refused=400,
)

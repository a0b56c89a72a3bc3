"""OpenRouter's rerank API; it always sends the documents back."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    RefusedError,
    Rows,
    best_first,
    read_image,
    read_text,
    reader,
    refuse_unknown,
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
    documents = body["documents"]
    results = [
        {
            "index": i,
            "relevance_score": score,
            "document": _echo(documents[i] if i < len(documents) else ""),
        }
        for i, score in best_first(rows)
    ]
    usage = {"total_tokens": 10 * len(rows), "cost": 0}
    return {"id": "gen-rerank-0", "model": body["model"], "results": results, "usage": usage}


def _echo(document: Any) -> Any:
    return {"text": document} if isinstance(document, str) else document


def _error(status: int, code: str, message: str) -> Body:
    return {"error": {"code": status, "message": message, "metadata": {"reason": code}}}


DIALECT = Dialect(
    paths=("/api/v1/rerank", "/v1/rerank"),
    read=reader(_item, ("model", "top_n", "provider", "session_id", "trace", "user")),
    write=_write,
    error=_error,
)

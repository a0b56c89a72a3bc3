"""Together's rerank API."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    echo,
    message_under_error,
    read_text,
    reader,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _item(value: Any) -> Content:
    return read_text(value["text"] if isinstance(value, dict) else value)


def _write(rows: Rows, body: Body) -> Body:
    return {"object": "rerank", "id": "r-0", **results(rows, body, echo(body))}


DIALECT = Dialect(
    paths=("/v1/rerank", "/rerank"),
    read=reader(_item, ("model", "top_n", "return_documents", "rank_fields")),
    write=_write,
    error=message_under_error,
    refused=400,
)

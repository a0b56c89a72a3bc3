"""Mixedbread's rerank API."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    list_of_scores,
    read_text,
    reader,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]

_OPTIONS = ("model", "rank_fields", "top_k", "return_input", "rewrite_query")


def _item(value: Any) -> Content:
    return read_text(value["text"] if isinstance(value, dict) else value)


def _top_k(body: Body) -> Any:
    return body.get("top_k")


def _write(rows: Rows, body: Body) -> Body:
    inputs = body["input"] if body.get("return_input") else ()
    found = list_of_scores(rows, inputs, name="input")
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [{**row, "object": "rank_result"} for row in found],
        "usage": {"prompt_tokens": 10 * len(rows), "total_tokens": 10 * len(rows)},
        "top_k": body.get("top_k"),
        "return_input": bool(body.get("return_input")),
    }


def _error(status: int, code: str, message: str) -> Body:
    return {"detail": message}


DIALECT = Dialect(
    paths=("/v1/reranking",),
    read=reader(_item, _OPTIONS, documents="input"),
    write=_write,
    error=_error,
    top_n=_top_k,
)

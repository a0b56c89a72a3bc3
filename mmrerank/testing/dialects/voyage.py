"""Voyage AI's rerank API."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    best_first,
    read_text,
    reader,
)

__all__ = ["DIALECT"]


def _top_k(body: Body) -> Any:
    return body.get("top_k")


def _write(rows: Rows, body: Body) -> Body:
    documents = body["documents"] if body.get("return_documents") else ()
    data: list[Body] = []
    for i, score in best_first(rows):
        document = {"document": documents[i]} if i < len(documents) else {}
        data.append({"index": i, "relevance_score": score, **document})
    usage = {"total_tokens": 10 * len(rows)}
    return {"object": "list", "data": data, "model": body.get("model"), "usage": usage}


def _error(status: int, code: str, message: str) -> Body:
    return {"detail": message}


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(read_text, ("model", "top_k", "return_documents", "truncation")),
    write=_write,
    error=_error,
    top_n=_top_k,
    refused=400,
)

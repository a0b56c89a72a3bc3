"""A llama.cpp server; its scores are logits. It also reads TEI's form."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    list_of_scores,
    logits,
    message_under_error,
    read_text,
    reader,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


_OPTIONS = ("model", "top_n", "return_text")


def _read(body: Body) -> tuple[Content, list[Content]]:
    name = "documents" if "documents" in body else "texts"
    return reader(read_text, _OPTIONS, documents=name)(body)


def _write(rows: Rows, body: Body) -> Any:
    if "documents" in body:
        return results(logits(rows), body)
    return list_of_scores(logits(rows), body["texts"] if body.get("return_text") else ())


DIALECT = Dialect(
    paths=("/v1/rerank", "/v1/reranking", "/rerank", "/reranking"),
    read=_read,
    write=_write,
    error=message_under_error,
    refused=400,
)

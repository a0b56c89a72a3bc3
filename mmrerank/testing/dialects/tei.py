"""Hugging Face's text-embeddings-inference."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    error_with_type,
    list_of_scores,
    logits,
    read_text,
    reader,
)

__all__ = ["DIALECT"]


def _write(rows: Rows, body: Body) -> list[Body]:
    texts = body["texts"] if body.get("return_text") else ()
    return list_of_scores(logits(rows) if body.get("raw_scores") else rows, texts)


DIALECT = Dialect(
    paths=("/rerank",),
    read=reader(
        read_text,
        ("truncate", "truncation_direction", "raw_scores", "return_text"),
        documents="texts",
    ),
    write=_write,
    error=error_with_type,
)

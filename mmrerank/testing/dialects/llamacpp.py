"""A llama.cpp server; its scores are logits."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    logit,
    message_under_error,
    read_text,
    reader,
    results,
)

__all__ = ["DIALECT"]


def _write(rows: Rows, body: Body) -> Body:
    return results([(i, logit(score)) for i, score in rows], body)


DIALECT = Dialect(
    paths=("/v1/rerank", "/rerank"),
    read=reader(read_text, ("model", "top_n")),
    write=_write,
    error=message_under_error,
)

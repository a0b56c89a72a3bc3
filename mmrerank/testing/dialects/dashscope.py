"""Alibaba Cloud's DashScope."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    code_and_message,
    read_text_or_image,
    reader,
    refuse_unknown,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _read(body: Body) -> tuple[Content, list[Content]]:
    refuse_unknown(body, "model", "input", "parameters")
    refuse_unknown(body["parameters"], "return_documents", "instruct", "top_n")
    return reader(read_text_or_image, ())(body["input"])


def _write(rows: Rows, body: Body) -> Body:
    return {
        "output": {"results": results(rows, body)["results"]},
        "usage": {"total_tokens": 10 * len(rows)},
        "request_id": "r-0",
    }


DIALECT = Dialect(
    paths=("/api/v1/services/rerank/text-rerank/text-rerank",),
    read=_read,
    write=_write,
    error=code_and_message,
)

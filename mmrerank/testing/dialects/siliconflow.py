"""SiliconFlow's rerank API."""

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

_OPTIONS = (
    "model",
    "instruction",
    "top_n",
    "return_documents",
    "max_chunks_per_doc",
    "overlap_tokens",
)


def _item(value: Any) -> Content:
    return read_text_or_image(value, read_image_or_base64)


def _write(rows: Rows, body: Body) -> Body:
    answer = results(rows, body, echo(body))
    return {"id": "r-0", "results": answer["results"], "meta": {"tokens": answer["usage"]}}


def _error(status: int, code: str, message: str) -> Body:
    return {"code": 20012, "message": f"{code}: {message}", "data": None}


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(_item, _OPTIONS),
    write=_write,
    error=_error,
    refused=400,
)

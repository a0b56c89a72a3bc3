"""A Xinference server."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    echo,
    read_text_or_image,
    reader,
    results,
)

__all__ = ["DIALECT"]

_OPTIONS = ("model", "top_n", "return_documents", "return_len", "max_chunks_per_doc", "kwargs")


def _write(rows: Rows, body: Body) -> Body:
    found = results(rows, body, echo(body))["results"]
    meta = {"api_version": None, "billed_units": None, "tokens": None, "warnings": None}
    return {"id": "r-0", "results": [{"document": None, **row} for row in found], "meta": meta}


def _error(status: int, code: str, message: str) -> Body:
    return {"detail": message}


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(read_text_or_image, _OPTIONS),
    write=_write,
    error=_error,
    refused=400,
)

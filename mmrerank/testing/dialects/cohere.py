"""Cohere's rerank API, version 2."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import Body, Dialect, Rows, read_text, reader, results

__all__ = ["DIALECT"]


def _write(rows: Rows, body: Body) -> Body:
    billed = {"billed_units": {"search_units": 1}}
    return {"id": "r-0", "results": results(rows, body)["results"], "meta": billed}


def _error(status: int, code: str, message: str) -> Body:
    return {"id": "r-1", "message": message}


DIALECT = Dialect(
    paths=("/v2/rerank",),
    read=reader(read_text, ("model", "max_tokens_per_doc", "top_n")),
    write=_write,
    error=_error,
)

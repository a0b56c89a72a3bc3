"""ZeroEntropy's rerank API."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import Body, Dialect, Rows, read_text, reader, results

__all__ = ["DIALECT"]


def _write(rows: Rows, body: Body) -> Body:
    answer = results(rows, body)
    return {"results": answer["results"], "total_tokens": answer["usage"]["total_tokens"]}


def _error(status: int, code: str, message: str) -> Body:
    return {"detail": message}


DIALECT = Dialect(
    paths=("/v1/models/rerank",),
    read=reader(read_text, ("model", "top_n", "latency")),
    write=_write,
    error=_error,
)

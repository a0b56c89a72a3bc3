"""Jina's rerank API."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import Body, Dialect, read_text_or_image, reader, results

__all__ = ["DIALECT"]


def _error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": "Validation error", "errors": [{"field": "body", "message": message}]}
    if status == 401:
        return {"detail": message, "code": code, "request_id": "r-1"}
    return {"detail": {"message": message, "code": code, "request_id": "r-1"}}


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(read_text_or_image, ("model", "return_documents", "top_n")),
    write=results,
    error=_error,
)

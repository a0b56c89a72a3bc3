"""An Infinity server; its errors have FastAPI's form."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import Body, Dialect, read_text, reader, results

__all__ = ["DIALECT"]


def _error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": [{"loc": ["body"], "msg": message, "input": "what was sent"}]}
    return {"error": {"message": message, "type": None, "param": None, "code": code}}


DIALECT = Dialect(
    paths=("/rerank",),
    read=reader(read_text, ("model", "return_documents", "raw_scores")),
    write=results,
    error=_error,
)

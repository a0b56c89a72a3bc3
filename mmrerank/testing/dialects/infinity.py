"""An Infinity server; its errors have FastAPI's form."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    logits,
    read_text,
    reader,
    results,
)

__all__ = ["DIALECT"]


def _error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": [{"loc": ["body"], "msg": message, "input": "what was sent"}]}
    return {"error": {"message": message, "type": None, "param": None, "code": code}}


def _write(rows: Rows, body: Body) -> Body:
    documents = body["documents"] if body.get("return_documents") else ()
    answer = results(logits(rows) if body.get("raw_scores") else rows, body, documents)
    return {"object": "rerank", "id": "infinity-0", "created": 0, **answer}


DIALECT = Dialect(
    paths=("/rerank",),
    read=reader(read_text, ("model", "return_documents", "raw_scores", "top_n")),
    write=_write,
    error=_error,
)

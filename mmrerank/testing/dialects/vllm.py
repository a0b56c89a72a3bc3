"""A vLLM server: `/score` and `/rerank`."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    message_under_error,
    read_chat_parts,
    read_text,
    reader,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _item(value: Any) -> Content:
    return read_text(value) if isinstance(value, str) else read_chat_parts(value["content"])


def _document(value: Any) -> Body:
    if isinstance(value, str):
        return {"text": value, "multi_modal": None}
    return {"text": None, "multi_modal": value["content"]}


def _top_n(body: Body) -> Any:
    return body.get("top_n") or None  # 0 stands for all


def _write(rows: Rows, body: Body) -> Body:
    if "queries" not in body:
        return results(rows, body, [_document(one) for one in body["documents"]])
    data = [{"index": i, "object": "score", "score": score} for i, score in rows]
    return {"object": "list", "data": data, "usage": {"total_tokens": 10 * len(rows)}}


DIALECT = Dialect(
    paths=("/score", "/rerank", "/v1/score", "/v1/rerank", "/v2/rerank"),
    # Releases name the query differently and ignore the other name, so both are sent.
    read=reader(_item, ("model", "instruction", "queries", "top_n")),
    write=_write,
    error=message_under_error,
    top_n=_top_n,
    refused=400,
    facts={"/version": {"version": "0.33.0"}},
)

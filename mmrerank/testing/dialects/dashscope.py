"""Alibaba Cloud's DashScope: its own form, and beside it one that is like Jina's and Cohere's."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
    code_and_message,
    echo,
    read_text,
    read_text_or_image,
    reader,
    refuse_unknown,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _parameters(body: Body) -> Body:
    parameters: Body = body.get("parameters") or {}
    return parameters


def _top_n(body: Body) -> Any:
    return _parameters(body).get("top_n")


def _read(body: Body) -> tuple[Content, list[Content]]:
    refuse_unknown(body, "model", "input", "parameters")
    refuse_unknown(_parameters(body), "return_documents", "instruct", "top_n")
    return reader(read_text_or_image, ())(body["input"])


def _write(rows: Rows, body: Body) -> Body:
    documents = echo({**body["input"], **_parameters(body)})
    return {
        "output": {"results": results(rows, body, documents)["results"]},
        "usage": {"total_tokens": 10 * len(rows)},
        "request_id": "r-0",
    }


def _write_compatible(rows: Rows, body: Body) -> Body:
    return {"object": "list", "id": "r-0", **results(rows, body)}


_COMPATIBLE = Dialect(
    paths=("/compatible-api/v1/reranks",),
    read=reader(read_text, ("model", "instruct", "top_n")),
    write=_write_compatible,
    error=code_and_message,
    refused=400,
)

DIALECT = Dialect(
    paths=("/api/v1/services/rerank/text-rerank/text-rerank",),
    read=_read,
    write=_write,
    error=code_and_message,
    top_n=_top_n,
    refused=400,
    beside=(_COMPATIBLE,),
)

"""Cohere's rerank API: version 2, and version 1 beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    RefusedError,
    Rows,
    echo,
    read_text,
    reader,
    results,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _text_or_object(value: Any) -> Content:
    if isinstance(value, dict) and "text" not in value:
        raise RefusedError("a document must be a str or have a text")
    return read_text(value["text"] if isinstance(value, dict) else value)


def _write(rows: Rows, body: Body) -> Body:
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return {"id": "r-0", "results": results(rows, body)["results"], "meta": meta}


def _write_v1(rows: Rows, body: Body) -> Body:
    meta = {"api_version": {"version": "1"}, "billed_units": {"search_units": 1}}
    return {"id": "r-0", "results": results(rows, body, echo(body))["results"], "meta": meta}


def _error(status: int, code: str, message: str) -> Body:
    return {"id": "r-1", "message": message}


def _models(names: Sequence[str]) -> Body:
    return {"models": [{"name": name, "endpoints": ["rerank"]} for name in names]}


_V1 = Dialect(
    paths=("/v1/rerank",),
    read=reader(
        _text_or_object,
        ("model", "max_chunks_per_doc", "rank_fields", "return_documents", "top_n"),
    ),
    write=_write_v1,
    error=_error,
    refused=400,
)

DIALECT = Dialect(
    paths=("/v2/rerank",),
    read=reader(read_text, ("model", "max_tokens_per_doc", "priority", "relevant_spans", "top_n")),
    write=_write,
    error=_error,
    refused=400,
    models=_models,
    beside=(_V1,),
)

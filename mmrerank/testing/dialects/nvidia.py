"""NVIDIA's reranking NIM, and the same on NVIDIA's own hosts. It knows no other fields."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    RefusedError,
    Rows,
    best_first,
    error_with_type,
    logit,
    read_image,
    read_text,
    reader,
    refuse_unknown,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _passage(value: Body) -> Content:
    refuse_unknown(value, "text", "image")
    text = read_text(value["text"]).text if "text" in value else None
    if "image" in value and not value["image"].startswith("data:"):
        raise RefusedError("images must be data URLs")
    return Content(text, [read_image(value["image"])] if "image" in value else [])


def _write(rows: Rows, body: Body) -> Body:
    rankings = [{"index": i, "logit": logit(score)} for i, score in best_first(rows)]
    return {"rankings": rankings, "usage": {"total_tokens": 10 * len(rows)}}


DIALECT = Dialect(
    paths=("/v1/ranking", "/v1/retrieval/nvidia/*/reranking", "/v1/retrieval/nvidia/reranking"),
    read=reader(_passage, ("model", "truncate"), documents="passages"),
    write=_write,
    error=error_with_type,
    strict=True,
    refused=400,
)

"""Hugging Face's text-embeddings-inference."""

from __future__ import annotations

from mmrerank.testing.dialects.forms import (
    Dialect,
    error_with_type,
    list_of_scores,
    read_text,
    reader,
)

__all__ = ["DIALECT"]

DIALECT = Dialect(
    paths=("/rerank",),
    read=reader(read_text, ("truncate", "raw_scores", "return_text"), documents="texts"),
    write=list_of_scores,
    error=error_with_type,
)

"""An SGLang server."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Dialect,
    list_of_scores,
    message_under_error,
    read_chat_parts,
    read_text,
    reader,
)
from mmrerank.types import Content

__all__ = ["DIALECT"]


def _item(value: Any) -> Content:
    return read_text(value) if isinstance(value, str) else read_chat_parts(value)


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(_item, ("model", "return_documents", "instruct")),
    write=list_of_scores,
    error=message_under_error,
)

"""An SGLang server."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    Rows,
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


def _write(rows: Rows, body: Body) -> list[Body]:
    documents = body["documents"] if body.get("return_documents", True) else ()
    return list_of_scores(rows, documents, name="document")


DIALECT = Dialect(
    paths=("/v1/rerank",),
    read=reader(_item, ("model", "return_documents", "instruct", "top_n")),
    write=_write,
    error=message_under_error,
    refused=400,
    facts={"/server_info": {"version": "0.5.23"}, "/get_server_info": {"version": "0.5.23"}},
)

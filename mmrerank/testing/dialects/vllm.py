"""A vLLM server: `/score`, `/rerank` and `/v1/embeddings`."""

from __future__ import annotations

from typing import Any

from mmrerank.testing.dialects.forms import (
    Body,
    Dialect,
    EmbeddingForm,
    RefusedError,
    Rows,
    message_under_error,
    read_chat_parts,
    read_text,
    reader,
    refuse_unknown,
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


_EMBEDDING_FIELDS = (
    "model",
    "user",
    "dimensions",
    "encoding_format",
    "truncate_prompt_tokens",
    "add_special_tokens",
)
_CHAT_FIELDS = ("messages", "add_generation_prompt", "continue_final_message", "chat_template")


def _read_embeddings(body: Body) -> list[Content]:
    """Texts, or one conversation: the vector is that of what the user says in it."""
    if "messages" not in body:
        refuse_unknown(body, "input", *_EMBEDDING_FIELDS)
        given = body["input"]
        return [read_text(value) for value in ([given] if isinstance(given, str) else given)]
    refuse_unknown(body, *_CHAT_FIELDS, *_EMBEDDING_FIELDS)
    if body.get("continue_final_message") and body.get("add_generation_prompt"):
        raise RefusedError(
            "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        )
    said = [message["content"] for message in body["messages"] if message["role"] == "user"]
    return [read_text(one) if isinstance(one, str) else read_chat_parts(one) for one in said]


DIALECT = Dialect(
    paths=("/score", "/rerank", "/v1/score", "/v1/rerank", "/v2/rerank"),
    # Releases name the query differently and ignore the other name, so both are sent.
    read=reader(_item, ("model", "instruction", "queries", "top_n")),
    write=_write,
    error=message_under_error,
    top_n=_top_n,
    refused=400,
    facts={"/version": {"version": "0.33.0"}},
    embeddings=EmbeddingForm(read=_read_embeddings),
)

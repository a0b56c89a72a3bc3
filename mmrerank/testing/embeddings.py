"""How the test servers answer requests for embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmrerank.testing.dialects.forms import Body, EmbeddingForm, RefusedError
from mmrerank.testing.faults import Fault, Reply, break_json, break_vectors
from mmrerank.testing.vectors import encoded, vector_of_content
from mmrerank.types import Content

__all__ = ["embeddings_reply"]

_ANOTHER = "another-model"


def embeddings_reply(
    form: EmbeddingForm, body: Body, items: Sequence[Content], dimensions: int, fault: Fault | None
) -> Reply:
    """The vectors of `items`, with the fault. Raises `RefusedError` for an impossible size."""
    size = body.get("dimensions") or dimensions
    if not isinstance(size, int) or size < 1:
        raise RefusedError("dimensions must be a positive integer")
    rows = [(i, list[Any](vector_of_content(item, size))) for i, item in enumerate(items)]
    as_base64 = body.get(form.format_field) == "base64"
    data = [
        {"object": "embedding", "index": i, "embedding": encoded(vector, as_base64=as_base64)}
        for i, vector in break_vectors(rows, fault, sent=len(rows))
    ]
    answer = {
        "object": "list",
        "data": data,
        "model": _ANOTHER if fault == "other_model" else body.get("model"),
        "usage": {"prompt_tokens": 10 * len(items), "total_tokens": 10 * len(items)},
    }
    return break_json(answer, fault)

"""A llama.cpp server (`llama-server --reranking`): `/v1/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores

__all__ = ["LlamaCppReranker"]


class LlamaCppReranker(HTTPReranker):
    """A text reranker served by llama.cpp.

    A server runs one model; `model` only names it. The key (`llama-server --api-key`) is
    `api_key` or the environment's `LLAMA_API_KEY`. The server returns logits; scores are their
    sigmoid. Other keywords: `HTTPOptions`.
    """

    key_names = ("LLAMA_API_KEY",)
    scale = "logit"

    def __init__(
        self,
        model: str = "llama.cpp",
        *,
        base_url: str = "http://localhost:8080",
        **options: Unpack[HTTPOptions],
    ) -> None:
        super().__init__(model, base_url=base_url, **options)

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        return "/v1/rerank", {"model": self.model, "query": query, "documents": items}

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        pairs = [(row["index"], row["relevance_score"]) for row in body["results"]]
        return pairs, (body.get("usage") or {}).get("total_tokens")

"""An Infinity server (`infinity_emb`): `/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores, read_rows

__all__ = ["InfinityReranker"]


class InfinityReranker(HTTPReranker):
    """A text reranker served by Infinity.

    A document is cut to the 122,880 characters that a server takes; a longer one would fail the
    whole request. The key (`infinity_emb v2 --api-key`) is `api_key` or the environment's `INFINITY_API_KEY`.
    Other keywords: `HTTPOptions`.
    """

    key_names = ("INFINITY_API_KEY",)
    limits = Limits(characters=122_880)

    def __init__(
        self,
        model: str = "BAAI/bge-reranker-v2-m3",
        *,
        base_url: str = "http://localhost:7997",
        **options: Unpack[HTTPOptions],
    ) -> None:
        super().__init__(model, base_url=base_url, **options)

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body = {
            "model": self.model,
            "query": query,
            "documents": items,
            "return_documents": False,
            "raw_scores": False,
        }
        return "/rerank", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return read_rows(body, body["results"], "relevance_score")

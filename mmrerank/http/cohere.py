"""Cohere's rerank API, version 2: https://api.cohere.com/v2/rerank."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores

__all__ = ["CohereReranker"]


class CohereReranker(HTTPReranker):
    """A text reranker of Cohere's API, or of a server with the same API.

    The key is `api_key`, or the environment's `COHERE_API_KEY` or `CO_API_KEY`.
    `max_tokens_per_doc` truncates long documents (the service's own default is 4096 tokens). The
    service counts search units, not tokens: `Usage.total_tokens` is None. Other keywords:
    `HTTPOptions`.
    """

    key_names = ("COHERE_API_KEY", "CO_API_KEY")
    needs_key = True
    limits = Limits(documents=500)  # the service advises against more than 1,000

    def __init__(
        self,
        model: str = "rerank-v4.0-pro",
        *,
        base_url: str = "https://api.cohere.com",
        max_tokens_per_doc: int | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        self.max_tokens_per_doc = max_tokens_per_doc
        super().__init__(model, base_url=base_url, **options)

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {"model": self.model, "query": query, "documents": items}
        if self.max_tokens_per_doc is not None:
            body["max_tokens_per_doc"] = self.max_tokens_per_doc
        return "/v2/rerank", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return [(row["index"], row["relevance_score"]) for row in body["results"]], None

"""Hugging Face's text-embeddings-inference: `/rerank`."""

from __future__ import annotations

from typing import Any

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.responses import Pairs

__all__ = ["TEIReranker"]


class TEIReranker(HTTPReranker):
    """A text reranker served by text-embeddings-inference.

    A server holds one model; `model` only names it here, in results and in the cache's keys. 32
    texts a request is what a server takes unless started with `--max-client-batch-size`. The key
    (`--api-key`) is `api_key` or the environment's `TEI_API_KEY`. Other keywords as for
    `HTTPReranker`.
    """

    key_names = ("TEI_API_KEY",)
    limits = Limits(documents=32)

    def __init__(
        self, model: str = "tei", *, base_url: str = "http://localhost:8080", **options: Any
    ) -> None:
        super().__init__(model, base_url=base_url, **options)

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body = {
            "query": query,
            "texts": items,
            "truncate": True,  # a long text would fail the whole request otherwise
            "raw_scores": False,
            "return_text": False,
        }
        return "/rerank", body

    def _decode(self, body: Any) -> tuple[Pairs, int | None]:
        return [(row["index"], row["score"]) for row in body], None

"""Hugging Face's text-embeddings-inference: `/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores

__all__ = ["TEIReranker"]


class TEIReranker(HTTPReranker):
    """A text reranker served by text-embeddings-inference.

    A server runs one model; `model` only names it here, in results and in the cache's keys. A
    request carries 32 texts, as many as a server accepts unless it was started with
    `--max-client-batch-size`. The key (`--api-key`) is `api_key` or the environment's
    `TEI_API_KEY`. Other keywords: `HTTPOptions`.
    """

    key_names = ("TEI_API_KEY",)
    limits = Limits(documents=32)

    def __init__(
        self,
        model: str = "tei",
        *,
        base_url: str = "http://localhost:8080",
        **options: Unpack[HTTPOptions],
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

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return [(row["index"], row["score"]) for row in body], None

"""Alibaba Cloud's DashScope (Model Studio): qwen3-vl-rerank and the text rerankers."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores
from mmrerank.types import Content, Modalities

__all__ = ["DashScopeReranker"]


class DashScopeReranker(HTTPReranker):
    """A reranker of DashScope; by default qwen3-vl-rerank, which reads text and images.

    An item is text or one image: a document with both is fanned out. The key is `api_key` or the
    environment's `DASHSCOPE_API_KEY`, and belongs to a region: for keys from outside China,
    `base_url` is `https://dashscope-intl.aliyuncs.com`. Other keywords: `HTTPOptions`.
    """

    key_names = ("DASHSCOPE_API_KEY",)
    needs_key = True
    takes_instruction = True
    fetches_urls = True
    max_pixels = 1800 * 32 * 32
    tokens_per_image = 1800
    # The service counts the query once for each document, as `split_into_batches` does.
    limits = Limits(documents=100, images=40, tokens=120_000)

    def __init__(
        self,
        model: str = "qwen3-vl-rerank",
        *,
        base_url: str = "https://dashscope.aliyuncs.com",
        **options: Unpack[HTTPOptions],
    ) -> None:
        images = "-vl-" in model
        self.modalities = Modalities(image=images, query_image=images)
        self._mixed = images
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return self._item(query)

    def _item(self, item: Content) -> Any:
        if item.images:
            return {"image": self._image(item.images[0])}
        return {"text": item.text or ""} if self._mixed else item.text or ""

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        parameters: dict[str, Any] = {"return_documents": False}
        if self.instruction is not None:
            parameters["instruct"] = self.instruction
        body = {
            "model": self.model,
            "input": {"query": query, "documents": items},
            "parameters": parameters,
        }
        return "/api/v1/services/rerank/text-rerank/text-rerank", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        pairs = [(row["index"], row["relevance_score"]) for row in body["output"]["results"]]
        return pairs, (body.get("usage") or {}).get("total_tokens")

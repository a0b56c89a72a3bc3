"""Alibaba Cloud's DashScope (Model Studio): qwen3-vl-rerank and the text rerankers."""

from __future__ import annotations

import re
from typing import Any, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores, read_rows
from mmrerank.types import Content, Modalities

__all__ = ["DashScopeReranker"]

_REGIONS = {
    "cn-beijing": "https://dashscope.aliyuncs.com",
    "ap-southeast-1": "https://dashscope-intl.aliyuncs.com",
}

_TEXT_TOKENS = {"gte-rerank-v2": 30_000}  # a request; other text models take 120,000


class DashScopeReranker(HTTPReranker):
    """A reranker of DashScope; by default qwen3-vl-rerank, which reads text and images.

    An item is text or one image: a document with both is fanned out. The key is `api_key` or the
    environment's `DASHSCOPE_API_KEY`, and belongs to a `region`: "cn-beijing" (the default) or
    "ap-southeast-1" (Singapore). With a `workspace_id`, "us-east-1", "cn-hongkong",
    "eu-central-1" and "ap-northeast-1" are there too. `base_url` comes before both. Not every
    region has every model. Other keywords: `HTTPOptions`.
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
        base_url: str | None = None,
        region: str = "cn-beijing",
        workspace_id: str | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        images = "-vl-" in model
        self.modalities = Modalities(image=images, query_image=images)
        self._mixed = images
        if not images:
            self.limits = Limits(documents=500, tokens=_TEXT_TOKENS.get(model, 120_000))
        address = base_url or _address(region, workspace_id)
        super().__init__(model, base_url=address, **options)

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
        return read_rows(body, body["output"]["results"], "relevance_score")


def _address(region: str, workspace_id: str | None) -> str:
    """Where a region's or a workspace's requests go."""
    for name, value in (("region", region), ("workspace_id", workspace_id or "x")):
        if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", str(value)):
            raise InvalidInputError(f"{name} consists of letters, digits and -, not {value!r:.80}")
    if workspace_id is not None:
        return f"https://{workspace_id}.{region}.maas.aliyuncs.com"
    if region not in _REGIONS:
        known = ", ".join(_REGIONS)
        raise InvalidInputError(f"region {region!r} needs a workspace_id; without one: {known}")
    return _REGIONS[region]

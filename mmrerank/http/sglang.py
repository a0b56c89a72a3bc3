"""An SGLang server's `/v1/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.encoding import content_parts
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores
from mmrerank.http.self_hosted import SelfHostedReranker
from mmrerank.types import Content, Modalities

__all__ = ["SGLangReranker"]


class SGLangReranker(SelfHostedReranker):
    """A reranker served by SGLang.

    Qwen3-VL-Reranker reads text and images together; other models are assumed to read text only,
    unless `modalities` says more. The key is `api_key` or the environment's `SGLANG_API_KEY`.
    Other keywords: `HTTPOptions`.
    """

    key_names = ("SGLANG_API_KEY",)

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Reranker-2B",
        *,
        base_url: str = "http://localhost:30000",
        modalities: Modalities | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        super().__init__(model, base_url=base_url, modalities=modalities, **options)

    def _item(self, item: Content) -> Any:
        if not item.images:
            return item.text or ""
        return content_parts(item, map(self._image, item.images))

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "model": self.model,
            "query": query,
            "documents": items,
            "return_documents": False,  # True fails for documents with images
        }
        if self.instruction is not None:
            body["instruct"] = self.instruction
        return "/v1/rerank", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return [(row["index"], row["score"]) for row in body], None

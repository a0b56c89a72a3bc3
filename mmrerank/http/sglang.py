"""An SGLang server's `/v1/rerank`."""

from __future__ import annotations

from typing import Any

from mmrerank.http.answers import Pairs
from mmrerank.http.base import HTTPReranker
from mmrerank.http.encoding import content_parts
from mmrerank.http.limits import Limits
from mmrerank.http.models import reads
from mmrerank.types import Content, Modalities

__all__ = ["SGLangReranker"]


class SGLangReranker(HTTPReranker):
    """A reranker served by SGLang.

    Qwen3-VL-Reranker reads text and images together; another model is taken to read text only
    unless `modalities` says more. The key is `api_key` or the environment's `SGLANG_API_KEY`.
    Other keywords as for `HTTPReranker`.
    """

    key_names = ("SGLANG_API_KEY",)
    fetches_urls = True
    limits = Limits(documents=64, images=20, bytes=16 * 2**20)

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Reranker-2B",
        *,
        base_url: str = "http://localhost:30000",
        modalities: Modalities | None = None,
        **options: Any,
    ) -> None:
        known = reads(model)
        self.modalities = modalities or known.modalities
        self.max_pixels, self.tokens_per_image = known.max_pixels, known.tokens_per_image
        self.takes_instruction = known.takes_instruction
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return self._item(query)

    def _item(self, item: Content) -> Any:
        if not item.images:
            return item.text or ""
        return content_parts(item, map(self._image, item.images))

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "model": self.model,
            "query": query,
            "documents": items,
            "return_documents": False,  # true fails where there are images
        }
        if self.instruction is not None:
            body["instruct"] = self.instruction
        return "/v1/rerank", body

    def _decode(self, body: Any) -> tuple[Pairs, int | None]:
        return [(row["index"], row["score"]) for row in body], None

"""NVIDIA's reranking NIM: `/v1/ranking`."""

from __future__ import annotations

from typing import Any

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.responses import Pairs
from mmrerank.types import Content, Modalities

__all__ = ["NVIDIAReranker"]


class NVIDIAReranker(HTTPReranker):
    """A reranking NIM, run by yourself; by default the one that reads text and images.

    A passage of a model with `-vl-` in its name is text, an image, or both; the query is text.
    Images are sent, never fetched by the service. A key is needed only where something before the
    NIM asks for one: `api_key` or the environment's `NVIDIA_API_KEY`. The service gives logits;
    scores are their sigmoid. Other keywords as for `HTTPReranker`.
    """

    key_names = ("NVIDIA_API_KEY",)
    scale = "logit"
    max_pixels = 1800 * 32 * 32
    tokens_per_image = 1800
    limits = Limits(documents=512, images=20, bytes=16 * 2**20)

    def __init__(
        self,
        model: str = "nvidia/llama-nemotron-rerank-vl-1b-v2",
        *,
        base_url: str = "http://localhost:8000",
        **options: Any,
    ) -> None:
        images = "-vl-" in model
        self.modalities = Modalities(image=images, text_and_image=images)
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return {"text": query.text}

    def _item(self, item: Content) -> dict[str, str]:
        passage = {"image": self._image(item.images[0])} if item.images else {}
        if item.text is not None and (item.text.strip() or not passage):
            passage["text"] = item.text  # left out where blank: the service refuses ""
        return passage

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body = {"model": self.model, "query": query, "passages": items, "truncate": "END"}
        return "/v1/ranking", body

    def _decode(self, body: Any) -> tuple[Pairs, int | None]:
        pairs = [(row["index"], row["logit"]) for row in body["rankings"]]
        return pairs, (body.get("usage") or {}).get("total_tokens")

"""NVIDIA's reranking NIM: `/v1/ranking`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores, read_rows
from mmrerank.types import Content, Modalities

__all__ = ["NVIDIAReranker"]


class NVIDIAReranker(HTTPReranker):
    """A self-hosted reranking NIM; by default the one that reads text and images.

    A passage of a model with `-vl-` in its name is text, an image, or both; the query is text.
    Images are sent, never fetched by the service. A key is needed only if a proxy in front of the
    NIM asks for one: `api_key` or the environment's `NVIDIA_API_KEY`. The service returns logits;
    scores are their sigmoid. Other keywords: `HTTPOptions`.
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
        **options: Unpack[HTTPOptions],
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

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return read_rows(body, body["rankings"], "logit")

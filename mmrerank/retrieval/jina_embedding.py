"""Jina's embeddings API: https://api.jina.ai/v1/embeddings."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.jina import read_jina_error
from mmrerank.http.limits import Limits
from mmrerank.http.responses import ErrorFacts
from mmrerank.retrieval.embedder import Modality
from mmrerank.retrieval.http_embedder import EmbedderOptions, HTTPEmbedder
from mmrerank.types import Content

__all__ = ["JinaEmbedder"]

_READ_IMAGES = ("-clip-", "embeddings-v4", "-omni-")
"""Parts of the names of models that read images as well."""

_MODALITIES: dict[bool, frozenset[Modality]] = {
    True: frozenset({"text", "image"}),
    False: frozenset({"text"}),
}

_ONE_SIDED = "-clip-"
"""These models know a task for queries only."""


class JinaEmbedder(HTTPEmbedder):
    """An embedder of Jina's API; by default jina-embeddings-v4, which embeds texts and images.

    A query is sent with `query_task`, texts and images with `document_task`; None stands for what
    the models were trained for in retrieval, "" sends none. `truncate=True` lets the service cut
    texts that are too long, which it refuses otherwise. The key is `api_key`, or the environment's
    `JINA_API_KEY` or `JINAAI_API_KEY`. Images are shrunk to the 602,112 pixels that v4 reads before
    they are sent. Other keywords, and errors: `HTTPEmbedder`.
    """

    key_names = ("JINA_API_KEY", "JINAAI_API_KEY")
    needs_key = True
    url_name = "JINA_BASE_URL"
    default_url = "https://api.jina.ai"
    limits = Limits(documents=128, images=8)

    def __init__(
        self,
        model: str = "jina-embeddings-v4",
        *,
        base_url: str | None = None,
        query_task: str | None = None,
        document_task: str | None = None,
        truncate: bool = False,
        **options: Unpack[EmbedderOptions],
    ) -> None:
        super().__init__(model, base_url=base_url, **options)
        reads_images = any(part in model for part in _READ_IMAGES)
        self.modalities = _MODALITIES[reads_images]
        self._query_task = "retrieval.query" if query_task is None else query_task
        usual = "" if _ONE_SIDED in model else "retrieval.passage"
        self._document_task = usual if document_task is None else document_task
        self._truncate = truncate

    def _item(self, item: Content) -> dict[str, str]:
        if item.images:
            return {"image": self._image(item.images[0])}
        return {"text": item.text or ""}

    def _body(self, items: list[Any], *, is_query: bool) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {"model": self.model, "input": items, "embedding_type": "float"}
        if task := self._query_task if is_query else self._document_task:
            body["task"] = task
        if self._wanted is not None:
            body["dimensions"] = self._wanted
        if self._truncate:
            body["truncate"] = True
        return "/v1/embeddings", body

    def _read_error(self, body: Any) -> ErrorFacts:
        return read_jina_error(body)

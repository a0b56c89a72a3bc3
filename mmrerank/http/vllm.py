"""A vLLM server: `vllm serve MODEL`, its `/score` and its `/rerank`."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.http.encoding import content_parts
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores
from mmrerank.http.self_hosted import SelfHostedReranker
from mmrerank.types import Content, Modalities

__all__ = ["VLLMReranker"]


class VLLMReranker(SelfHostedReranker):
    """A reranker served by vLLM; `docs/services.md` has the commands that start one.

    What the model reads is known for jina-reranker-m0 and Qwen3-VL-Reranker; other models are
    assumed to read text only, unless `modalities` says more. `/score` answers in the order of the
    documents; `api="rerank"` is for servers that have only `/rerank`, which sends documents back.
    The key (`vllm serve --api-key`) is `api_key` or the environment's `VLLM_API_KEY`. Other
    keywords: `HTTPOptions`. Raises `InvalidInputError` for another `api`.
    """

    key_names = ("VLLM_API_KEY",)

    def __init__(
        self,
        model: str = "jinaai/jina-reranker-m0",
        *,
        base_url: str = "http://localhost:8000",
        api: Literal["score", "rerank"] = "score",
        modalities: Modalities | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        if api not in ("score", "rerank"):
            raise InvalidInputError(f"api must be 'score' or 'rerank', not {api!r}")
        self._api = api
        super().__init__(model, base_url=base_url, modalities=modalities, **options)

    def _item(self, item: Content) -> Any:
        if not item.images:
            return item.text or ""
        return {"content": content_parts(item, map(self._image, item.images))}

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body = {"model": self.model, "query": query, "documents": items}
        if self._api == "score":
            body["queries"] = query  # releases differ in this name, and ignore the other
        if self.instruction is not None:
            body["instruction"] = self.instruction
        return f"/{self._api}", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        rows, score = ("data", "score") if self._api == "score" else ("results", "relevance_score")
        pairs = [(row["index"], row[score]) for row in body[rows]]
        return pairs, (body.get("usage") or {}).get("total_tokens")

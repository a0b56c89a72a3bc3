"""Jina's rerank API: https://api.jina.ai/v1/rerank."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from typing import Any

from mmrerank.errors import AuthenticationError, InvalidInputError
from mmrerank.http.answers import ErrorFacts
from mmrerank.http.base import HTTPReranker
from mmrerank.types import Content, Modalities

__all__ = ["JinaReranker"]

_TEXT = Modalities()
_MODELS = {
    "jina-reranker-m0": Modalities(image=True, query_image=True),
    "jina-reranker-v3": _TEXT,
    "jina-reranker-v3.5": _TEXT,
    "jina-reranker-v2-base-multilingual": _TEXT,
}
_LISTWISE = ("jina-reranker-v3", "jina-reranker-v3.5")
_KEYS = ("JINA_API_KEY", "JINAAI_API_KEY")  # LangChain's name and LlamaIndex's


class JinaReranker(HTTPReranker):
    """A reranker of Jina's API; by default jina-reranker-m0, which reads text and images.

    m0 takes text or one image an item: a document with both is fanned out, and its best part
    counts (`fusion`). The key is `api_key`, or else the environment's `JINA_API_KEY` or
    `JINAAI_API_KEY`. Images are shrunk before they are sent to the 602,112 pixels that m0 reads.

    Other keywords as for `HTTPReranker`: `timeout`, `max_retries`, `max_concurrency`,
    `max_images_per_document`, `fusion`, `send_urls`, `headers`, `client`, `async_client`,
    `on_usage`.
    """

    def __init__(
        self,
        model: str = "jina-reranker-m0",
        *,
        api_key: str | None = None,
        base_url: str = "https://api.jina.ai",
        **options: Any,
    ) -> None:
        if model not in _MODELS:
            raise InvalidInputError(_unknown_model(model))
        key = api_key or self._key_from_environment()
        if not key:
            raise AuthenticationError(
                f"no Jina API key: pass api_key=..., or set {_KEYS[0]} in the environment "
                "(keys: https://jina.ai/reranker)"
            )
        super().__init__(model, api_key=key, base_url=base_url, **options)
        self.modalities = _MODELS[model]
        self.listwise = model in _LISTWISE

    @classmethod
    def _key_from_environment(cls) -> str | None:
        return next((os.environ[name] for name in _KEYS if os.environ.get(name)), None)

    def _encode(self, query: Content, items: list[Content]) -> tuple[str, dict[str, Any]]:
        asked: Any = {"image": self._encoded(query.images[0])} if query.images else query.text
        body = {
            "model": self.model,
            "query": asked,
            "documents": [self._document(item) for item in items],
            "return_documents": False,  # the service would send every image back
        }
        return "/v1/rerank", body

    def _document(self, item: Content) -> dict[str, str]:
        if item.images:
            return {"image": self._encoded(item.images[0])}
        return {"text": item.text or ""}

    def _decode(self, body: Any) -> tuple[Sequence[tuple[Any, Any]], int | None]:
        pairs = [(result["index"], result["relevance_score"]) for result in body["results"]]
        return pairs, (body.get("usage") or {}).get("total_tokens")

    def _read_error(self, body: Any) -> ErrorFacts:
        """Three shapes: `detail` an object, `detail` a str, and 422 with a list of `errors`."""
        if not isinstance(body, dict):
            return ErrorFacts(str(body)[:300])
        detail = body.get("detail")
        facts = detail if isinstance(detail, dict) else body
        message = str(facts.get("message") or detail or facts)[:300]
        errors = body.get("errors")
        for error in errors if isinstance(errors, list) else []:
            if isinstance(error, dict):
                message += f"; {error.get('field')}: {error.get('message')}"
        return ErrorFacts(message[:600], _text(facts.get("code")), _text(facts.get("request_id")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:100]


def _unknown_model(model: str) -> str:
    close = difflib.get_close_matches(str(model), _MODELS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"Jina has no model {model!r}; {hint}There are: {', '.join(_MODELS)}"

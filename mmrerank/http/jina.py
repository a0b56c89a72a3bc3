"""Jina's rerank API: https://api.jina.ai/v1/rerank."""

from __future__ import annotations

import difflib
from typing import Any, Unpack

from mmrerank.errors import InvalidInputError, warn
from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import ErrorFacts, IndexedScores, read_error, read_rows
from mmrerank.types import Content, Modalities

__all__ = ["JinaReranker", "read_jina_error"]

_TEXT = Modalities()
_M0 = Modalities(image=True, query_image=True)
_MODELS = {
    "jina-reranker-m0": _M0,
    "jina-reranker-v3": _TEXT,
    "jina-reranker-v3.5": _TEXT,
    "jina-reranker-v2-base-multilingual": _TEXT,
}

_MEANT = {
    "m0": "jina-reranker-m0",
    "v2": "jina-reranker-v2-base-multilingual",
    "v3": "jina-reranker-v3",
    "v3.5": "jina-reranker-v3.5",
}
"""Short names that people use for models."""


class JinaReranker(HTTPReranker):
    """A reranker of Jina's API; by default jina-reranker-m0, which reads text and images.

    An item of m0 is text or one image: a document with both is fanned out, and its best part
    counts (`fusion`). The key is `api_key`, or the environment's `JINA_API_KEY` or
    `JINAAI_API_KEY`. Images are shrunk to the 602,112 pixels that m0 reads before they are sent.
    v3 and v3.5 compare the documents of a call with each other, so a call of up to 2,048
    documents is one request.

    Jina's free tier allows `requests_per_minute=500, tokens_per_minute=1_000_000` and 5 requests
    at once, which is the default here. Other keywords: `HTTPOptions`. Warns of a model that is not
    known here, and uses it.
    """

    key_names = ("JINA_API_KEY", "JINAAI_API_KEY")  # LangChain's name and LlamaIndex's
    needs_key = True
    fetches_urls = True
    scale = "given"

    def __init__(
        self,
        model: str = "jina-reranker-m0",
        *,
        base_url: str = "https://api.jina.ai",
        **options: Unpack[HTTPOptions],
    ) -> None:
        if not isinstance(model, str) or not model:
            raise InvalidInputError(f"model must be a name, not {model!r}")
        if model not in _MODELS:
            warn(_unknown_model(model))
        self.modalities = _MODELS.get(model, _M0 if "m0" in model else _TEXT)
        self.listwise = model.startswith("jina-reranker-v3")
        if self.listwise:
            self.limits = Limits(documents=2048)  # the service splits them into blocks of 64 itself
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return {"image": self._image(query.images[0])} if query.images else query.text

    def _item(self, item: Content) -> dict[str, str]:
        if item.images:
            return {"image": self._image(item.images[0])}
        return {"text": item.text or ""}

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        body = {
            "model": self.model,
            "query": query,
            "documents": items,
            "return_documents": False,  # the service would send every image back
        }
        return "/v1/rerank", body

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return read_rows(body, body["results"], "relevance_score")

    def _read_error(self, body: Any) -> ErrorFacts:
        return read_jina_error(body)


def read_jina_error(body: Any) -> ErrorFacts:
    """As `read_error`; with 422 there is also a list of `errors` beside `detail`."""
    facts = read_error(body)
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return facts
    messages = [read_error({"detail": [error]}).message for error in errors]
    return facts._replace(message="; ".join([facts.message, *messages]))


def _unknown_model(model: str) -> str:
    """What to say of a name such as "v2", "jina-reranker-v2" or "jinaai/jina-reranker-m0"."""
    meant = _MEANT.get(model.removeprefix("jina-reranker-").removeprefix("jina-"))
    close = [meant] if meant else difflib.get_close_matches(model, _MODELS, n=1, cutoff=0.5)
    reads = "text and images" if close and _MODELS[close[0]].image else "text only"
    hint = f"Did you mean {close[0]!r}, which reads {reads}? " if close else ""
    return (
        f"{model!r} is not among the models of Jina that are known here ({', '.join(_MODELS)}). "
        f"{hint}It is used as it is; Jina refuses a name that it does not have."
    )

"""A vLLM server: `vllm serve MODEL`, its `/score` and its `/rerank`."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from mmrerank.errors import InvalidInputError, UnsupportedModalityError, warn
from mmrerank.http.encoding import content_parts
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores, read_rows
from mmrerank.http.self_hosted import SelfHostedReranker
from mmrerank.http.server_facts import ServerFacts, Version, parse_version
from mmrerank.types import Content, Modalities

__all__ = ["VLLMReranker"]

_SCORE_WITH_QUERY: Version = (0, 15, 0)  # before, /score knew text_1 and text_2 only
_IMAGES: Version = (0, 16, 0)  # before, no list of documents with images
_INSTRUCTION: Version = (0, 22, 0)  # before, it was ignored


class VLLMReranker(SelfHostedReranker):
    """A reranker served by vLLM; `docs/services.md` has the commands that start one.

    What the model reads is known for jina-reranker-m0 and Qwen3-VL-Reranker; other models are
    assumed to read text only, unless `modalities` says more. `/score` answers in the order of the
    documents; `api="rerank"` is for servers that have only `/rerank`, which sends documents back.
    The key (`vllm serve --api-key`) is `api_key` or the environment's `VLLM_API_KEY`.

    The server's `/version` is read before the first request; without it, the server is taken for
    a current one. Images need vLLM 0.16.0 and `instruction` 0.22.0; a text-only server before
    0.15.0 is asked by `/rerank`. Scores are probabilities, unless the model's configuration names
    no activation: then pass `scale="logit"`. Other keywords: `HTTPOptions`. Raises `InvalidInputError`
    for another `api`.
    """

    key_names = ("VLLM_API_KEY",)

    def __init__(
        self,
        model: str = "jinaai/jina-reranker-m0",
        *,
        base_url: str = "http://localhost:8000",
        api: Literal["score", "rerank"] = "score",
        modalities: Modalities | None = None,
        scale: Literal["probability", "logit"] = "probability",
        **options: Unpack[HTTPOptions],
    ) -> None:
        if api not in ("score", "rerank"):
            raise InvalidInputError(f"api must be 'score' or 'rerank', not {api!r}")
        if scale not in ("probability", "logit"):
            raise InvalidInputError(f"scale must be 'probability' or 'logit', not {scale!r}")
        self._api = api
        self.scale = scale
        self.server = ServerFacts({"version": ("/version",)})
        super().__init__(model, base_url=base_url, modalities=modalities, **options)

    def _item(self, item: Content) -> Any:
        if not item.images:
            return item.text or ""
        return {"content": content_parts(item, map(self._image, item.images))}

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        version = self._version()
        if version < _IMAGES and not all(isinstance(item, str) for item in (query, *items)):
            raise UnsupportedModalityError(
                f"{self.model}: images need vLLM 0.16.0 or later, and this server is "
                f"{'.'.join(map(str, version))}: update it, or pass modalities=Modalities()"
            )
        if self.instruction is not None and version < _INSTRUCTION:
            warn(
                f"{self.model}: vLLM {'.'.join(map(str, version))} ignores the instruction; "
                "0.22.0 or later reads it"
            )
        body = {"model": self.model, "query": query, "documents": items}
        has_score = self._api == "score" and version >= _SCORE_WITH_QUERY
        if has_score:
            body["queries"] = query  # what /score calls it
        if self.instruction is not None:
            body["instruction"] = self.instruction
        # Under /v1, where a server that was started with a key asks for it in every version.
        return "/v1/score" if has_score else "/v1/rerank", body

    def _version(self) -> Version:
        """The server's; one that does not say is taken for a current one."""
        facts = self.server["version"] if self.server is not None else {}
        return parse_version(facts.get("version")) or (10**9, 0, 0)

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        rows, score = ("data", "score") if "data" in body else ("results", "relevance_score")
        return read_rows(body, body[rows], score)

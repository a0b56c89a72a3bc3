"""A llama.cpp server (`llama-server --reranking`): `/v1/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.errors import APIError, warn
from mmrerank.http.base import HTTPReranker
from mmrerank.http.call import digest
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores, read_rows
from mmrerank.http.scale import Scale, ScaleOption, check_scale
from mmrerank.http.server_facts import ServerFacts, strings_in
from mmrerank.http.too_long import too_many_tokens

__all__ = ["LlamaCppReranker"]

_FAILED = -1e6  # what the server writes where it has no score

_NO_HEAD = 1e-6  # scores of a Qwen3 file without its last layer are about 1e-20


class LlamaCppReranker(HTTPReranker):
    """A text reranker served by llama.cpp.

    A server runs one model; `model` only names it. The key (`llama-server --api-key`) is `api_key`
    or the environment's `LLAMA_API_KEY`.

    The server returns probabilities for models of Qwen3's architecture and logits for all others,
    and does not say which. With `scale="auto"` the names in `/props` and `/v1/models` decide:
    "qwen3" or "zerank" means probabilities. A model that has Qwen's vocabulary and another name is
    judged by its first answer, with a warning. `scale="probability"` or `"logit"` is for models
    whose file has a misleading name. Scores are probabilities in the end.

    A document longer than the server's batch (`-ub`) or context is cut until it fits, with a
    warning. Other keywords: `HTTPOptions`.
    """

    key_names = ("LLAMA_API_KEY",)
    scale: Scale = "logit"

    def __init__(
        self,
        model: str = "llama.cpp",
        *,
        base_url: str = "http://localhost:8080",
        scale: ScaleOption = "auto",
        **options: Unpack[HTTPOptions],
    ) -> None:
        check_scale(scale)
        if scale == "auto":
            self.server = ServerFacts({"props": ("/props",), "models": ("/v1/models",)})
        else:
            self.scale = scale
        self._scale_option = scale
        self._judged: Scale | None = None
        super().__init__(model, base_url=base_url, **options)

    def _context(self) -> bytes:
        return digest([super()._context(), self._scale_option.encode()])

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        return "/v1/rerank", {"model": self.model, "query": query, "documents": items}

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return read_rows(body, body["results"], "relevance_score")

    def _scale(self, scores: list[float]) -> Scale:
        if self.server is None:
            return self.scale
        if _FAILED in scores:
            warn(f"{self.model}: the server could not score {scores.count(_FAILED)} documents")
        entry = _first_model(self.server["models"])
        if _is_qwen3([self.model, *_names(self.server["props"], entry)]):
            if len(scores) > 1 and max(scores) < _NO_HEAD:
                warn(
                    f"{self.model}: every score is below {_NO_HEAD}, as with a Qwen3 file that was "
                    "converted without its classifier head (cls.output.weight)"
                )
            return "probability"
        return self._judge(scores) if _has_qwen_vocabulary(entry) else "logit"

    def _judge(self, scores: list[float]) -> Scale:
        """By the first scores: logits hardly ever lie all between 0 and 1."""
        if self._judged is None:
            self._judged = "probability" if all(0 <= one <= 1 for one in scores) else "logit"
            warn(
                f"{self.model}: the server does not say whether its scores are logits; by the "
                f"first answer they are taken for {self._judged} scores. Pass scale= to be sure"
            )
        return self._judged

    def _is_too_long(self, error: APIError) -> bool:
        # A document that exceeds the batch is a 500, which would be tried again.
        text = str(error)
        return "too large to process" in text or too_many_tokens(text) is not None


def _first_model(models: dict[str, Any]) -> dict[str, Any]:
    data = models.get("data")
    entry = data[0] if isinstance(data, list) and data else {}
    return entry if isinstance(entry, dict) else {}


def _names(props: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    """What the server calls its model: file, alias, repository."""
    values = (props.get("model_path"), props.get("model_alias"), entry.get("id"), entry.get("aliases"))  # fmt: skip
    return [name for value in values for name in strings_in(value)]


def _is_qwen3(names: list[str]) -> bool:
    plain = ["".join(filter(str.isalnum, name.lower())) for name in names]
    return any("qwen3" in name or "zerank" in name for name in plain)


def _has_qwen_vocabulary(entry: dict[str, Any]) -> bool:
    """Qwen2 and Qwen3 share it: byte pairs (type 2), some 151,650 to 151,936 of them."""
    meta = entry.get("meta")
    facts = meta if isinstance(meta, dict) else {}
    size = facts.get("n_vocab")
    return facts.get("vocab_type") == 2 and isinstance(size, int) and 151_000 < size < 153_000

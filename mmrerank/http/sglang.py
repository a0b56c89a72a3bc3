"""An SGLang server's `/v1/rerank`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.errors import UnsupportedModalityError, warn
from mmrerank.http.call import digest
from mmrerank.http.encoding import content_parts
from mmrerank.http.options import HTTPOptions
from mmrerank.http.responses import IndexedScores
from mmrerank.http.scale import Scale, ScaleOption, check_scale
from mmrerank.http.self_hosted import SelfHostedReranker
from mmrerank.http.server_facts import ServerFacts, Version, parse_version
from mmrerank.types import Content, Modalities

__all__ = ["SGLangReranker"]

_IMAGES_AND_INSTRUCTION: Version = (0, 5, 8)


class SGLangReranker(SelfHostedReranker):
    """A reranker served by SGLang.

    Qwen3-VL-Reranker reads text and images together; other models are assumed to read text only,
    unless `modalities` says more. The key is `api_key` or the environment's `SGLANG_API_KEY`.

    What the server says of itself (`/server_info`, `/model_info`, or their names before 0.5.6) is
    read before the first request. Images and `instruction` need SGLang 0.5.8; a server that does
    not tell its version is taken for a current one. Generating models (Qwen3-Reranker,
    Qwen3-VL-Reranker) give probabilities, cross-encoders logits. A cross-encoder whose
    configuration names a sigmoid (`sbert_ce_default_activation_function`) needs
    `scale="probability"`, since the server does not tell. Other keywords: `HTTPOptions`.
    """

    key_names = ("SGLANG_API_KEY",)

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Reranker-2B",
        *,
        base_url: str = "http://localhost:30000",
        modalities: Modalities | None = None,
        scale: ScaleOption = "auto",
        **options: Unpack[HTTPOptions],
    ) -> None:
        check_scale(scale)
        self._scale_option = scale
        # Without facts: the models that generate have the name of Qwen3's rerankers.
        name = "".join(filter(str.isalnum, model.lower()))
        guess: Scale = "probability" if "qwen3" in name else "logit"
        self.scale = guess if scale == "auto" else scale
        self._facts = ServerFacts(
            {
                "server": ("/server_info", "/get_server_info"),
                "model": ("/model_info", "/get_model_info"),
            }
        )
        self.server = self._facts
        super().__init__(model, base_url=base_url, modalities=modalities, **options)

    def _context(self) -> bytes:
        return digest([super()._context(), self._scale_option.encode()])

    def _item(self, item: Content) -> Any:
        if not item.images:
            return item.text or ""
        return content_parts(item, map(self._image, item.images))

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        self._check_version(all(isinstance(item, str) for item in (query, *items)))
        body: dict[str, Any] = {
            "model": self.model,
            "query": query,
            "documents": items,
            "return_documents": False,  # True fails for documents with images
        }
        if self.instruction is not None:
            body["instruct"] = self.instruction
        return "/v1/rerank", body

    def _check_version(self, is_text: bool) -> None:
        version = parse_version(self._facts["server"].get("version"))
        if version is None or version >= _IMAGES_AND_INSTRUCTION:
            return
        name = ".".join(map(str, version))
        if not is_text:
            raise UnsupportedModalityError(
                f"{self.model}: images need SGLang 0.5.8 or later, and this server is {name}: "
                "update it, or pass modalities=Modalities()"
            )
        if self.instruction is not None:
            warn(f"{self.model}: SGLang {name} ignores the instruction; 0.5.8 or later reads it")

    def _scale(self, scores: list[float]) -> Scale:
        generates = self._facts["model"].get("is_generation")
        if self._scale_option != "auto" or not isinstance(generates, bool):
            return self.scale
        return "probability" if generates else "logit"

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        return [(row["index"], row["score"]) for row in body], None

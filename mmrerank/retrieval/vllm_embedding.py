"""A vLLM server's multimodal embeddings: `vllm serve MODEL --runner pooling`, `/v1/embeddings`."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.encoding import content_parts
from mmrerank.http.limits import Limits
from mmrerank.retrieval.embedder import Modality, Vector
from mmrerank.retrieval.http_embedder import EmbedderOptions, HTTPEmbedder
from mmrerank.retrieval.qwen3_vl_prompt import (
    BLANK_TEXT,
    DOCUMENT_INSTRUCTION,
    QUERY_INSTRUCTION,
    full_sentence,
)
from mmrerank.types import Content

__all__ = ["VLLMEmbedder"]

_QWEN = "qwen3-vl"
_QWEN_PIXELS = 1800 * 32 * 32
_MODALITIES: dict[bool, frozenset[Modality]] = {
    True: frozenset({"text", "image", "text_and_image"}),
    False: frozenset({"text", "image"}),
}
"""What a model embeds that is Qwen3-VL-Embedding, and any other."""


class VLLMEmbedder(HTTPEmbedder):
    """Texts and images, each as a chat message of its own, which the server's template lays out.

    For texts alone, `OpenAIEmbedder` sends many in one request. `modalities` is what the model
    embeds: by default texts and images, and for Qwen3-VL-Embedding both together as well, which
    also gets the system message and the open answer that it was trained with. `instruction` (of
    queries) and `document_instruction` are that system message; other models get none unless told.
    The key (`vllm serve --api-key`) is `api_key` or the environment's `VLLM_API_KEY`.

    `dimensions` are cut here, since the server cuts only for models that it knows to be trained
    for it. Other keywords, and errors: `HTTPEmbedder`.
    """

    key_names = ("VLLM_API_KEY",)
    url_name = "VLLM_BASE_URL"
    default_url = "http://localhost:8000"
    limits = Limits(documents=1, images=8, bytes=16 * 2**20)  # the server reads one conversation

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-Embedding-2B",
        *,
        base_url: str | None = None,
        instruction: str | None = None,
        document_instruction: str | None = None,
        modalities: frozenset[Modality] | None = None,
        **options: Unpack[EmbedderOptions],
    ) -> None:
        super().__init__(model, base_url=base_url, **options)
        self._is_qwen = _QWEN in model.lower()
        if self._is_qwen:
            self.blank_text = BLANK_TEXT  # type: ignore[misc]
            self.max_pixels = options.get("max_pixels") or _QWEN_PIXELS
        self.modalities = modalities or _MODALITIES[self._is_qwen]
        self.instruction = self._system(instruction, QUERY_INSTRUCTION)
        self.document_instruction = self._system(document_instruction, DOCUMENT_INSTRUCTION)

    def _system(self, given: str | None, of_qwen: str) -> str:
        """The system message of queries, or that of documents; "" for none."""
        text = (of_qwen if self._is_qwen else "") if given is None else given
        return full_sentence(text) if self._is_qwen else text

    def _item(self, item: Content) -> list[dict[str, Any]]:
        return content_parts(item, map(self._image, item.images))

    def _body(self, items: list[Any], *, is_query: bool) -> tuple[str, dict[str, Any]]:
        (content,) = items
        system = self.instruction if is_query else self.document_instruction
        messages = [{"role": "user", "content": content}]
        if system:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
        body: dict[str, Any] = {"model": self.model, "encoding_format": "float"}
        if self._is_qwen:
            # An answer that is begun and left open, and what the tokenizer puts after it: the
            # vector is that of the prompt's last token.
            messages.append({"role": "assistant", "content": [{"type": "text", "text": ""}]})
            body |= {"continue_final_message": True, "add_special_tokens": True}
        return "/v1/embeddings", {**body, "messages": messages}

    def _ask(self, items: list[Content], *, is_query: bool = False) -> list[Vector]:
        return self._cut(super()._ask(items, is_query=is_query))

    async def _aask(self, items: list[Content], *, is_query: bool = False) -> list[Vector]:
        return self._cut(await super()._aask(items, is_query=is_query))

    def _cut(self, vectors: list[Vector]) -> list[Vector]:
        """The first `dimensions` numbers; what is no vector is left to the checks."""
        return [one[: self._wanted] if isinstance(one, list) else one for one in vectors]

"""What the servers that serve anyone's model have in common: vLLM and SGLang."""

from __future__ import annotations

from typing import Any

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.model_facts import reads
from mmrerank.types import Content, Modalities

__all__ = ["ServedReranker"]


class ServedReranker(HTTPReranker):
    """A model on a server of one's own, which reads what is known of its name, or `modalities`.

    A query is written as a document is. Other keywords as for `HTTPReranker`.
    """

    fetches_urls = True
    limits = Limits(documents=64, images=20, bytes=16 * 2**20)

    def __init__(
        self, model: str, *, base_url: str, modalities: Modalities | None, **options: Any
    ) -> None:
        known = reads(model)
        self.modalities = modalities or known.modalities
        self.max_pixels, self.tokens_per_image = known.max_pixels, known.tokens_per_image
        self.takes_instruction = known.takes_instruction
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return self._item(query)

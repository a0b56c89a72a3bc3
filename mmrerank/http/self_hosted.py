"""What servers that run any model have in common: vLLM and SGLang."""

from __future__ import annotations

from typing import Any, Unpack

from mmrerank.http.base import HTTPReranker
from mmrerank.http.limits import Limits
from mmrerank.http.model_facts import model_facts
from mmrerank.http.options import HTTPOptions
from mmrerank.types import Content, Modalities

__all__ = ["SelfHostedReranker"]


class SelfHostedReranker(HTTPReranker):
    """A model on a self-hosted server.

    It reads what `model_facts` knows of its name, unless `modalities` says otherwise. A query is
    written in the same form as a document. Other keywords: `HTTPOptions`.
    """

    fetches_urls = True
    limits = Limits(documents=64, images=20, bytes=16 * 2**20)

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        modalities: Modalities | None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        facts = model_facts(model)
        self.modalities = modalities or facts.modalities
        self.max_pixels, self.tokens_per_image = facts.max_pixels, facts.tokens_per_image
        self.takes_instruction = facts.takes_instruction
        super().__init__(model, base_url=base_url, **options)

    def _query(self, query: Content) -> Any:
        return self._item(query)

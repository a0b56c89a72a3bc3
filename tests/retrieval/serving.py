"""What the tests of served embedders share."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from helpers import png

from mmrerank.retrieval.jina_embedding import JinaEmbedder
from mmrerank.retrieval.openai_embedding import OpenAIEmbedder
from mmrerank.retrieval.vllm_embedding import VLLMEmbedder
from mmrerank.testing import LocalChatServer, LocalRerankServer
from mmrerank.types import Image

FIGURE = Image.from_bytes(png("turbine"))
TEXTS = ["a red pump", "", "snow", "a red pump", "a blue pump"]


@dataclass
class Service:
    """One served embedder: `serve` makes its server, `build` the embedder for that address."""

    server: Any
    embedder: Any
    path: str = ""
    server_options: tuple = ()

    @contextlib.contextmanager
    def running(self, *, options: dict | None = None, **server_options):
        """A server and an embedder that asks it, closed at the end."""
        with self.server(**dict(self.server_options), **server_options) as server:
            made = self.embedder(
                **{"model": "m", "api_key": server.api_key, "base_url": server.url + self.path}
                | (options or {})
            )
            try:
                yield server, made
            finally:
                made.close()


SERVICES = {
    "openai": Service(LocalChatServer, OpenAIEmbedder, "/v1"),
    "jina": Service(LocalRerankServer, JinaEmbedder),
    "vllm": Service(LocalRerankServer, VLLMEmbedder, server_options=(("dialect", "vllm"),)),
}


def cosine(one, other) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))

"""The core's embedders as a LlamaIndex embedding."""

from __future__ import annotations

from llama_index_mmrerank import TextEmbedding
from mmrerank.retrieval.base import default_embedder


class Lengths:
    """An embedder of the core, by the number of letters."""

    def embed_documents(self, texts):
        return [[float(len(text))] for text in texts]

    def embed_query(self, text):
        return [-float(len(text))]


async def test_any_embedder_of_the_core_is_used():
    embedding = TextEmbedding(Lengths(), embed_batch_size=1)
    assert embedding.model_name == "Lengths"
    assert embedding.get_text_embedding_batch(["a", "bcd"]) == [[1.0], [3.0]]
    assert await embedding.aget_text_embedding_batch(["a", "bcd"]) == [[1.0], [3.0]]
    assert embedding.get_query_embedding("ab") == [-2.0]
    assert await embedding.aget_query_embedding("ab") == [-2.0]


def test_the_default_needs_no_model():
    expected = default_embedder().embed_query("torque")
    assert TextEmbedding().get_query_embedding("torque") == expected

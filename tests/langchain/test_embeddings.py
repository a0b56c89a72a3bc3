"""The core's embedders as LangChain Embeddings."""

from __future__ import annotations

from langchain_mmrerank import TextEmbeddings
from mmrerank.retrieval.base import default_embedder


class Lengths:
    """An embedder of the core, by the number of letters."""

    def embed_documents(self, texts):
        return [[float(len(text))] for text in texts]

    def embed_query(self, text):
        return [-float(len(text))]


def test_any_embedder_of_the_core_is_used():
    embeddings = TextEmbeddings(Lengths())
    assert embeddings.embed_documents(["a", "bcd"]) == [[1.0], [3.0]]
    assert embeddings.embed_query("ab") == [-2.0]


def test_the_default_needs_no_model():
    assert TextEmbeddings().embed_query("torque") == default_embedder().embed_query("torque")

"""MultimodalRetriever: any LlamaIndex retriever followed by a reranker."""

from __future__ import annotations

import asyncio

import pytest
from adapters.drivers import QUESTION
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM

import langchain_mmrerank
from llama_index_mmrerank import MultimodalRetriever, TextEmbedding
from mmrerank import InvalidInputError
from mmrerank.testing import FakeReranker


class FixedRetriever(BaseRetriever):
    """Retrieves what it was given."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle):
        return list(self.nodes)


def test_what_another_retriever_retrieved_is_reranked(nodes, rerank, mode):
    retriever = MultimodalRetriever(FixedRetriever(nodes), rerank)
    first, second, *_ = (
        retriever.retrieve(QUESTION)
        if mode == "sync"
        else asyncio.run(retriever.aretrieve(QUESTION))
    )
    assert (first.node_id, second.node_id) == ("figure", "torque")
    assert first.metadata["retrieval_rank"] == 2


def test_parts_of_langchain_are_told(nodes, rerank):
    theirs = langchain_mmrerank.MultimodalRerank(reranker=FakeReranker())
    store = InMemoryVectorStore(langchain_mmrerank.TextEmbeddings())
    for parts in ((FixedRetriever(nodes), theirs), (store.as_retriever(), rerank)):
        with pytest.raises(InvalidInputError, match="use llama_index_mmrerank with LlamaIndex"):
            MultimodalRetriever(*parts)


def test_a_query_engine_tells_the_class_of_langchain(nodes):
    theirs = langchain_mmrerank.MultimodalRerank(reranker=FakeReranker())
    index = VectorStoreIndex([item.node for item in nodes], embed_model=TextEmbedding())
    with pytest.raises(InvalidInputError, match="llama_index_mmrerank"):
        index.as_query_engine(llm=MockLLM(), node_postprocessors=[theirs])

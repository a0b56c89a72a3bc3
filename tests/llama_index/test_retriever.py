"""MultimodalRetriever: any LlamaIndex retriever followed by a reranker."""

from __future__ import annotations

import asyncio

from adapters.drivers import QUESTION
from llama_index.core.base.base_retriever import BaseRetriever

from llama_index_mmrerank import MultimodalRetriever


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

"""MultimodalRetriever: an index, or any LlamaIndex retriever followed by a reranker."""

from __future__ import annotations

import asyncio

import pytest
from adapters.drivers import QUESTION
from adapters.indexed import index, index_folder, made_index
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, QueryBundle
from pictured import open_index, picture, write_pictures

import langchain_mmrerank
from llama_index_mmrerank import MultimodalRetriever, TextEmbedding
from mmrerank import ImageError, InvalidInputError, OCRReranker
from mmrerank.testing import FakeReranker

__all__ = ["index", "index_folder", "made_index"]


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


def test_parts_of_langchain_are_an_error(nodes, rerank):
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


def test_an_index_in_a_query_engine(index, mode):
    debug = LlamaDebugHandler(print_trace_on_end=False)
    retriever = MultimodalRetriever(
        index=index,
        reranker=OCRReranker(ocr=False),
        top_n=2,
        callback_manager=CallbackManager([debug]),
    )
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    response = engine.query(QUESTION) if mode == "sync" else asyncio.run(engine.aquery(QUESTION))
    first, second = response.source_nodes
    assert first.score == first.metadata["relevance_score"] > second.score
    assert first.metadata["best_image"].endswith(".png")
    for metadata_mode in (MetadataMode.LLM, MetadataMode.EMBED):
        shown = first.node.get_content(metadata_mode)
        assert "The hall is old." in shown
        assert ".png" not in shown
        assert "relevance_score" not in shown
    assert ".png" not in str(response)  # a MockLLM repeats what it was asked
    (pair,) = debug.get_event_pairs(CBEventType.RETRIEVE)
    assert pair[1].payload["nodes"] == [first, second]


def test_a_query_with_an_image_reaches_the_reranker(index, figures):
    seen = []

    def score(query, document):
        seen.append(query)
        return 0.5

    reranker = FakeReranker(score)
    query = QueryBundle(QUESTION, image_path=str(figures / "words.png"))
    MultimodalRetriever(index=index, reranker=reranker).retrieve(query)
    assert any(part.images for part in seen)


def test_a_query_may_be_an_image_under_a_root(tmp_path, mode):
    docs = write_pictures(tmp_path / "docs")
    outside = picture(tmp_path / "outside.png", "green")
    with open_index(tmp_path / "store") as index:
        index.sync(docs)

        def ask(image, **options):
            retriever = MultimodalRetriever(index=index, top_n=1, **options)
            query = QueryBundle("", image_path=str(image))
            if mode == "sync":
                return retriever.retrieve(query)
            return asyncio.run(retriever.aretrieve(query))

        for image, root in ((outside, None), (docs / "1.png", docs), ("1.png", docs)):
            (best,) = ask(image, query_image_root=root)
            assert best.node.metadata["source"] == str(docs / "1.png")
        with pytest.raises(ImageError, match="outside"):
            ask(outside, query_image_root=docs)


def test_parts_that_do_not_go_together_are_an_error(index, nodes, rerank):
    with pytest.raises(InvalidInputError, match="not both"):
        MultimodalRetriever(FixedRetriever(nodes), rerank, index=index)
    with pytest.raises(InvalidInputError, match="top_n: only for a retriever over an index"):
        MultimodalRetriever(FixedRetriever(nodes), rerank, top_n=3)
    with pytest.raises(InvalidInputError, match="rerank is a NoneType"):
        MultimodalRetriever(FixedRetriever(nodes))

"""Both frameworks' adapters over an HTTP reranker: usage events, kept order, any service."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from calling import services
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, TextNode

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import APIError, RerankWarning
from mmrerank.cli.main import make_reranker
from mmrerank.testing import LocalRerankServer

TEXTS = ["nothing", "a turbine", "the torque of a turbine"]


def with_langchain(reranker, mode, callbacks=None):
    documents = [Document(page_content=text) for text in TEXTS]
    compressor = langchain_mmrerank.MultimodalRerank(reranker=reranker)
    if mode == "sync":
        found = compressor.compress_documents(documents, "turbine torque", callbacks)
    else:
        found = asyncio.run(compressor.acompress_documents(documents, "turbine torque", callbacks))
    return [(document.page_content, document.metadata) for document in found]


def with_llama_index(reranker, mode):
    nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in TEXTS]
    rerank = llama_index_mmrerank.MultimodalRerank(reranker=reranker)
    if mode == "sync":
        found = rerank.postprocess_nodes(nodes, query_str="turbine torque")
    else:
        found = asyncio.run(rerank.apostprocess_nodes(nodes, query_str="turbine torque"))
    return [(node.text, node.metadata) for node in found]


@pytest.mark.parametrize("name", services())
@pytest.mark.parametrize("adapter", [with_langchain, with_llama_index])
def test_both_adapters_take_every_service(name, adapter, mode):
    with (
        LocalRerankServer(dialect=name) as server,
        make_reranker(name, base_url=server.url, api_key=server.api_key) as reranker,
    ):
        found = adapter(reranker, mode)
    assert [text for text, _ in found] == TEXTS[::-1]
    assert found[0][1]["relevance_score"] == pytest.approx(1.0, abs=1e-6)
    assert "is_scored" not in found[0][1]


@pytest.mark.parametrize("adapter", [with_langchain, with_llama_index])
def test_documents_whose_order_was_kept_are_marked(adapter, mode):
    with LocalRerankServer(faults=[400, None]) as server:
        options = {"base_url": server.url, "api_key": server.api_key, "on_error": "keep_order"}
        with make_reranker("jina", **options) as reranker:
            with pytest.warns(RerankWarning, match="not reranked"):
                kept = adapter(reranker, mode)
            assert [text for text, _ in kept] == TEXTS
            assert all(metadata["is_scored"] is False for _, metadata in kept)
            assert not any("is_scored" in metadata for _, metadata in adapter(reranker, mode))


class Seen(BaseCallbackHandler):
    def __init__(self):
        self.events = []

    def on_custom_event(self, name, data, **kwargs):
        self.events.append((name, data))


class SeenAsync(AsyncCallbackHandler):
    def __init__(self):
        self.events = []

    async def on_custom_event(self, name, data, **kwargs):
        self.events.append((name, data))


@pytest.mark.parametrize("fault", [None, 400])
def test_langchains_callbacks_hear_of_the_usage(mode, fault):
    seen = Seen() if mode == "sync" else SeenAsync()
    failing = pytest.raises(APIError) if fault else contextlib.nullcontext()
    with (
        LocalRerankServer(faults=[fault]) as server,
        make_reranker("jina", base_url=server.url, api_key=server.api_key) as reranker,
        failing,
    ):
        with_langchain(reranker, mode, [seen])
    ((name, data),) = seen.events
    assert name == "mmrerank_usage"
    assert (data["model"], data["documents"], data["requests"]) == ("jina-reranker-m0", 3, 1)
    assert all(isinstance(value, (int, str)) or value is None for value in data.values())

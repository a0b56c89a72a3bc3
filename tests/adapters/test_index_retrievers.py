"""What both adapters promise of a retriever over an index."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from adapters.drivers import Item
from adapters.indexed import QUESTION, draw_pdf, index, index_folder, made_index
from langchain_core.vectorstores import InMemoryVectorStore

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import InvalidInputError, OCRReranker, StoreError
from mmrerank.base import Scored
from mmrerank.index import Index
from mmrerank.testing import FakeReranker

__all__ = ["index", "index_folder", "made_index"]


class LangChain:
    """LangChain's retriever; all errors of its keywords are ValueErrors."""

    make = langchain_mmrerank.MultimodalRetriever
    fetch_k = "fetch_k"

    @staticmethod
    async def aask(retriever, question):
        return [LangChain.read(found) for found in await retriever.ainvoke(question)]

    @staticmethod
    def ask(retriever, question):
        return [LangChain.read(found) for found in retriever.invoke(question)]

    @staticmethod
    def read(document):
        return Item(document.page_content, document.id, document.metadata)


class LlamaIndex:
    """LlamaIndex's retriever."""

    make = llama_index_mmrerank.MultimodalRetriever
    fetch_k = "similarity_top_k"

    @staticmethod
    async def aask(retriever, question):
        return [LlamaIndex.read(found) for found in await retriever.aretrieve(question)]

    @staticmethod
    def ask(retriever, question):
        return [LlamaIndex.read(found) for found in retriever.retrieve(question)]

    @staticmethod
    def read(node):
        return Item(node.node.get_content(), node.node_id, node.metadata, node.score)


@pytest.fixture(params=[LangChain, LlamaIndex], ids=["langchain", "llama_index"])
def framework(request):
    return request.param


@pytest.fixture
def ask(framework, mode):
    """`ask(retriever, question)`: the results as items, with and without async."""

    def run(retriever, question=QUESTION):
        if mode == "sync":
            return framework.ask(retriever, question)
        return asyncio.run(framework.aask(retriever, question))

    return run


def test_results_have_the_metadata_of_loader_and_reranker(framework, ask, index):
    first, *others = ask(framework.make(index=index, reranker=OCRReranker(ocr=False), top_n=3))
    (hit, *_) = index.search(QUESTION, OCRReranker(ocr=False), top_n=3)
    assert len(others) == 2
    assert (first.text, first.id) == (hit.text, hit.id)
    assert first.text.startswith("The hall is old.")  # a figure and its chunk are one result
    (entry,) = [one for one in index.entries(hit.source) if one.id == hit.id]
    found_by = {
        "retrieval_rank": hit.retrieval_rank,
        "retrieval_score": hit.retrieval_score,
        "relevance_score": hit.score,
        "best_image": hit.best_image,
    }
    assert first.metadata == {**entry.metadata, **found_by}
    assert {"source", "page", "position", "images"} <= set(entry.metadata)
    assert first.metadata["best_image"] in json.loads(first.metadata["images"])
    assert (index.image_root / first.metadata["best_image"]).is_file()
    json.dumps(first.metadata)


def test_without_a_reranker_the_index_orders(framework, ask, index):
    found = ask(framework.make(index=index))
    assert [one.id for one in found] == [hit.id for hit in index.search(QUESTION)]
    assert len(found) == 4
    assert all("relevance_score" not in one.metadata for one in found)
    assert [one.metadata["retrieval_rank"] for one in found] == sorted(
        one.metadata["retrieval_rank"] for one in found
    )


def test_a_failed_call_is_told_as_by_the_reranker(framework, ask, index):
    class Down(FakeReranker):
        def _score(self, query, contents):
            return [Scored(0.0, is_scored=False) for _ in contents]

    assert all(
        one.metadata["is_scored"] is False
        for one in ask(framework.make(index=index, reranker=Down()))
    )


def test_where_routes_and_candidates_reach_the_index(framework, ask, index):
    only = ask(framework.make(index=index, where={"file": "b.pdf", "page": (2, 3)}))
    assert [(Path(one.metadata["source"]).name, one.metadata["page"]) for one in only] == [
        ("b.pdf", 2),
        ("b.pdf", 3),
    ]
    assert ask(framework.make(index=index, routes=["words"]), "nothing of this") == []
    reranker, seen = FakeReranker(), []
    reranker.on_usage = seen.append
    ask(framework.make(index=index, reranker=reranker, top_n=1, **{framework.fetch_k: 2}))
    ask(framework.make(index=index, reranker=reranker, top_n=3, **{framework.fetch_k: 2}))
    assert [usage.documents for usage in seen] == [2, 3]


def test_a_folder_is_opened(framework, ask, index_folder):
    retriever = framework.make(index=str(index_folder), top_n=1)
    assert len(ask(retriever)) == 1
    assert retriever.index.folder == index_folder
    retriever.index.close()


def test_a_closed_index_is_a_clear_error(framework, ask, index_folder):
    index = Index(index_folder, ocr=False)
    retriever = framework.make(index=index)
    ask(retriever)
    index.close()
    with pytest.raises(StoreError, match="is closed"):
        ask(retriever)


def test_several_retrievers_share_an_index_and_see_what_is_added(framework, index, tmp_path):
    """In several threads; then another `Index` of the process writes to the folder."""
    retrievers = [
        framework.make(index=index, reranker=OCRReranker(ocr=False)),
        framework.make(index=index, routes=["vectors"]),
        framework.make(index=index.folder, where={"file": "b.pdf"}),
    ]

    def ask(retriever):
        return [one.id for one in framework.ask(retriever, QUESTION)]

    expected = [ask(retriever) for retriever in retrievers]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, retrievers * 10)) == expected * 10
        with Index(index.folder, ocr=False) as writer:
            writer.add(draw_pdf(tmp_path / "c.pdf", "Granite is a stone."))
        assert [len(found) for found in pool.map(ask, retrievers)] == [5, 5, 3]
    assert framework.ask(retrievers[0], "granite")[0].text == "Granite is a stone."
    retrievers[2].index.close()


def test_parts_that_cannot_be_used_are_told(framework, index, tmp_path):
    """LangChain's fields wrap an `InvalidInputError` in pydantic's `ValidationError`."""
    with pytest.raises(StoreError, match="there is no index"):
        framework.make(index=tmp_path / "nothing")
    with pytest.raises(ValueError, match="index is a InMemoryVectorStore"):
        framework.make(index=InMemoryVectorStore(langchain_mmrerank.TextEmbeddings()))
    with pytest.raises(ValueError, match="pass index="):
        framework.make()
    for name in ("top_n", framework.fetch_k):
        with pytest.raises(ValueError, match=name):
            framework.make(index=index, **{name: 0})
    with pytest.raises(InvalidInputError, match="routes are"):
        framework.ask(framework.make(index=index, routes=["pictures"]), QUESTION)
    with pytest.raises(InvalidInputError, match="needs the image embedder"):
        framework.ask(framework.make(index=index, routes=["images"]), QUESTION)
    with pytest.raises(InvalidInputError, match="kind is one of"):
        framework.ask(framework.make(index=index, where={"kind": "table"}), QUESTION)
    with pytest.raises(InvalidInputError, match="query"):
        framework.ask(framework.make(index=index), "")


async def test_a_search_does_not_block_the_event_loop(framework, index):
    """The rerank call waits for the loop: it would never come to an end in a blocked one."""
    asked = asyncio.Event()

    class Waiting(FakeReranker):
        async def arerank(self, query, documents, top_n=None, min_score=None):
            await asyncio.wait_for(asked.wait(), 10)
            return await super().arerank(query, documents, top_n, min_score)

    search = asyncio.create_task(
        framework.aask(framework.make(index=index, reranker=Waiting()), QUESTION)
    )
    await asyncio.sleep(0)
    asked.set()
    assert len(await search) == 4

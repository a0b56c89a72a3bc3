"""MultimodalRerank in LangChain: retrievers, chains, callbacks and traces.

What both adapters promise is tested in tests/adapters.
"""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from adapters.drivers import QUESTION, ids
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_mmrerank import MultimodalRerank, TextEmbeddings
from mmrerank import (
    APIError,
    AuthenticationError,
    Content,
    Image,
    ImageError,
    InvalidInputError,
    JinaReranker,
)
from mmrerank.testing import LocalRerankServer


@pytest.fixture(params=["sync", "async"])
def compress(request):
    """`compress(compressor, documents, query, callbacks)`: the method, or its async twin."""

    def run(compressor, documents, query=QUESTION, callbacks=None):
        if request.param == "sync":
            return compressor.compress_documents(documents, query, callbacks)
        return asyncio.run(compressor.acompress_documents(documents, query, callbacks))

    return run


@pytest.fixture(params=["invoke", "ainvoke", "batch", "abatch"])
def ask(request):
    """`ask(runnable, question)`: the answer, got in each way that a Runnable has."""

    def run(runnable, question, config=None):
        if request.param == "invoke":
            return runnable.invoke(question, config)
        if request.param == "ainvoke":
            return asyncio.run(runnable.ainvoke(question, config))
        if request.param == "batch":
            first, second = runnable.batch([question, question], config)
        else:
            first, second = asyncio.run(runnable.abatch([question, question], config))
        assert first == second
        return first

    return run


def retriever_over(documents, compressor, k=10):
    store = InMemoryVectorStore(TextEmbeddings())
    store.add_documents(documents)
    return ContextualCompressionRetriever(
        base_compressor=compressor, base_retriever=store.as_retriever(search_kwargs={"k": k})
    )


# -- in a retriever


def test_a_retriever_gives_the_chunk_with_the_figure_first(documents, compressor, ask):
    results = ask(retriever_over(documents, compressor), QUESTION)
    assert ids(results)[:2] == ["figure", "torque"]
    assert set(ids(results)) == {"cat", "figure", "empty", "torque"}
    assert results[0].metadata["best_image"] == "words.png"


def test_errors_of_a_service_come_through_the_retriever(documents, figures, ask):
    with (
        LocalRerankServer(faults=[401] * 2) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, max_retries=0) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures)
        with pytest.raises(AuthenticationError):
            ask(retriever_over(documents, rerank), QUESTION)


def test_a_serialized_retriever_does_not_show_the_key(documents, figures):
    key = "jina_0123456789"
    rerank = MultimodalRerank(reranker=JinaReranker(api_key=key), image_root=figures)
    retriever = retriever_over(documents, rerank)
    assert key not in repr(retriever) + dumps(retriever)


# -- images as queries, and plain results


def test_a_query_may_be_only_an_image(documents, compressor, compress, figures):
    query = Content(images=[Image.from_path(figures / "words.png")])
    assert compress(compressor, documents, query)[0].id == "figure"


def test_an_empty_content_is_an_error(documents, compressor, compress):
    with pytest.raises(InvalidInputError, match="query"):
        compress(compressor, documents, Content(""))


@pytest.mark.parametrize("way", ["sync", "async"])
def test_rerank_gives_plain_dicts(documents, compressor, figures, way):
    def rerank(*args, **options):
        if way == "sync":
            return compressor.rerank(*args, **options)
        return asyncio.run(compressor.arerank(*args, **options))

    rows = rerank(documents, QUESTION)
    assert rows[0] == {
        "index": 1,
        "relevance_score": rows[0]["relevance_score"],
        "best_image": "words.png",
    }
    assert sorted(row["index"] for row in rows) == [0, 1, 2, 3]
    assert set(rows[-1]) == {"index", "relevance_score"}
    json.dumps(rows)

    query = Content("where is the", [Image.from_path(figures / "words.png")])
    assert rerank(documents, query, top_n=1)[0]["index"] == 1
    assert rerank(["a cat", "a torque wrench"], QUESTION, top_n=1)[0]["index"] == 1
    compressor.top_n = 3
    assert len(rerank(documents, QUESTION)) == 3
    assert len(rerank(documents, QUESTION, top_n=4)) == 4
    with pytest.raises(InvalidInputError, match="top_n"):
        rerank(documents, QUESTION, top_n=0)


# -- callbacks and traces


class Recorder(BaseCallbackHandler):
    """Writes down the start, end and error of each run that is named like our class."""

    def __init__(self):
        self.events = []
        self.parents = []
        self.mine = set()

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **kwargs):
        if kwargs.get("name") == "MultimodalRerank":
            self.mine.add(run_id)
            self.parents.append(parent_run_id)
            self.events.append(("start", inputs, serialized))

    def on_chain_end(self, outputs, *, run_id, **kwargs):
        if run_id in self.mine:
            self.events.append(("end", outputs))

    def on_chain_error(self, error, *, run_id, **kwargs):
        if run_id in self.mine:
            self.events.append(("error", type(error), str(error)))


def test_a_trace_shows_a_run_with_counts_only(documents, compressor, compress):
    recorder = Recorder()
    compress(compressor, documents, QUESTION, [recorder])
    (start, inputs, _), (end, outputs) = recorder.events
    assert (start, end) == ("start", "end")
    assert inputs == {"model": "ocr-bm25", "documents": 4}
    assert outputs == {"documents": 4, "images_read": 2}
    shown = json.dumps(recorder.events, default=str)
    assert not any(text in shown for text in ("turbine", "cat", "words.png", "base64"))


def test_the_run_is_a_child_of_the_retrievers_run(documents, compressor, ask):
    recorder, collector = Recorder(), RunCollectorCallbackHandler()
    ask(retriever_over(documents, compressor), QUESTION, {"callbacks": [recorder, collector]})
    roots = collector.traced_runs
    assert {root.run_type for root in roots} == {"retriever"}
    for root in roots:
        assert [run.name for run in root.child_runs][-1] == "MultimodalRerank"
        assert root.child_runs[-1].end_time is not None
    assert set(recorder.parents) == {root.id for root in roots}
    assert [event[0] for event in recorder.events].count("end") == len(roots)


@pytest.mark.parametrize("broken", ["service", "image", "query"])
def test_a_failure_ends_the_run_with_an_error(documents, figures, compress, broken):
    recorder = Recorder()
    with (
        LocalRerankServer(faults=[500]) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, max_retries=0) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures)
        if broken == "image":
            documents[0].metadata["images"] = "missing.png"
        with pytest.raises((APIError, ImageError, InvalidInputError)) as caught:
            compress(rerank, documents, " " if broken == "query" else QUESTION, [recorder])
    (start, *_), (end, kind, message) = recorder.events
    assert (start, end) == ("start", "error")
    assert kind is caught.type
    assert "base64" not in message


def test_empty_input_has_a_start_and_an_end_too(compressor, compress):
    recorder = Recorder()
    compress(compressor, [], QUESTION, [recorder])
    assert [event[0] for event in recorder.events] == ["start", "end"]


class Usages(BaseCallbackHandler):
    """Records custom events."""

    def __init__(self):
        self.events = []

    def on_custom_event(self, name, data, **kwargs):
        self.events.append((name, data))


class AsyncUsages(AsyncCallbackHandler):
    """Records custom events."""

    def __init__(self):
        self.events = []

    async def on_custom_event(self, name, data, **kwargs):
        self.events.append((name, data))


@pytest.mark.parametrize("fault", [None, 400])
def test_callbacks_receive_the_usage(documents, compressor, mode, fault):
    seen = Usages() if mode == "sync" else AsyncUsages()
    failing = pytest.raises(APIError) if fault else contextlib.nullcontext()
    with (
        LocalRerankServer(faults=[fault]) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
        failing,
    ):
        rerank = compressor.model_copy(update={"reranker": reranker})
        if mode == "sync":
            rerank.compress_documents(documents, QUESTION, [seen])
        else:
            asyncio.run(rerank.acompress_documents(documents, QUESTION, [seen]))
    ((name, data),) = seen.events
    assert name == "mmrerank_usage"
    assert (data["model"], data["documents"], data["requests"]) == ("jina-reranker-m0", 4, 1)
    assert all(isinstance(value, (int, str)) or value is None for value in data.values())


# -- chains


def test_works_as_a_part_of_a_chain(documents, compressor, ask):
    retriever = retriever_over(documents, compressor)
    chain = RunnableParallel(context=retriever, question=RunnablePassthrough()) | RunnableLambda(
        lambda got: f"{got['question']}: {got['context'][0].id}"
    )
    recorder = Recorder()
    assert ask(chain, QUESTION, {"callbacks": [recorder]}) == "turbine torque: figure"
    assert recorder.events
    assert None not in recorder.parents


def test_the_callbacks_of_a_chain_are_found_without_being_passed(documents, compressor):
    chain = RunnableLambda(lambda query: compressor.compress_documents(documents, query))
    recorder = Recorder()
    assert chain.invoke(QUESTION, {"callbacks": [recorder]})[0].id == "figure"
    assert [event[0] for event in recorder.events] == ["start", "end"]


async def test_works_in_a_running_event_loop(documents, compressor):
    retriever = retriever_over(documents, compressor)
    assert ids(await retriever.ainvoke(QUESTION))[0] == "figure"
    assert ids(retriever.invoke(QUESTION))[0] == "figure"  # as in a notebook

"""MultimodalRerank as a LangChain document compressor."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import png
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.load import dumps
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import ValidationError

from langchain_mmrerank import MultimodalRerank, TextEmbeddings
from mmrerank import (
    APIError,
    APITimeoutError,
    AuthenticationError,
    Content,
    Image,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    JinaReranker,
    OCRReranker,
    RateLimitError,
    RerankWarning,
)
from mmrerank.testing import FakeReranker, LocalRerankServer, overlap

QUESTION = "turbine torque"


@pytest.fixture
def figures(image_root):
    """The image root; beside words.png stand its words, as a loader leaves them."""
    facts = {"words": "turbine torque in newton metres by speed", "page": 3, "box": []}
    (image_root / "words.json").write_text(json.dumps(facts))
    return image_root


@pytest.fixture
def documents():
    """The answer is in a figure of the second; the text of the fourth only comes near."""
    return [
        Document("a cat sleeps on the mat", id="cat", metadata={"source": "cats", "tags": ["x"]}),
        Document(
            "see the picture for this",
            id="figure",
            metadata={"images": '["blank.png", "words.png"]', "page": 3, "deep": {"list": [1]}},
        ),
        Document("", id="empty"),
        Document("a torque wrench", id="torque"),
    ]


@pytest.fixture
def compressor(figures):
    return MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)


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


def ids(documents):
    return [document.id for document in documents]


# -- the result


def test_a_retriever_gives_the_chunk_with_the_figure_first(documents, compressor, ask):
    found = ask(retriever_over(documents, compressor), QUESTION)
    assert ids(found)[:2] == ["figure", "torque"]
    assert set(ids(found)) == {"cat", "figure", "empty", "torque"}
    assert found[0].metadata["best_image"] == "words.png"


def test_scores_are_added_and_everything_else_stays(documents, compressor, compress):
    found = compress(compressor, documents)
    given = {document.id: document for document in documents}
    added = {"relevance_score", "retrieval_rank"}
    for document in found:
        before = given[document.id]
        assert document.page_content == before.page_content
        kept = {k: v for k, v in document.metadata.items() if k not in added | {"best_image"}}
        assert kept == before.metadata
        assert added <= set(document.metadata)
        assert documents[document.metadata["retrieval_rank"] - 1] is before
    scores = [document.metadata["relevance_score"] for document in found]
    assert scores == sorted(scores, reverse=True)
    assert all(type(score) is float for score in scores)
    assert all(type(document.metadata["retrieval_rank"]) is int for document in found)
    json.dumps([document.metadata for document in found])


def test_only_a_document_that_an_image_helped_names_one(documents, compressor, compress):
    named = {d.id: d.metadata.get("best_image") for d in compress(compressor, documents)}
    assert named == {"figure": "words.png", "torque": None, "cat": None, "empty": None}


def test_the_input_is_never_changed(documents, compressor, compress):
    before = copy.deepcopy(documents)
    found = compress(compressor, documents)
    assert documents == before
    found[0].metadata["relevance_score"] = "changed by the caller"
    assert documents == before


@pytest.mark.parametrize("kind", ["fake", "ocr", "jina"])
def test_documents_without_text_and_without_images_stay(documents, figures, compress, kind):
    with LocalRerankServer() as server:
        reranker = {
            "fake": FakeReranker,
            "ocr": lambda: OCRReranker(ocr=False),
            "jina": lambda: JinaReranker(api_key=server.api_key, base_url=server.url),
        }[kind]()
        with reranker:
            found = compress(MultimodalRerank(reranker=reranker, image_root=figures), documents)
    assert sorted(ids(found)) == ["cat", "empty", "figure", "torque"]


def test_no_documents_give_no_documents(compressor, compress):
    assert compress(compressor, []) == []
    assert compress(compressor, [], "") == []


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (3, 3), (4, 4), (100, 4), (None, 4)])
def test_top_n_keeps_the_best(documents, compressor, compress, top_n, count):
    everything = compress(compressor, documents)
    compressor.top_n = top_n
    assert compress(compressor, documents) == everything[:count]


def test_min_score_leaves_out_what_scores_less(documents, compressor, compress):
    everything = compress(compressor, documents)
    compressor.min_score = everything[1].metadata["relevance_score"]
    assert compress(compressor, documents) == everything[:2]
    compressor.min_score = 2.0
    assert compress(compressor, documents) == []


@pytest.mark.parametrize("score", [0.25, 1, np.float32(0.25), np.float64(0.25), np.int64(2)])
def test_an_earlier_score_is_kept_whatever_number_it_is(compressor, compress, score):
    (found,) = compress(compressor, [Document("x", metadata={"relevance_score": score})])
    assert found.metadata["retrieval_score"] == score
    assert type(found.metadata["retrieval_score"]) is float


def test_a_second_reranker_keeps_rank_and_score_of_the_retrieval(documents, compressor, compress):
    for i, document in enumerate(documents[:3]):  # the fourth came without a score
        document.metadata["relevance_score"] = 0.9 - i / 10
    first = compress(compressor, documents)
    second = compress(MultimodalRerank(reranker=FakeReranker(), image_key="none"), first[::-1])
    assert len(second) == 4
    for document in second:
        place = ids(documents).index(document.id)
        assert document.metadata["retrieval_rank"] == place + 1
        earlier = documents[place].metadata.get("relevance_score")
        assert document.metadata.get("retrieval_score") == earlier


def test_a_winning_image_of_an_earlier_reranker_is_not_passed_off_as_ones_own(
    documents, compressor, compress
):
    first = compress(compressor, documents)
    text_only = MultimodalRerank(reranker=FakeReranker(), image_key="no such key")
    again = {d.id: d.metadata for d in compress(text_only, first)}
    assert "best_image" not in again["figure"]


def test_equal_scores_keep_the_order_of_the_retriever(compressor, compress):
    same = [Document("nothing in common", id=str(i)) for i in range(6)]
    assert ids(compress(compressor, same)) == ["0", "1", "2", "3", "4", "5"]


# -- images as queries, and plain results


def test_a_query_may_be_an_image(documents, compressor, compress, figures):
    query = Content(images=[Image.from_path(figures / "words.png")])
    found = compress(compressor, documents, query)
    assert ids(found)[0] == "figure"


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


# -- indexes that exist already


@pytest.mark.parametrize(
    ("image_key", "metadata"),
    [
        ("images", {"images": ["words.png"]}),
        ("images", {"images": '["words.png"]'}),
        ("picture", {"picture": "words.png"}),
        ("picture", {"picture": {"path": "words.png", "page": 3}}),
        ("pictures", {"pictures": [{"path": "words.png"}, {"path": "blank.png"}]}),
        ("pictures", {"pictures": '[{"path": "words.png"}]'}),
        (["none", "fig", "more"], {"fig": "blank.png", "more": ["words.png"], "none": None}),
        (lambda metadata: metadata["a"]["b"], {"a": {"b": ("words.png",)}}),
        (lambda metadata: f"{metadata['name']}.png", {"name": "words"}),
        ("path", {"path": "./words.png"}),
        ("path", {"path": "sub\\inner.png"}),
    ],
)
def test_image_paths_of_an_existing_index_are_read(figures, compress, image_key, metadata):
    (figures / "sub").mkdir()
    for kind in ("png", "json"):
        (figures / "sub" / f"inner.{kind}").write_bytes((figures / f"words.{kind}").read_bytes())
    rerank = MultimodalRerank(
        reranker=OCRReranker(ocr=False), image_root=figures, image_key=image_key, top_n=1
    )
    documents = [Document("torque", id="text"), Document("see there", id="x", metadata=metadata)]
    if callable(image_key):
        documents = documents[1:]
    (found,) = compress(rerank, documents)
    assert found.id == "x"
    assert found.metadata["best_image"].endswith(("words.png", "inner.png"))


def test_several_image_roots_are_tried_in_order(figures, tmp_path, compress):
    empty = tmp_path / "empty"
    empty.mkdir()
    rerank = MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=[empty, str(figures)])
    (found,) = compress(rerank, [Document("x", metadata={"images": "words.png"})])
    assert found.metadata["best_image"] == "words.png"


def test_tenants_have_image_roots_of_their_own(tmp_path, compress):
    for tenant, words in (("a", "turbine torque"), ("b", "cat food")):
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / "figure.png").write_bytes(png(words))
        (tmp_path / tenant / "figure.json").write_text(
            json.dumps({"words": words, "page": 1, "box": []})
        )
    rerank = MultimodalRerank(
        reranker=OCRReranker(ocr=False), image_root=lambda metadata: tmp_path / metadata["tenant"]
    )
    documents = [
        Document("x", id=tenant, metadata={"images": "figure.png", "tenant": tenant})
        for tenant in ("b", "a")
    ]
    assert ids(compress(rerank, documents)) == ["a", "b"]
    stolen = Document("x", metadata={"images": "../a/figure.png", "tenant": "b"})
    with pytest.raises(ImageError, match=r"\.\."):
        compress(rerank, [stolen])


@pytest.mark.parametrize(
    ("old", "ref"),
    [
        ("/home/old/images", "/home/old/images/words.png"),
        ("C:\\data\\images\\", "C:\\data\\images\\words.png"),
        ("figures", "figures/words.png"),
    ],
)
def test_images_whose_folder_has_moved_are_found_by_path_map(figures, compress, old, ref):
    rerank = MultimodalRerank(
        reranker=OCRReranker(ocr=False), image_root=figures, path_map={old: str(figures)}
    )
    document = Document("x", metadata={"images": [ref]})
    assert compress(rerank, [document])[0].metadata["best_image"] == ref
    rerank.path_map = None
    with pytest.raises(ImageError):
        compress(rerank, [document])


def test_an_absolute_path_counts_only_under_the_image_root(figures, tmp_path, compress):
    rerank = MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)
    inside = Document("x", metadata={"images": str(figures / "words.png")})
    assert compress(rerank, [inside])[0].metadata["best_image"] == str(figures / "words.png")
    (tmp_path / "outside.png").write_bytes(png())
    with pytest.raises(ImageError, match="outside the image root"):
        compress(rerank, [Document("x", metadata={"images": str(tmp_path / "outside.png")})])


@pytest.mark.parametrize(
    "ref", ["missing.png", "../secret.png", "/etc/passwd", "text.png", "file:///x.png", {"a": 1}]
)
def test_an_image_that_cannot_be_used_raises_or_warns(figures, compress, ref):
    (figures / "text.png").write_text("no image")
    metadata = {"images": [ref, "words.png"]}
    documents = [Document("turbine", metadata=metadata), Document("nothing")]
    rerank = MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)
    with pytest.raises(ImageError):
        compress(rerank, documents)
    rerank.on_image_error = "warn"
    with pytest.warns(RerankWarning, match="left out"):
        found = compress(rerank, documents)
    assert len(found) == 2
    assert found[0].metadata["images"] == [ref, "words.png"]


def test_images_without_an_image_root_raise(documents, compress):
    with pytest.raises(ImageError, match="image_root"):
        compress(MultimodalRerank(reranker=OCRReranker(ocr=False)), documents)


def test_urls_are_refused_passed_on_or_fetched_as_the_caller_says(compress):
    url = "https://example.org/figure.png"
    documents = [Document("turbine", metadata={"images": [url]})]
    with pytest.raises(ImageError, match="is a URL"):
        compress(MultimodalRerank(reranker=FakeReranker()), documents)

    def scores(query, item):
        return 0.9 if item.images and item.images[0].url == url else 0.1

    with (
        LocalRerankServer(scores) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, send_urls=True) as reranker,
    ):
        found = compress(MultimodalRerank(reranker=reranker, urls="pass"), documents)
    assert {"image": url} in server.requests[0]["documents"]
    assert found[0].metadata["best_image"] == url

    inside = [Document("turbine", metadata={"images": ["http://127.0.0.1:9/figure.png"]})]
    with pytest.raises(ImageError, match=r"127\.0\.0\.1"):
        compress(MultimodalRerank(reranker=FakeReranker(), urls="fetch"), inside)


# -- a service


def test_text_and_images_of_one_document_reach_the_service_once(documents, figures, compress):
    with (
        LocalRerankServer() as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        twice = [*documents, documents[1].model_copy(update={"id": "again"})]
        found = compress(MultimodalRerank(reranker=reranker, image_root=figures), twice)
    (body,) = server.requests
    images = [item["image"] for item in body["documents"] if "image" in item]
    assert len(images) == 2
    assert all(image.startswith("data:image/png;base64,") for image in images)
    assert len(found) == 5
    scores = {document.id: document.metadata["relevance_score"] for document in found}
    assert scores["figure"] == scores["again"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (401, AuthenticationError),
        (429, RateLimitError),
        (500, APIError),
        ("timeout", APITimeoutError),
        ("truncated", InvalidResponseError),
        ("missing", InvalidResponseError),
        ("foreign", InvalidResponseError),
        ("nan", InvalidResponseError),
    ],
)
def test_errors_of_a_service_are_typed_and_come_through_the_retriever(
    documents, figures, ask, fault, error
):
    patience = 0.3 if fault == "timeout" else 20.0  # seconds: machines are busy at times
    with (
        LocalRerankServer(faults=[fault] * 2) as server,
        JinaReranker(
            api_key=server.api_key, base_url=server.url, timeout=patience, max_retries=0
        ) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures)
        with pytest.raises(error):
            ask(retriever_over(documents, rerank), QUESTION)


@pytest.mark.parametrize("query", ["", "  ", Content("")])
def test_an_empty_query_is_an_error(documents, compressor, compress, query):
    with pytest.raises(InvalidInputError, match="query"):
        compress(compressor, documents, query)


def test_what_is_no_document_is_named(compressor, compress):
    with pytest.raises(InvalidInputError, match=r"documents\[1\] is a dict"):
        compress(compressor, [Document("x"), {"page_content": "y"}])


# -- options and secrets


@pytest.mark.parametrize(
    "options",
    [
        {"topn": 3},
        {"top_n": 0},
        {"top_n": "many"},
        {"on_image_error": "ignore"},
        {"urls": "yes"},
        {"reranker": "jina-reranker-m0"},
        {"api_key": "x"},
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        MultimodalRerank(**{"reranker": FakeReranker(), **options})


def test_the_key_shows_nowhere(documents, figures, monkeypatch):
    key = "jina_0123456789"
    reranker = JinaReranker(api_key=key, headers={"X-Team": "y"})
    rerank = MultimodalRerank(reranker=reranker, image_root=Path(figures))
    retriever = retriever_over(documents, rerank)
    for shown in (
        repr(rerank),
        str(rerank),
        repr(rerank.model_dump()),
        rerank.model_dump_json(),
        repr(retriever),
        dumps(retriever),
        repr(vars(reranker)),
        repr(vars(copy.deepcopy(rerank).reranker)),
    ):
        assert key not in shown
    assert key.encode() not in pickle.dumps(rerank)


def test_an_unpickled_compressor_works_with_the_key_of_its_environment(
    documents, figures, monkeypatch
):
    with (
        LocalRerankServer() as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures, top_n=2)
        packed = pickle.dumps(rerank)
        monkeypatch.setenv("JINA_API_KEY", server.api_key)
        again = pickle.loads(packed)
        expected = rerank.compress_documents(documents, QUESTION)
        assert again.compress_documents(documents, QUESTION) == expected
        again.reranker.close()


# -- traces


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
    (start, asked, _), (end, given) = recorder.events
    assert (start, end) == ("start", "end")
    assert asked == {"model": "ocr-bm25", "documents": 4}
    assert given == {"documents": 4, "images_read": 2}
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


# -- chains and concurrency


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


async def test_twenty_at_once_do_not_mix(figures):
    documents = [Document(f"chunk number n{i} of all", id=str(i)) for i in range(20)]
    documents[7].metadata["images"] = "blank.png"

    def scores(query, item):
        return 0.0 if item.images else overlap(query, item)

    with (
        LocalRerankServer(scores, latency=0.05) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures, top_n=1)
        found = await asyncio.gather(
            *(rerank.acompress_documents(documents, f"number n{i}") for i in range(20))
        )
    assert [ids(one) for one in found] == [[str(i)] for i in range(20)]
    assert server.most_at_once > 1


@pytest.mark.parametrize("slow", ["service", "disk"])
async def test_the_async_method_leaves_the_event_loop_free(documents, figures, slow):
    def root(metadata):
        time.sleep(0.2 if slow == "disk" else 0)
        return figures

    with (
        LocalRerankServer(latency=0.2 if slow == "service" else 0) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=root)
        task = asyncio.create_task(rerank.acompress_documents(documents, QUESTION))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
    assert len(task.result()) == len(documents)
    assert ticks > 5


def test_warm_reads_images_ahead_of_any_query(documents, compressor, figures):
    read = []

    class Counting(OCRReranker):
        def warm(self, documents, *, show_progress=False):
            read.extend(image for document in documents for image in document.images)

    MultimodalRerank(reranker=Counting(ocr=False), image_root=figures).warm(documents)
    assert [image.path.name for image in read] == ["blank.png", "words.png"]

"""What both adapters promise of their results: kept, ordered, cut, scored, and nothing changed."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import time

import numpy as np
import pytest
from adapters.drivers import QUESTION, Item, LangChain, LlamaIndex, ids
from pydantic import ValidationError

from mmrerank import AuthenticationError, InvalidInputError, JinaReranker, OCRReranker
from mmrerank.adapter_options import RerankOptions
from mmrerank.testing import FakeReranker, LocalRerankServer

ADDED = {"part_scores", "relevance_score", "retrieval_rank", "retrieval_score", "best_image"}


# -- the result


def test_the_document_with_the_figure_comes_first(documents, rerank, any_way):
    first, second, *others = any_way(rerank, documents)
    assert (first.id, second.id) == ("figure", "torque")
    assert set(ids(others)) == {"cat", "empty"}
    assert first.metadata["best_image"] == "words.png"


def test_scores_are_added_and_everything_else_stays(items, documents, rerank, any_way):
    results = any_way(rerank, documents)
    before = {item.id: item for item in items}
    for result in results:
        item = before[result.id]
        assert result.text == item.text
        assert {k: v for k, v in result.metadata.items() if k not in ADDED} == item.metadata
        assert items[result.metadata["retrieval_rank"] - 1] is item
        assert result.metadata.get("retrieval_score") == item.score
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)


def test_metadata_is_plain_json(documents, rerank, adapter):
    for result in adapter(rerank, documents):
        assert type(result.score) is float
        assert type(result.metadata["relevance_score"]) is float
        assert type(result.metadata.get("retrieval_score", 0.0)) is float
        assert type(result.metadata["retrieval_rank"]) is int
        assert json.loads(json.dumps(result.metadata)) == result.metadata


def test_only_a_document_that_an_image_helped_names_one(documents, rerank, adapter):
    best = {d.id: d.metadata.get("best_image") for d in adapter(rerank, documents)}
    assert best == {"figure": "words.png", "torque": None, "cat": None, "empty": None}


def test_the_input_is_never_changed(documents, rerank, any_way):
    before = copy.deepcopy(documents)
    results = any_way.compress(rerank, documents)
    assert documents == before
    results[0].metadata["relevance_score"] = "changed by the caller"
    assert documents == before


@pytest.mark.parametrize("kind", ["fake", "ocr", "jina"])
def test_documents_without_text_and_without_images_stay(documents, figures, adapter, kind):
    with LocalRerankServer() as server:
        reranker = {
            "fake": FakeReranker,
            "ocr": lambda: OCRReranker(ocr=False),
            "jina": lambda: JinaReranker(api_key=server.api_key, base_url=server.url),
        }[kind]()
        with reranker:
            results = adapter(adapter.rerank(reranker=reranker, image_root=figures), documents)
    assert sorted(ids(results)) == ["cat", "empty", "figure", "torque"]


def test_no_documents_return_no_documents(rerank, any_way):
    assert any_way(rerank, []) == []
    assert any_way(rerank, [], "") == []


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (3, 3), (4, 4), (100, 4), (None, 4)])
def test_top_n_keeps_the_best(documents, rerank, any_way, top_n, count):
    everything = any_way(rerank, documents)
    rerank.top_n = top_n
    assert any_way(rerank, documents) == everything[:count]


def test_min_score_drops_what_scores_less(documents, rerank, any_way):
    everything = any_way(rerank, documents)
    rerank.min_score = everything[1].score
    assert any_way(rerank, documents) == everything[:2]
    rerank.min_score = 2.0
    assert any_way(rerank, documents) == []


@pytest.mark.parametrize("score", [0.25, 1, np.float32(0.25), np.float64(0.25), np.int64(2)])
def test_an_earlier_score_is_kept_as_a_float_from_any_type_of_number(rerank, adapter, score):
    (result,) = adapter(rerank, adapter.make(Item("x", score=score)))
    assert result.metadata["retrieval_score"] == score
    assert type(result.metadata["retrieval_score"]) is float


def test_after_several_rerankers_rank_and_score_are_those_of_the_retrieval(
    items, documents, rerank, adapter
):
    first = adapter.compress(rerank, documents)
    text_only = adapter.rerank(reranker=FakeReranker(), image_key=lambda metadata: None)
    second = adapter.compress(text_only, first[::-1])
    third = adapter(text_only, second)
    assert len(third) == 4
    for result in third:
        place = ids(items).index(result.id)
        assert result.metadata["retrieval_rank"] == place + 1
        assert result.metadata.get("retrieval_score") == items[place].score
        assert "best_image" not in result.metadata  # it was the first reranker's


def test_equal_scores_keep_the_order_of_the_retriever(rerank, adapter):
    same = adapter.make(*(Item("nothing in common", str(i)) for i in range(6)))
    assert ids(adapter(rerank, same)) == ["0", "1", "2", "3", "4", "5"]


# -- queries


@pytest.mark.parametrize("text", ["where is this", ""])
def test_a_query_may_have_an_image(documents, rerank, any_way, figures, text):
    query = any_way.query(text, figures / "words.png")
    assert any_way(rerank, documents, query)[0].id == "figure"


@pytest.mark.parametrize("query", ["", "  "])
def test_an_empty_query_is_an_error(documents, rerank, any_way, query):
    with pytest.raises(InvalidInputError, match="query"):
        any_way(rerank, documents, query)


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
    ],
)
def test_unknown_options_and_values_are_refused(driver, options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        driver.MultimodalRerank(**{"reranker": FakeReranker(), **options})


def test_the_key_is_never_shown(driver, figures):
    key = "jina_0123456789"
    reranker = JinaReranker(api_key=key, headers={"X-Team": "y"})
    rerank = driver.MultimodalRerank(
        reranker=reranker, image_root=lambda metadata: figures, image_key=["a"]
    )
    for shown in (
        repr(rerank),
        str(rerank),
        repr(rerank.model_dump()),
        rerank.model_dump_json(),
        repr(vars(reranker)),
        repr(vars(copy.deepcopy(rerank).reranker)),
    ):
        assert key not in shown
    rerank.image_root = figures
    assert key.encode() not in pickle.dumps(rerank)


@pytest.mark.parametrize("variable", ["JINA_API_KEY", "JINAAI_API_KEY"])
def test_an_unpickled_adapter_takes_the_key_of_its_environment(
    documents, figures, adapter, monkeypatch, variable
):
    with (
        LocalRerankServer() as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = adapter.rerank(reranker=reranker, image_root=figures, top_n=2)
        packed = pickle.dumps(rerank)
        monkeypatch.setenv(variable, server.api_key)
        again = pickle.loads(packed)
        assert adapter(again, documents) == adapter(rerank, documents)
        again.reranker.close()


# -- concurrency


async def test_twenty_at_once_do_not_mix(driver, figures):
    documents = driver.make([Item(f"chunk number n{i} of all", str(i)) for i in range(20)])
    documents[7].metadata["images"] = "blank.png"
    with (
        LocalRerankServer(latency=0.05) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = driver.MultimodalRerank(reranker=reranker, image_root=figures, top_n=1)
        calls = (driver.acompress(rerank, documents, f"number n{i}") for i in range(20))
        results = await asyncio.gather(*calls)
    assert [[driver.read(d).id for d in result] for result in results] == [
        [str(i)] for i in range(20)
    ]
    assert server.most_at_once > 1


@pytest.mark.parametrize("slow", ["service", "disk"])
async def test_the_async_method_leaves_the_event_loop_free(driver, documents, figures, slow):
    def root(metadata):
        time.sleep(0.2 if slow == "disk" else 0)
        return figures

    with (
        LocalRerankServer(latency=0.2 if slow == "service" else 0) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = driver.MultimodalRerank(reranker=reranker, image_root=root)
        task = asyncio.create_task(driver.acompress(rerank, documents, QUESTION))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
    assert len(task.result()) == len(documents)
    assert ticks > 5


def test_warm_reads_images_ahead_of_any_query(driver, documents, figures):
    warmed = []

    class Recording(OCRReranker):
        def warm(self, documents, *, show_progress=False):
            warmed.extend(image for document in documents for image in document.images)

    driver.MultimodalRerank(reranker=Recording(ocr=False), image_root=figures).warm(documents)
    assert [image.path.name for image in warmed] == ["blank.png", "words.png"]


# -- input that cannot be used


@pytest.mark.parametrize("given", [None, "abc", 3, ["abc"], [{"text": "abc"}], [None]])
def test_what_is_no_list_of_documents_is_an_error_before_anything_is_scored(any_way, given):
    reranker = FakeReranker()
    with pytest.raises(InvalidInputError, match=r"documents|nodes"):
        any_way(any_way.rerank(reranker=reranker), given)
    assert reranker.calls == 0


def test_documents_of_the_other_framework_are_told(any_way):
    other, name = (
        (LangChain, "langchain_mmrerank with LangChain")
        if any_way.driver is LlamaIndex
        else (LlamaIndex, "llama_index_mmrerank with LlamaIndex")
    )
    with pytest.raises(InvalidInputError, match=name):
        any_way(any_way.rerank(reranker=FakeReranker()), other.make([Item("turbine")]))


def test_the_class_of_the_other_framework_is_told(any_way):
    other = LangChain if any_way.driver is LlamaIndex else LlamaIndex
    wrong = other.MultimodalRerank(reranker=FakeReranker())
    with pytest.raises(
        InvalidInputError, match=f"{any_way.driver.MultimodalRerank.__module__[:9]}"
    ):
        any_way(wrong, any_way.make(Item("turbine")))


def test_a_value_assigned_later_is_checked_too(rerank):
    with pytest.raises(ValidationError, match="top_n"):
        rerank.top_n = "many"
    with pytest.raises(ValidationError, match="urls"):
        rerank.urls = "yes"


def test_the_json_schema_has_every_option_but_the_reranker(driver):
    schema = driver.MultimodalRerank.model_json_schema()
    json.dumps(schema)
    assert set(RerankOptions.__annotations__) <= set(schema["properties"])
    assert "reranker" not in schema["properties"]


# -- a model's name


def test_a_models_name_makes_a_reranker_of_jinas_api(driver):
    key = "jina_0123456789"
    rerank = driver.MultimodalRerank(model="jina-reranker-v3", api_key=key, top_n=2)
    assert isinstance(rerank.reranker, JinaReranker)
    assert (rerank.reranker.model, rerank.top_n) == ("jina-reranker-v3", 2)
    copies = (rerank.model_copy(), copy.deepcopy(rerank), rerank.model_copy(update={"top_n": 1}))
    shown = [repr(rerank), rerank.model_dump_json(), repr(vars(rerank)), *map(repr, copies)]
    assert key not in "".join(shown)
    assert key.encode() not in pickle.dumps(rerank)


def test_the_key_of_a_models_name_may_come_from_the_environment(any_way, monkeypatch):
    monkeypatch.setenv("JINA_API_KEY", "k")
    assert any_way.rerank(model="jina-reranker-m0").reranker.model == "jina-reranker-m0"
    for name in JinaReranker.key_names:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AuthenticationError, match="JINA_API_KEY"):
        any_way.rerank(model="jina-reranker-m0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "reranker="),
        ({"model": "jina-reranker-m0", "reranker": FakeReranker()}, "not both"),
        ({"model": FakeReranker()}, "as reranker="),
        ({"model": 3}, "not int"),
        ({"reranker": FakeReranker()}, "api_key belongs to model"),
        ({"model": "jina-reranker-m0", "topn": 3}, "topn"),
        ({"model": "jina-reranker-m0", "top_n": "many"}, "top_n"),
    ],
)
def test_model_and_reranker_exclude_each_other_and_no_error_shows_the_key(driver, options, message):
    key = "jina_0123456789"
    with pytest.raises((InvalidInputError, ValidationError), match=message) as caught:
        driver.MultimodalRerank(**options, **({"api_key": key} if options else {}))
    shown = caught.value.errors() if isinstance(caught.value, ValidationError) else ""
    assert key not in f"{caught.value}{shown}"


# -- figures that have chunks of their own


def figure_items():
    return [
        Item("a page that names no turbine", "plain", {"page": 9}, 0.9),
        Item("turbine torque", "gauge", {"kind": "figure", "images": '["words.png"]'}, 0.8),
        Item("See Figure 1.", "cites", {"page": 3, "images": '["words.png"]'}, 0.7),
        Item("Figure 1, again.", "also", {"page": 4, "images": '["words.png"]'}, 0.6),
    ]


def test_a_figure_and_the_chunk_that_cites_it_are_one_result_if_asked(any_way, figures):
    options = {"reranker": OCRReranker(ocr=False), "image_root": figures}
    apart = any_way(any_way.rerank(**options), any_way.make(*figure_items()))
    assert sorted(ids(apart)) == ["also", "cites", "gauge", "plain"]

    documents = any_way.make(*figure_items())
    merged = any_way(any_way.rerank(merge_figures=True, **options), documents)
    (by_figure,) = [one for one in merged if one.metadata.get("images")]
    assert ids(merged) == [by_figure.id, "plain"]
    assert merged[0].metadata["best_image"] == "words.png"
    assert merged[0].metadata["page"] in (3, 4)
    assert "kind" not in merged[0].metadata
    assert documents == any_way.make(*figure_items())  # not changed


def test_a_figure_lends_its_result_to_the_chunk(any_way, figures):
    """The figure is first by its text; the chunk around it would be third."""

    def by_text(_, document):
        return 0.0 if document.images else float("turbine torque" in (document.text or ""))

    rerank = any_way.rerank(
        reranker=FakeReranker(by_text), image_root=figures, merge_figures=True, top_n=1
    )
    (first,) = any_way(rerank, any_way.make(*figure_items()))
    assert (first.id, first.text) == ("cites", "See Figure 1.")
    assert first.score == first.metadata["relevance_score"] == 1.0
    assert first.metadata["retrieval_rank"] == 2
    assert first.metadata["retrieval_score"] == 0.8
    assert first.metadata["best_image"] == "words.png"

"""MultimodalRetriever: a vector store and a reranker in one retriever."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import chromadb
import pytest
from adapters.indexed import index, index_folder, made_index
from langchain_chroma import Chroma
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests
from llama_index.core.indices import VectorStoreIndex
from pictured import open_index, picture, write_pictures
from pydantic import ValidationError

import llama_index_mmrerank
from langchain_mmrerank import MultimodalRerank, MultimodalRetriever, TextEmbeddings
from mmrerank import Image, ImageError, InvalidInputError, OCRReranker
from mmrerank.testing import FakeReranker

__all__ = ["index", "index_folder", "made_index"]

TEXTS = ["a turbine", "the torque of a turbine", "a cat", "a dog", "torque and turbines"]


def in_memory(texts=TEXTS):
    store = InMemoryVectorStore(TextEmbeddings())
    store.add_documents([Document(text, id=str(i)) for i, text in enumerate(texts)])
    return store


class TestStandard(RetrieversIntegrationTests):
    """LangChain's own tests of a retriever."""

    @property
    def retriever_constructor(self):
        return MultimodalRetriever

    @property
    def retriever_constructor_params(self):
        compressor = MultimodalRerank(reranker=FakeReranker())
        return {"vector_store": in_memory(), "compressor": compressor}

    @property
    def retriever_query_example(self):
        return "turbine torque"


class TestStandardWithOurName(TestStandard):
    """The same tests, with our name for the number of results."""

    @property
    def num_results_arg_name(self):
        return "top_n"


class TestStandardOverAnIndex(RetrieversIntegrationTests):
    """LangChain's own tests of a retriever over an index."""

    @pytest.fixture(autouse=True)
    def opened_index(self, index):
        self.index = index

    @property
    def retriever_constructor(self):
        return MultimodalRetriever

    @property
    def retriever_constructor_params(self):
        return {"index": self.index, "reranker": FakeReranker()}

    @property
    def retriever_query_example(self):
        return "turbine torque"


class TestStandardOverAnIndexWithOurName(TestStandardOverAnIndex):
    """The same tests, with our name for the number of results."""

    @property
    def num_results_arg_name(self):
        return "top_n"


@pytest.fixture(params=["invoke", "ainvoke"])
def ask(request):
    """`ask(retriever, question, **options)`"""

    def run(retriever, *args, **options):
        if request.param == "invoke":
            return retriever.invoke(*args, **options)
        return asyncio.run(retriever.ainvoke(*args, **options))

    return run


def test_the_stores_score_stays_beside_the_new_one(ask):
    store = in_memory()
    for document in store.store.values():  # as if results of another search had been stored
        document["metadata"] |= {"retrieval_rank": 40, "retrieval_score": 40.0}
    retriever = MultimodalRetriever(
        vector_store=store, compressor=MultimodalRerank(reranker=FakeReranker())
    )
    found = ask(retriever, "turbine torque")
    nearest = store.similarity_search_with_score("turbine torque", k=5)
    earlier = {d.id: (rank, score) for rank, (d, score) in enumerate(nearest, start=1)}
    assert {d.id for d in found} == set(earlier)
    for document in found:
        rank, score = earlier[document.id]
        assert document.metadata["retrieval_rank"] == rank
        assert document.metadata["retrieval_score"] == pytest.approx(score)
        assert type(document.metadata["retrieval_score"]) is float
        assert type(document.metadata["relevance_score"]) is float
    json.dumps([document.metadata for document in found])


def test_the_store_keeps_its_documents_as_they_were(ask):
    store = in_memory()
    ask(
        MultimodalRetriever(
            vector_store=store, compressor=MultimodalRerank(reranker=FakeReranker())
        ),
        "turbine torque",
    )
    assert all(document.metadata == {} for document in store.similarity_search("turbine", k=5))


def test_fetch_k_candidates_are_read_and_top_n_come_back(ask):
    reranker = FakeReranker()
    seen = []
    reranker.on_usage = seen.append
    retriever = MultimodalRetriever(
        vector_store=in_memory(),
        compressor=MultimodalRerank(reranker=reranker, top_n=3),
        fetch_k=4,
    )
    assert len(ask(retriever, "turbine")) == 3
    assert len(ask(retriever, "turbine", top_n=1)) == 1
    assert len(ask(retriever, "turbine", top_n=10, fetch_k=2)) == 2
    assert [usage.documents for usage in seen] == [4, 4, 2]
    assert retriever.compressor.top_n == 3
    with pytest.raises(InvalidInputError, match="top_n"):
        ask(retriever, "turbine", top_n=0)


def test_a_filter_goes_to_the_store(ask, image_root):
    store = Chroma(
        collection_name="filtered",
        client=chromadb.EphemeralClient(),
        embedding_function=TextEmbeddings(),
    )
    store.add_documents([
        Document("turbine torque", id="old", metadata={"year": 1999}),
        Document("see figure", id="new", metadata={"year": 2020, "images": '["blank.png"]'}),
    ])  # fmt: skip
    retriever = MultimodalRetriever(
        vector_store=store,
        compressor=MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=image_root),
        search_kwargs={"filter": {"year": 2020}},
    )
    (found,) = ask(retriever, "turbine torque")
    assert found.id == "new"
    store.delete_collection()


class Scoreless(VectorStore):
    """A store that implements what LangChain asks for and no more."""

    def __init__(self, texts):
        self.texts = texts

    def similarity_search(self, query, k=4, **kwargs):
        return [Document(text) for text in self.texts[:k]]

    @classmethod
    def from_texts(cls, texts, embedding, metadatas=None, **kwargs):
        return cls(texts)


def test_a_store_that_gives_no_scores_works_too(ask):
    retriever = MultimodalRetriever(
        vector_store=Scoreless(TEXTS), compressor=MultimodalRerank(reranker=FakeReranker())
    )
    found = ask(retriever, "torque", top_n=2)
    assert [document.page_content for document in found] == [TEXTS[1], TEXTS[4]]
    assert "retrieval_score" not in found[0].metadata


def test_errors_come_through_and_the_rerank_has_a_run_of_its_own(ask):
    store = in_memory()
    retriever = MultimodalRetriever(
        vector_store=store, compressor=MultimodalRerank(reranker=FakeReranker())
    )
    collector = RunCollectorCallbackHandler()
    ask(retriever, "turbine", {"callbacks": [collector]})
    store.add_documents([Document("turbine", metadata={"images": "x.png"})])
    with pytest.raises(ImageError, match="image_root"):
        ask(retriever, "turbine", {"callbacks": [collector]})
    fine, broken = collector.traced_runs
    assert [run.name for run in fine.child_runs] == ["MultimodalRerank"]
    assert fine.child_runs[0].error is None
    assert "image_root" in broken.child_runs[0].error


def test_a_search_of_an_index_is_a_run_with_its_usage(ask, index):
    retriever = MultimodalRetriever(index=index, reranker=FakeReranker())
    collector, events = RunCollectorCallbackHandler(), []

    class Events(BaseCallbackHandler):
        def on_custom_event(self, name, data, **kwargs):
            events.append((name, data["documents"]))

    ask(retriever, "turbine", {"callbacks": [collector, Events()]}, top_n=2)
    (run,) = collector.traced_runs
    (search,) = run.child_runs
    assert search.name == "IndexSearch"
    assert search.inputs == {"model": "fake", "top_n": 2, "fetch_k": 50}
    assert search.outputs == {"documents": 2}
    assert events == [("mmrerank_usage", 5)]
    with pytest.raises(InvalidInputError):
        ask(retriever, "turbine", {"callbacks": [collector]}, routes=["pictures"])
    assert "routes are" in collector.traced_runs[1].child_runs[0].error


def test_a_call_may_name_conditions_and_routes(ask, index):
    retriever = MultimodalRetriever(index=index, where={"file": "a.pdf"})
    assert {d.metadata["page"] for d in ask(retriever, "turbine", where={"file": "b.pdf"})} > {2}
    assert ask(retriever, "nothing of this", routes=["words"]) == []
    with pytest.raises(InvalidInputError, match="over an index"):
        ask(
            MultimodalRetriever(
                vector_store=in_memory(), compressor=MultimodalRerank(reranker=FakeReranker())
            ),
            "turbine",
            where={},
        )


def test_parts_that_do_not_go_together_are_told(index):
    compressor = MultimodalRerank(reranker=FakeReranker())
    with pytest.raises(ValidationError, match=r"pass index=..., or vector_store="):
        MultimodalRetriever(vector_store=in_memory())
    with pytest.raises(ValidationError, match="compressor: not for a retriever over an index"):
        MultimodalRetriever(index=index, compressor=compressor)
    with pytest.raises(ValidationError, match="where: not for a retriever over a vector_store"):
        MultimodalRetriever(vector_store=in_memory(), compressor=compressor, where={"page": 1})


def test_an_index_is_in_no_dump(index):
    retriever = MultimodalRetriever(index=index, reranker=FakeReranker(), tags=["ours"])
    assert not {"index", "reranker"} & set(retriever.model_dump())
    assert "where" in MultimodalRetriever.model_json_schema()["properties"]


def test_unknown_options_are_refused():
    with pytest.raises(ValidationError, match="fetch"):
        MultimodalRetriever(
            vector_store=in_memory(),
            compressor=MultimodalRerank(reranker=FakeReranker()),
            fetch=3,
        )


def test_never_fewer_candidates_than_are_wanted(ask):
    retriever = MultimodalRetriever(
        vector_store=in_memory(), compressor=MultimodalRerank(reranker=FakeReranker()), fetch_k=2
    )
    assert len(ask(retriever, "turbine torque")) == 2
    assert len(ask(retriever, "turbine torque", top_n=4)) == 4


def test_k_is_another_name_of_top_n(ask):
    compressor = MultimodalRerank(reranker=FakeReranker(), top_n=4)
    retriever = MultimodalRetriever(vector_store=in_memory(), compressor=compressor, k=3)
    assert len(ask(retriever, "turbine")) == 3
    assert len(ask(retriever, "turbine", k=1)) == len(ask(retriever, "turbine", top_n=1)) == 1
    with pytest.raises(InvalidInputError, match="two names"):
        ask(retriever, "turbine", k=1, top_n=1)
    with pytest.raises(ValidationError, match="two names"):
        retriever.top_n = 2
    with pytest.raises(ValidationError, match="two names"):
        MultimodalRetriever(vector_store=in_memory(), compressor=compressor, k=3, top_n=3)


@pytest.mark.parametrize("name", ["k", "top_n", "fetch_k"])
@pytest.mark.parametrize("count", ["3", 0, 2.5, True])
def test_a_number_of_documents_is_a_positive_integer(ask, name, count):
    retriever = MultimodalRetriever(
        vector_store=in_memory(), compressor=MultimodalRerank(reranker=FakeReranker())
    )
    with pytest.raises(InvalidInputError, match="positive integer"):
        ask(retriever, "turbine", **{name: count})


def test_parts_of_llama_index_are_told():
    ours = MultimodalRerank(reranker=FakeReranker())
    theirs = llama_index_mmrerank.MultimodalRerank(reranker=FakeReranker())
    with pytest.raises(ValidationError, match="use langchain_mmrerank with LangChain"):
        MultimodalRetriever(vector_store=in_memory(), compressor=theirs)
    with pytest.raises(ValidationError, match="use langchain_mmrerank with LangChain"):
        MultimodalRetriever(
            vector_store=VectorStoreIndex([], embed_model=llama_index_mmrerank.TextEmbedding()),
            compressor=ours,
        )


@pytest.fixture
def pictured(tmp_path):
    docs = write_pictures(tmp_path / "docs")
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
        yield index


def test_a_query_may_be_an_image(ask, pictured, tmp_path):
    retriever = MultimodalRetriever(index=pictured, top_n=2)
    path = tmp_path / "docs" / "1.png"
    for image in (path, str(path), path.read_bytes(), Image.from_path(path)):
        best, _ = ask(retriever, "", image=image)
        assert best.metadata["source"] == str(path)
    both = ask(retriever, "deep harbour", image=path)
    assert {Path(doc.metadata["source"]).name for doc in both} == {"1.png", "note.md"}
    with pytest.raises(InvalidInputError, match="an image must be"):
        ask(retriever, "", image=7)
    with pytest.raises(ImageError, match="no such file"):
        ask(retriever, "", image=tmp_path / "none.png")


def test_paths_of_strangers_are_opened_only_under_a_root(ask, pictured, tmp_path):
    retriever = MultimodalRetriever(index=pictured, query_image_root=str(tmp_path / "docs"))
    assert ask(retriever, "", image="1.png")[0].metadata["source"].endswith("1.png")
    outside = picture(tmp_path / "outside.png", "green")
    (tmp_path / "docs" / "link.png").symlink_to(outside)
    for image in ("../outside.png", str(outside), outside, "link.png", "https://example.org/a.png"):
        with pytest.raises(ImageError):
            ask(retriever, "", image=image)


def test_an_image_is_not_for_a_retriever_over_a_vector_store(ask):
    compressor = MultimodalRerank(reranker=FakeReranker())
    retriever = MultimodalRetriever(vector_store=in_memory(), compressor=compressor)
    with pytest.raises(InvalidInputError, match="image are for a retriever over an index"):
        ask(retriever, "turbine", image=b"")

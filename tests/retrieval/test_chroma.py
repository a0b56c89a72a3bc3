"""What every vector store does, checked with Chroma, and what is Chroma's own."""

from __future__ import annotations

import chromadb
import pytest

from mmrerank import StoreError
from mmrerank.retrieval.chroma import COLLECTION, ChromaStore
from mmrerank.retrieval.vector_store import Record, VectorStore


def record(name: str, vector: tuple[float, float], source: str = "a.pdf") -> Record:
    return Record(id=name, vector=vector, text=f"text {name}", metadata={"source": source})


@pytest.fixture
def store(tmp_path) -> VectorStore:
    store = ChromaStore(tmp_path / "store", create=True)
    store.upsert([record("1", (1.0, 0.0)), record("2", (0.0, 1.0)), record("3", (0.6, 0.8), "b")])
    return store


def test_the_nearest_come_first_with_their_cosine(store):
    matches = store.query([1.0, 0.0], 2)
    assert [match.text for match in matches] == ["text 1", "text 3"]
    assert [match.similarity for match in matches] == pytest.approx([1.0, 0.6], abs=1e-5)
    assert matches[1].metadata == {"source": "b"}
    assert len(store.query([1.0, 0.0], 99)) == store.count() == 3


def test_ids_are_those_of_a_source(store):
    assert store.ids("a.pdf") == {"1", "2"}
    assert store.ids("none") == set()


def test_a_record_replaces_all_of_an_older_one(store):
    store.upsert([Record(id="1", vector=(1.0, 0.0), text="new", metadata={"source": "c"})])
    assert store.count() == 3
    (match,) = store.query([1.0, 0.0], 1)
    assert (match.text, match.metadata["source"]) == ("new", "c")


def test_deleted_records_are_gone(store):
    store.delete(["1", "3"])
    store.delete([])
    assert [match.text for match in store.query([1.0, 0.0], 9)] == ["text 2"]
    store.delete(["2"])
    assert store.query([1.0, 0.0], 9) == []


def test_more_records_than_chroma_takes_at_once(store):
    names = [str(i) for i in range(6000)]
    store.upsert([record(name, (1.0, 0.0), "many") for name in names])
    assert store.ids("many") == set(names)
    store.delete(names)
    assert store.count() == 0


def test_it_survives_on_disk(store, tmp_path):
    assert ChromaStore.exists(tmp_path / "store")
    assert ChromaStore(tmp_path / "store").count() == 3
    assert not ChromaStore.exists(tmp_path)


def test_a_collection_with_squared_distances_has_cosines_too(tmp_path):
    client = chromadb.PersistentClient(str(tmp_path))
    collection = client.create_collection(COLLECTION, embedding_function=None)
    collection.add(ids=["1"], embeddings=[[0.6, 0.8]], documents=["x"])
    (match,) = ChromaStore(tmp_path).query([1.0, 0.0], 1)
    assert match.similarity == pytest.approx(0.6, abs=1e-5)


def test_a_missing_collection_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        ChromaStore(tmp_path)

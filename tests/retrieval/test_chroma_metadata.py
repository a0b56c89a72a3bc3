"""Image references are written into the metadata of a real Chroma, and nothing else is."""

from __future__ import annotations

import json
import sqlite3

import chromadb
import pytest

from mmrerank.errors import InvalidInputError, StoreError
from mmrerank.retrieval.chroma_metadata import write_images

BELT, HALL = '["belt.png"]', '["hall.png"]'


@pytest.fixture
def collection(tmp_path):
    """Six hundred records, as another program wrote them: more than one batch."""
    client = chromadb.PersistentClient(str(tmp_path / "chroma"))
    made = client.create_collection("theirs", embedding_function=None)
    count = 600
    made.add(
        ids=[str(i) for i in range(count)],
        documents=[f"text {i}" for i in range(count)],
        embeddings=[[float(i), 1.0] for i in range(count)],
        metadatas=[{"page": i, "source": "a.pdf"} for i in range(count)],
    )
    return made


def rows(collection, *ids):
    got = collection.get(ids=list(ids), include=["metadatas", "documents", "embeddings"])
    return {
        id_: (text, list(vector), dict(metadata))
        for id_, text, vector, metadata in zip(
            got["ids"], got["documents"], got["embeddings"], got["metadatas"], strict=True
        )
    }


def test_only_the_images_change(collection):
    (before,) = rows(collection, "7").values()
    assert write_images(collection, [("7", {"images": BELT, "page": 99}), ("8", {})]) == 1
    (after,) = rows(collection, "7").values()
    assert after == (before[0], before[1], {**before[2], "images": BELT})
    assert "images" not in rows(collection, "8")["8"][2]


def test_many_documents_go_in_batches_and_a_second_run_writes_nothing(collection, monkeypatch):
    documents = [(str(i), {"images": BELT}) for i in range(600)]
    assert write_images(collection, documents) == 600
    assert len(collection.get(where={"images": BELT})["ids"]) == 600
    monkeypatch.setattr(type(collection), "update", lambda *_, **__: pytest.fail("written again"))
    assert write_images(collection, documents) == 0


def test_missing_documents_are_an_error_before_anything_is_written(collection):
    with pytest.raises(StoreError, match=r"1 of 2 documents are not in the store, .*'gone'"):
        write_images(collection, [("7", {"images": BELT}), ("gone", {"images": HALL})])
    assert "images" not in rows(collection, "7")["7"][2]
    with pytest.raises(InvalidInputError, match=r"documents\[1\] has no id"):
        write_images(collection, [("7", {"images": BELT}), (None, {"images": HALL})])
    assert "images" not in rows(collection, "7")["7"][2]


def test_other_stores_and_broken_ones_are_errors(collection, tmp_path):
    with pytest.raises(InvalidInputError, match="store is a dict; images can be written to"):
        write_images({}, [("7", {"images": BELT})])
    database = sqlite3.connect(tmp_path / "chroma" / "chroma.sqlite3")
    database.execute(
        "CREATE TRIGGER no BEFORE INSERT ON embeddings_queue "
        "BEGIN SELECT RAISE(FAIL, 'attempt to write a readonly database'); END"
    )
    database.commit()
    database.close()
    with pytest.raises(StoreError, match=r"cannot be written to the store: .*readonly"):
        write_images(collection, [("7", {"images": BELT})])


@pytest.mark.parametrize("stored", ["not JSON", "[]", '{"metadata": 3}', '{"metadata": {}}'])
def test_what_llama_index_keeps_of_a_node_changes_too(collection, stored):
    collection.update(ids=["7"], metadatas=[{"_node_content": stored}])
    assert write_images(collection, [("7", {"images": BELT})]) == 1
    metadata = rows(collection, "7")["7"][2]
    assert metadata["images"] == BELT
    if stored == '{"metadata": {}}':
        node = json.loads(metadata["_node_content"])
        assert node["metadata"] == {"images": BELT}
        assert node["excluded_llm_metadata_keys"] == ["images"]
    else:
        assert metadata["_node_content"] == stored

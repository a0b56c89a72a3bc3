"""The names of vector stores."""

from __future__ import annotations

import pytest

from mmrerank import InvalidInputError
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.qdrant import QdrantStore
from mmrerank.retrieval.stores import STORES, checked_store, has_vectors, open_store, store_for


@pytest.mark.parametrize("name", ["chroma", "qdrant", "http://localhost:6333", "https://q#c"])
def test_names_that_are_known(name):
    assert checked_store(name) == name


@pytest.mark.parametrize("name", ["", "Chroma", "qdrant=PATH", "ftp://host", 7, object()])
def test_what_is_no_store(name):
    with pytest.raises(InvalidInputError):
        checked_store(name)


def test_stores_that_need_no_server_are_found_in_their_folder(tmp_path):
    for row in STORES:
        if not row.file:
            continue
        folder = tmp_path / row.name
        assert has_vectors(folder) is None
        folder.mkdir()
        store = open_store(row.name, folder)
        assert isinstance(store, {"chroma": ChromaStore, "qdrant": QdrantStore}[row.name])
        store.ids()
        getattr(store, "close", lambda: None)()
        assert has_vectors(folder) == row.name


def test_each_index_has_a_collection_of_its_own_on_a_server(tmp_path):
    one, other = (store_for("http://q:6333/", tmp_path / name) for name in "ab")
    assert one != other
    assert one == store_for("http://q:6333", tmp_path / "a")
    assert store_for(one, tmp_path / "b") == one
    assert store_for("http://q#mine", tmp_path) == "http://q#mine"
    store = open_store(one, tmp_path)
    assert isinstance(store, QdrantStore)
    assert store.address == one

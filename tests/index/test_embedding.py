"""The embedder of an index is remembered, made when it is needed, and never mixed with another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmrerank import InvalidInputError, StoreError
from mmrerank.index.index import Index
from mmrerank.retrieval.hashing import HashingEmbedder

QWEN = Path(__file__).parent.parent / "data" / "golden" / "qwen3-reranker"


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.md"
    path.write_text("The harbour.")
    return path


def made(tmp_path, note, embedder):
    with Index(tmp_path / "store", embedder=embedder, ocr=False) as index:
        index.sync(note)
    return tmp_path / "store"


def test_an_index_opens_with_the_embedder_that_it_remembers(tmp_path, note):
    pytest.importorskip("torch")
    model = shutil.copytree(QWEN, tmp_path / "model")
    store = made(tmp_path, note, f"qwen3={model}")
    with Index(store, create=False) as index:
        assert [hit.text for hit in index.search("harbour", routes=["vectors"])] == ["The harbour."]
    with pytest.raises(StoreError, match=f"use --embedder qwen3={model}"):
        Index(store, embedder="hashing")
    moved = model.rename(tmp_path / "moved")
    with Index(store, create=False) as index:  # what needs no vectors needs no model
        assert len(index.files()) == 1
        assert index.check() == []
    with Index(store, embedder=f"qwen3={moved}") as index:  # the same model by another name
        index.sync(note)
    with Index(store, create=False) as index:
        assert len(index.search("harbour", routes=["vectors"])) == 1


def test_an_embedder_without_a_name_must_be_given_again(tmp_path, note):
    store = made(tmp_path, note, HashingEmbedder(128))
    with Index(store) as index:
        assert len(index.files()) == 1
        with pytest.raises(StoreError, match="use the same embedder, or another folder"):
            index.search("harbour")
    with Index(store, embedder=HashingEmbedder(128)) as index:
        assert len(index.search("harbour")) == 1


def test_an_unknown_name_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(InvalidInputError, match="embedders are hashing, qwen3=PATH"):
        Index(tmp_path / "store", embedder="bogus")
    assert not (tmp_path / "store").exists()

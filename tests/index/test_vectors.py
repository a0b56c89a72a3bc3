"""An index keeps to its vector store, and survives one that is away."""

from __future__ import annotations

import shutil
import socket
import threading

import pytest

from mmrerank import InvalidInputError, MissingDependencyError, StoreError
from mmrerank.index import Index
from mmrerank.index.parts import LEDGER
from mmrerank.retrieval import stores
from mmrerank.retrieval.hashing import HashingEmbedder
from mmrerank.retrieval.qdrant import QdrantStore

pytest.importorskip("chromadb")
pytest.importorskip("markdown_it")


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("pump", "valve"):
        (tmp_path / f"docs/{name}.md").write_text(f"# The {name}\n\nThe {name} is new.\n")
    return tmp_path / "docs"


def sources(index: Index, query: str, *routes: str) -> list[str]:
    hits = index.search(query, top_n=1, routes=routes or ["words", "vectors"])
    return [hit.source.rpartition("/")[2] for hit in hits]


@pytest.mark.parametrize("kind", ["chroma", "qdrant"])
def test_an_index_remembers_its_store(kind, docs, tmp_path):
    with Index(tmp_path / "index", vectors=kind, ocr=False) as index:
        index.sync([docs])
    with Index(tmp_path / "index", ocr=False, create=False) as index:
        assert sources(index, "pump", "vectors") == ["pump.md"]
        (docs / "pump.md").unlink()
        index.sync([docs])
        assert sources(index, "pump", "vectors") == ["valve.md"]
        assert index.check() == []
    assert stores.has_vectors(tmp_path / "index") == kind
    other = {"chroma": "qdrant", "qdrant": "chroma"}[kind]
    with pytest.raises(StoreError, match=f"are in {kind}, not in {other}"):
        Index(tmp_path / "index", vectors=other)
    assert not (
        tmp_path / "index" / next(r.file for r in stores.STORES if r.name == other)
    ).exists()


def test_an_index_without_a_note_keeps_the_store_it_has(docs, tmp_path):
    with Index(tmp_path / "index", ocr=False) as index:
        index.sync([docs])
        with index._open().ledger.transaction() as database:
            database.execute("DELETE FROM notes WHERE name = 'vectors'")
    with pytest.raises(StoreError, match="are in chroma, not in qdrant"):
        Index(tmp_path / "index", vectors="qdrant")
    with Index(tmp_path / "index", ocr=False) as index:
        assert sources(index, "valve", "vectors") == ["valve.md"]


def test_a_lost_ledger_is_written_again_from_qdrant(docs, tmp_path):
    with Index(tmp_path / "index", vectors="qdrant", ocr=False) as index:
        index.sync([docs])
    for path in (tmp_path / "index").glob("ledger*"):
        path.unlink()
    with Index(tmp_path / "index", ocr=False) as index:
        with pytest.raises(StoreError, match="there is no ledger for 2 vectors"):
            index.sync([docs])
        assert "no ledger" in index.check(mend=True)[0].what
        assert sources(index, "pump", "vectors") == ["pump.md"]
    with Index(tmp_path / "index", ocr=False) as index:
        index.sync([docs])
        assert index.check() == []
        assert len(index) == 2


def test_a_store_of_your_own_is_given_each_time_and_stays_open(docs, tmp_path):
    store = QdrantStore(folder=tmp_path / "elsewhere")
    with Index(tmp_path / "index", vectors=store, ocr=False) as index:
        index.sync([docs])
    assert len(store.ids()) == 2
    with pytest.raises(StoreError, match=r"are in .*elsewhere.* Index\(folder, vectors=...\)"):
        Index(tmp_path / "index")
    with pytest.raises(StoreError, match=r"not in .*another"):
        Index(tmp_path / "index", vectors=QdrantStore(folder=tmp_path / "another"))
    with Index(tmp_path / "index", vectors=store, ocr=False) as index:
        assert sources(index, "valve", "vectors") == ["valve.md"]
    store.close()


@pytest.mark.parametrize("wrong", ["sqlite", "qdrant=here", "http://", "http://a:b@c", 7])
def test_what_is_no_store_is_refused(wrong, docs, tmp_path):
    with pytest.raises(InvalidInputError):
        Index(tmp_path / "index", vectors=wrong).sync([docs])
    assert not (tmp_path / "index" / LEDGER).exists()


def test_without_its_package_no_ledger_is_made(docs, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "qdrant_client", None)
    with (
        Index(tmp_path / "index", vectors="qdrant", ocr=False) as index,
        pytest.raises(MissingDependencyError, match=r"mmrerank\[qdrant\]"),
    ):
        index.sync([docs])


def test_a_store_made_with_another_embedder(docs, tmp_path):
    """The ledger is new, so that only the collection knows its dimensions."""
    store = QdrantStore(folder=tmp_path / "vectors")
    with Index(tmp_path / "a", vectors=store, embedder=HashingEmbedder(dimensions=128)) as index:
        index.sync([docs])
    before = store.ids()
    with (
        Index(tmp_path / "b", vectors=store, embedder=HashingEmbedder(dimensions=64)) as index,
        pytest.raises(StoreError, match="no ledger for 2 vectors"),
    ):
        index.sync([docs])
    assert store.ids() == before
    store.close()


def test_vectors_that_were_deleted_are_named_and_made_again(docs, tmp_path):
    with Index(tmp_path / "index", vectors="qdrant", ocr=False) as index:
        index.sync([docs])
    shutil.rmtree(tmp_path / "index/qdrant")
    with Index(tmp_path / "index", ocr=False) as index:
        assert "2 entries have no vector" in index.check(mend=True)[0].what
        assert len(index.sync([docs]).changed) == 2
        assert sources(index, "pump", "vectors") == ["pump.md"]
        assert index.check() == []


def test_a_server_that_is_away_costs_nothing(docs, tmp_path):
    """Made in a folder; then its address is one where nobody listens."""
    with Index(tmp_path / "index", vectors=QdrantStore(folder=tmp_path / "q"), ocr=False) as index:
        index.sync([docs])
        with index._open().ledger.transaction() as database:
            database.execute("UPDATE notes SET value = 'http://127.0.0.1:1#c' WHERE name='vectors'")
    (docs / "new.md").write_text("# The gauge\n\nThe gauge is new.\n")
    with Index(tmp_path / "index", ocr=False) as index:
        assert len(index.files()) == 2  # nothing asks the server
        assert sources(index, "pump", "words") == ["pump.md"]
        for work in (lambda: index.search("pump"), lambda: index.sync([docs]), index.check):
            with pytest.raises(StoreError, match=r"Qdrant at http://127.0.0.1:1 cannot be reached"):
                work()
        assert len(index) == 2
    with (  # the server has moved: the collection counts
        Index(tmp_path / "index", vectors="http://127.0.0.1:2#c", ocr=False) as index,
        pytest.raises(StoreError, match=r"127.0.0.1:2 cannot be reached"),
    ):
        index.search("pump")
    with pytest.raises(StoreError, match=r"not in http://127.0.0.1:2#d"):
        Index(tmp_path / "index", vectors="http://127.0.0.1:2#d")


def test_a_store_that_fails_while_it_is_written_loses_nothing(docs, tmp_path, monkeypatch):
    with Index(tmp_path / "index", vectors="qdrant", ocr=False) as index:
        index.sync([docs])
        (docs / "pump.md").write_text("# The pump\n\nThe pump is blue.\n")
        with monkeypatch.context() as broken:
            broken.setattr("sqlite3.Binary", lambda _: 1 / 0)  # what the client calls to write
            with pytest.raises(StoreError, match="cannot be used: division by zero"):
                index.sync([docs])
        assert sources(index, "pump", "vectors") == ["pump.md"]
        assert len(index.sync([docs]).changed) == 1
        assert index.check() == []
        assert "blue" in index.search("pump", top_n=1)[0].text


def test_a_server_that_hangs_ends_in_time(docs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held = []
        accept = threading.Thread(target=lambda: held.append(listening.accept()), daemon=True)
        accept.start()
        store = QdrantStore(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=1)
        with (
            Index(tmp_path / "index", vectors=store, ocr=False) as index,
            pytest.raises(StoreError, match="did not answer within 1 seconds"),
        ):
            index.sync([docs])
        accept.join(5)
        held[0][0].close()

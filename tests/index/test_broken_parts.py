"""What an index is made of may fail: each failure is a typed error, and nothing is lost."""

from __future__ import annotations

import math
import os

import pytest

from mmrerank import InvalidInputError, StoreError
from mmrerank.index import Index
from mmrerank.index.reading import FileReader
from mmrerank.index.routes import WordRoute

pytest.importorskip("chromadb")
pytest.importorskip("markdown_it")


class Embedder:
    """Makes whatever it is told to."""

    def __init__(self, documents=lambda texts: [[1.0, 0.0]] * len(texts), query=(1.0, 0.0)):
        self.documents, self.query = documents, query

    def embed_documents(self, texts):
        return self.documents(texts)

    def embed_query(self, text):
        return self.query() if callable(self.query) else list(self.query)


def fail(*_):
    raise RuntimeError("out of memory")


BROKEN = {
    "too few vectors": (lambda texts: [[1.0, 0.0]] * (len(texts) - 1), "vectors of 2 texts"),
    "too many vectors": (lambda texts: [[1.0, 0.0]] * 9, "9 vectors of 2 texts"),
    "no vectors": (lambda texts: [], "0 vectors of 2 texts"),
    "a number that is none": (lambda texts: [[math.nan, 0.0]] * len(texts), "not finite"),
    "infinity": (lambda texts: [[math.inf, 0.0]] * len(texts), "not finite"),
    "two lengths": (lambda texts: [[1.0], [1.0, 0.0]], "of 1 and 2 dimensions"),
    "no dimensions": (lambda texts: [[]] * len(texts), "of 0 dimensions"),
    "texts": (lambda texts: texts, "the embedder failed: TypeError"),
    "nothing": (lambda texts: None, "the embedder failed: TypeError"),
    "an error": (fail, "the embedder failed: RuntimeError: out of memory"),
}


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"docs/{name}.md").write_text(f"# Pump\n\nThe pump of {name}.\n")
    return tmp_path / "docs"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_embedder_is_named_and_what_was_indexed_stays(docs, tmp_path, kind):
    broken, message = BROKEN[kind]
    embedder = Embedder()
    with Index(tmp_path / "store", embedder=embedder, ocr=False) as index:
        index.sync([docs])
        (docs / "a.md").write_text("# Valve\n\nThe valve.\n\n# Tank\n\nThe tank.\n")
        embedder.documents = broken
        with pytest.raises(StoreError, match=message):
            index.sync([docs])
        assert len(index.search("pump", top_n=9, routes=["words"])) == 2
        embedder.documents = Embedder().documents
        assert len(index.sync([docs]).changed) == 1
        assert index.check() == []
        assert len(index.search("valve tank", top_n=9)) == 3


@pytest.mark.parametrize("query", [fail, (math.nan, 0.0), (), (1.0, 0.0, 0.0), lambda: "text"])
def test_a_broken_embedder_of_queries(docs, tmp_path, query):
    embedder = Embedder()
    with Index(tmp_path / "store", embedder=embedder, ocr=False) as index:
        index.sync([docs])
        embedder.query = query
        with pytest.raises(StoreError):
            index.search("pump")
        assert len(index.search("pump", routes=["words"])) == 2
    with pytest.raises(StoreError):
        Index(tmp_path / "store", embedder=embedder, ocr=False)


@pytest.mark.parametrize("folder", [None, 7, b"store", ["store"]])
def test_what_is_no_folder_is_refused(folder):
    with pytest.raises(InvalidInputError, match="an index is in a folder"):
        Index(folder)


def test_a_ledger_that_is_deleted_while_it_is_open(docs, tmp_path):
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync([docs])
        for path in (tmp_path / "store").glob("ledger*"):
            path.unlink()
        for work in (lambda: index.search("pump"), lambda: index.sync([docs]), index.files):
            with pytest.raises(StoreError, match="deleted or replaced while it was open"):
                work()
    with pytest.raises(StoreError, match="no ledger"):
        Index(tmp_path / "store", create=False)


def test_an_index_that_is_closed_says_so(docs, tmp_path):
    index = Index(tmp_path / "store", ocr=False)
    index.sync([docs])
    ledger = index._open().ledger
    index.close()
    with pytest.raises(StoreError, match="is closed"):
        ledger.files()


@pytest.mark.parametrize("what", ["changes", "vanishes"])
def test_a_file_that_changes_or_vanishes_while_it_is_read(docs, tmp_path, monkeypatch, what):
    read = FileReader.__call__

    def meanwhile(self, path, **options):
        chunks = read(self, path, **options)
        if path.name == "a.md":
            path.write_text("# Other\n\nwords\n") if what == "changes" else path.unlink()
        return chunks

    monkeypatch.setattr(FileReader, "__call__", meanwhile)
    with Index(tmp_path / "store", ocr=False) as index:
        report = index.sync([docs])
        assert [os.path.basename(path) for path, _ in report.failed] == ["a.md"]  # noqa: PTH119
        assert [os.path.basename(record.path) for record in index.files()] == ["b.md"]  # noqa: PTH119
        assert index.check() == []


def test_candidates_that_a_writer_takes_away_are_looked_for_again(docs, tmp_path, monkeypatch):
    """Between the routes and the reading of entries, another process replaces both files."""
    search, replaced = WordRoute.search, []

    def meanwhile(self, *args):
        numbers = search(self, *args)
        if not replaced:
            replaced.append(1)
            for path in docs.iterdir():
                path.write_text(path.read_text() + "\nIt is new.\n")
            with Index(tmp_path / "store", ocr=False) as other:
                other.sync([docs])
        return numbers

    with Index(tmp_path / "store", ocr=False) as index:
        index.sync([docs])
        monkeypatch.setattr(WordRoute, "search", meanwhile)
        hits = index.search("pump", top_n=2, fetch_k=2)
    assert replaced
    assert ["It is new." in hit.text for hit in hits] == [True, True]

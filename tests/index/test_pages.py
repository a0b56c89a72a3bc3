"""The pages of candidates: what else they say, and which the query names."""

from __future__ import annotations

import pytest

from mmrerank import OCRReranker
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pages import pages_of
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing


def entry(number, page, words, path="a.pdf", **metadata):
    name = str(number)
    return Entry(
        id=name, vector_id=name, path=path, page=page, text=words, words=words, metadata=metadata
    )


@pytest.fixture
def ledger(tmp_path):
    ledger = SQLiteLedger(tmp_path / "ledger.sqlite3")
    with writing(ledger) as writer:
        for path, entries in {
            "a.pdf": [
                entry(1, 1, "pump leak", page_label="iv"),
                entry(2, 1, "seal", page_label="iv"),
                entry(3, 2, "valv"),
            ],
            "b.pdf": [entry(4, 1, "pump", path="b.pdf")],
            "c.md": [entry(5, 0, "pump oil", path="c.md"), entry(6, 0, "hall", path="c.md")],
        }.items():
            writer.swap(FileRecord(path, 1, 1, "", ""), entries)
    yield ledger
    ledger.close()


def test_entries_of_a_page_share_its_words(ledger):
    entries = [ledger.numbered([n])[n] for n in (2, 4, 1, 5, 6)]
    pages = pages_of(ledger, entries, "pump")
    words = [list(pages.words[page]) for page in pages.of_document]
    assert words == [
        ["pump", "leak", "seal"],
        ["pump"],
        ["pump", "leak", "seal"],
        ["pump", "oil"],  # without pages, an entry is a page of its own
        ["hall"],
    ]
    assert pages.of_document[0] == pages.of_document[2]
    assert list(pages.bonus) == [0.0] * 5


def test_a_named_page_by_its_number_then_by_its_label(ledger):
    entries = [ledger.numbered([n])[n] for n in (1, 3, 4, 5)]
    assert list(pages_of(ledger, entries, "what leaks on page 1?").bonus) == [0.5, 0.0, 0.5, 0.0]
    by_label = pages_of(ledger, entries, "what is on page iv?").bonus
    assert 0 < by_label[0] < 0.5
    assert by_label[1:] == [0.0, 0.0, 0.0]


def test_no_candidates_have_no_pages(ledger):
    assert OCRReranker().with_pages(pages_of(ledger, [], "x")).rerank("x", []) == []


def test_pages_of_attached_files_are_kept_apart(ledger):
    with writing(ledger) as writer:
        mail = [
            entry(7, 1, "pump", path="d.eml", attachment="a.pdf"),
            entry(8, 1, "hall", path="d.eml", attachment="b.pdf"),
        ]
        writer.swap(FileRecord("d.eml", 1, 1, "", ""), mail)
    entries = list(ledger.numbered([7, 8]).values())
    pages = pages_of(ledger, entries, "page 1")
    assert [list(pages.words[page]) for page in pages.of_document] == [["pump"], ["hall"]]
    assert list(pages.bonus) == [0.5, 0.5]

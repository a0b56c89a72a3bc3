"""Words that another version's tokenizer cut are cut anew."""

from __future__ import annotations

import sqlite3

import pytest

from mmrerank import RerankWarning
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing
from mmrerank.index.words import TOKENIZER_NOTE, name_tokenizer, renew_words
from mmrerank.ocr.bm25 import TOKENIZER


@pytest.fixture
def ledger(tmp_path):
    """A ledger whose words an older tokenizer has cut: "quizzes" is "quizze"."""
    ledger = SQLiteLedger(tmp_path / "ledger.sqlite3")
    with writing(ledger) as writer:
        name_tokenizer(ledger, writer)
        writer.set_note(TOKENIZER_NOTE, "1")
        entries = [
            Entry(id="a", vector_id="a", path="p", text="Weekly quizzes", words="weekly quizze"),
            Entry(id="b", vector_id="b", path="p", text="a rota", words="rota"),
        ]
        writer.swap(FileRecord("p", 1, 1, "", ""), entries)
    yield ledger
    ledger.close()


def found(ledger, query):
    return [number for number, _ in LexicalRoute(ledger).search(query, 5)]


def test_words_are_cut_anew_once(ledger):
    assert found(ledger, "a quiz") == []
    renew_words(ledger)
    assert found(ledger, "a quiz") == found(ledger, "quizzes") == [1]
    assert found(ledger, "rotas") == [2]
    assert ledger.note(TOKENIZER_NOTE) == TOKENIZER
    assert LexicalRoute(ledger).statistics(["quizze"]).frequency == {}
    changes = ledger.rows("SELECT total_changes()")
    renew_words(ledger)
    assert ledger.rows("SELECT total_changes()") == changes


def test_a_file_is_removed_whole_afterwards(ledger):
    renew_words(ledger)
    with writing(ledger) as writer:
        writer.remove("p")
    assert found(ledger, "quiz rota") == []
    assert ledger.rows("SELECT count(*) FROM lexical_terms") == [(0,)]


def test_words_that_cannot_be_cut_anew_are_a_warning(ledger):
    other = sqlite3.connect(ledger.path.with_name("ledger.sqlite3-writer"))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.warns(RerankWarning, match="find less"):
        renew_words(ledger, timeout=0.0)
    other.close()
    assert found(ledger, "quizzes") == []
    assert ledger.note(TOKENIZER_NOTE) == "1"


def test_a_new_ledger_names_its_tokenizer(tmp_path):
    ledger = SQLiteLedger(tmp_path / "ledger.sqlite3")
    with writing(ledger) as writer:
        name_tokenizer(ledger, writer)
    assert ledger.note(TOKENIZER_NOTE) == TOKENIZER
    ledger.close()

"""The lexical route finds rare words in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.index import lexical
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing
from mmrerank.ocr.bm25 import tokenize

TEXTS = [
    "the turbine of the ship",
    "drawing 4471-C lies on shelf R12",
    "水泵的图表",
    "a ship, a turbine, and more turbines",
]


@pytest.fixture(scope="module")
def route(tmp_path_factory):
    ledger = SQLiteLedger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite3")
    with writing(ledger) as writer:
        writer.swap(
            FileRecord("a", 1, 1, "", ""),
            [
                Entry(id=str(i), vector_id=str(i), path="a", text=t, words=" ".join(tokenize(t)))
                for i, t in enumerate(TEXTS)
            ],
        )
    yield LexicalRoute(ledger)
    ledger.close()


def found(route, query):
    return [number - 1 for number, _ in route.search(query, 10)]


@pytest.mark.parametrize(
    ("query", "first"), [("shelf 4471-C?", 1), ("图表", 2), ("Turbine", 3), ("SHIP", 0)]
)
def test_a_word_finds_its_text(route, query, first):
    assert found(route, query)[0] == first


def test_no_word_in_common_finds_nothing(route):
    assert found(route, "zebra") == []
    assert found(route, "the") == []  # a stop word is not in the index


@given(st.text(max_size=60))
def test_any_query_can_be_searched(route, query):
    assert len(found(route, query)) <= len(TEXTS)


def test_statistics_count_entries_not_occurrences(route):
    statistics = route.statistics(tokenize("turbine shelf zebra"))
    assert statistics.texts == len(TEXTS)
    assert dict(statistics.frequency) == {"turbine": 2, "shelf": 1}


def test_the_most_frequent_words_are_left_out_first(route, monkeypatch):
    monkeypatch.setattr(lexical, "_MAX_POSTINGS", 1)
    assert found(route, "turbine shelf") == [1]

"""Where the words of a query stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.display.matches import matched_spans


def found(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in matched_spans(text, query)]


@pytest.mark.parametrize(
    ("text", "query", "parts"),
    [
        ("The Torque of turbines.", "torque of a turbine", ["Torque", "turbines"]),
        ("On shelf R12, box 7.", "which shelf?", ["shelf"]),
        ("Drawing 4471-C, not 4471-A", "drawing 4471-C", ["Drawing 4471-C", "4471"]),
        ("Égalité", "egalite", ["Égalité"]),
        ("涡轮机的扭矩由图给出", "扭矩", ["扭矩"]),
        ("涡轮机的扭矩由图给出", "机的扭矩", ["机的扭矩"]),
        ("to be or not to be", "to be", ["to be", "to be"]),
        ("nothing here", "turbine", []),
        ("", "turbine", []),
        ("turbine", "", []),
    ],
)
def test_words_of_the_query_are_found_as_the_search_reads_them(text, query, parts):
    assert found(text, query) == parts


@given(st.text(max_size=60), st.text(max_size=20))
def test_parts_are_in_order_and_within_the_text(text, query):
    end = 0
    for start, stop in matched_spans(text, query):
        assert end <= start < stop <= len(text)
        end = stop

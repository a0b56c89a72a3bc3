"""The format of the answer and the pages that a question names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.ocr.query_words import named_pages, without_answer_format


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("Which cities are in the survey? Answer as a list.", "Which cities are in the survey? ."),
        ("How many nurses? Give the number as an integer.", "How many nurses? ."),
        ("How many nurses? Please write the answer in int format.", "How many nurses? ."),
        ("Which drugs? Write the answer in the format of ['a', 'b'].", "Which drugs?"),
        ("What share is it? Answer in the form of a percentage.", "What share is it? ."),
        ("What is the ratio, rounded to two decimal places?", "What is the ratio, ?"),
        ("Is it on? Answer yes or no.", "Is it on? ."),
        ("Name the rivers, sorted alphabetically", "Name the rivers,"),
    ],
)
def test_the_format_of_the_answer_is_left_out(query, rest):
    assert " ".join(without_answer_format(query).split()) == rest


@pytest.mark.parametrize(
    "query",
    [
        "Which format is the file in?",
        "What are the results in table 3?",
        "Give the number of employees in 2020",
        "Energy in the form of heat",
        "How is revenue reported in the annual report?",
        "Which numbers are printed in bold?",
        "Show the value of the shares as a chart",
        "Answer as a list",  # nothing else
        "Which countries are listed in order of size?",
        "wie viele, als Liste",
    ],
)
def test_what_is_asked_for_stays(query):
    assert without_answer_format(query) == query


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("What is on page 12?", ["12"]),
        ("see p. 7 and slide 3", ["3", "7"]),
        ("pages 12-14", ["12", "13", "14"]),
        ("pages 3, 5 and 9", ["3", "5", "9"]),
        ("pp. 3\u20134", ["3", "4"]),
        ("Page No. 007", ["7"]),
        ("the third slide and the 12th page", ["3", "12"]),
        ("on page iv of the preface", ["iv"]),
        ("auf Seite 8", ["8"]),
        ("S. 8 im Bericht", ["8"]),
        ("la p\u00e1gina 5", ["5"]),
        ("pages 1 to 400", ["1"]),
        ("the page I saw", []),
        ("12 pages", []),
        ("U.S. 12 million", []),
        ("homepage 3", []),
        ("in the first two pages", []),
    ],
)
def test_named_pages(query, pages):
    assert named_pages(query) == pages


@given(st.text())
def test_any_query_is_read(query):
    assert without_answer_format(query) or not query
    assert all(named_pages(query))

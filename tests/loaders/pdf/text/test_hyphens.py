"""Words that a line end cuts in two."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.text.hyphens import with_next_line

WORDS = "self-locking long standing large scale overlap under stand introduction for public-key key"


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("the self-", "locking nut", "the self-locking nut"),
        ("the over-", "lap is", "the overlap is"),
        ("a long-", "standing belt", "a long-standing belt"),
        ("to under-", "stand it", "to understand it"),
        ("the infor-", "mation", "the information"),
        ("the x-", "axis", "the x-axis"),
        ("INTRO-", "DUCTION", "INTRODUCTION"),
        ("an Anglo-", "American hall", "an Anglo-American hall"),
        ("a 10-", "year plan", "a 10-year plan"),
        ("in 1990-", "1995", "in 1990-1995"),
        ("the public-key-", "scale", "the public-key-scale"),
        ("the soft\u00ad", "ening", "the softening"),
        ("no hyphen", "here", "no hyphen here"),
    ],
)
def test_the_words_of_the_document_decide(first, second, text):
    assert with_next_line(first, second, set(WORDS.split()), wrapped=True) == text


def test_a_line_that_has_ended_is_not_joined():
    assert with_next_line("belts", "nuts", (), wrapped=False) == "belts\nnuts"
    assert with_next_line("A-", "Nuts", (), wrapped=False) == "A-\nNuts"

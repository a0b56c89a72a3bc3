"""Text is cut within a size, at sentence ends where possible, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.loaders.splitting import Sizes, cut_once, cut_text


@pytest.mark.parametrize(
    ("text", "size", "pieces"),
    [
        ("short", 10, ("short", "")),
        ("One one. Two two.", 12, ("One one.", "Two two.")),
        ("Said \u201cno.\u201d Then more.", 14, ("Said \u201cno.\u201d", "Then more.")),
        ("about 3.5 m wide", 12, ("about 3.5 m", "wide")),  # no sentence ends in a number
        ("A. Then a long one", 14, ("A. Then a long", "one")),  # a sentence end too early
        ("first line\nsecond line", 14, ("first line", "second line")),
        ("\u4e00\u4e8c\u3002\u4e09\u56db", 4, ("\u4e00\u4e8c\u3002", "\u4e09\u56db")),
        ("abcdefgh", 3, ("abc", "defgh")),
    ],
)
def test_where_a_text_is_cut(text, size, pieces):
    assert cut_once(text, size) == pieces


def test_tokens_are_counted_by_the_caller():
    words = Sizes(2, lambda text: len(text.split()))
    assert cut_text("a b c d e", words) == ["a b", "c d", "e"]
    assert words.longest("a ", "b c") == len("b ")


@given(st.text(), st.integers(1, 30))
def test_no_character_is_lost_and_no_piece_is_too_large(text, limit):
    pieces = cut_text(text, Sizes(limit))
    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())

"""Tokens of any script, and BM25 scores."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.ocr.bm25 import BM25, WordStatistics, tokenize


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), min_size=1, max_size=8),
       st.lists(st.sampled_from("abcxyz"), min_size=1, max_size=4))  # fmt: skip
def test_bm25_is_between_0_and_1_and_never_punishes_a_match(texts, query):
    bm25 = BM25(query, texts)
    for text in texts:
        score = bm25.score(text)
        assert 0.0 <= score < 1.0
        assert (score > 0) == bool(set(text) & set(query))


@given(st.text())
def test_any_text_is_tokenized(text):
    tokens = tokenize(text)
    assert all(tokens)
    assert tokenize(text.upper().lower()) == tokenize(text.upper().lower().upper().lower())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The figures, the queries", ["figure", "query"]),
        ("losses of a class", ["loss", "class"]),
        ("quiz quizzes, buzz buzzes", ["quiz", "quiz", "buz", "buz"]),
        ("shoe shoes, hero heroes", ["shoe", "shoe", "hero", "hero"]),
        ("CAFÉ 4471-C of the 1990s", ["cafe", "4471", "c", "1990", "4471c"]),
        ("向量库", ["向量", "量库"]),
        ("库", ["库"]),
    ],
)
def test_tokens(text, tokens):
    assert tokenize(text) == tokens


def test_stop_words_count_only_on_request():
    assert tokenize("the who") == []
    assert tokenize("the who", stop_words=True) == ["the", "who"]


def test_a_word_that_all_candidates_have_still_counts():
    texts = [["turbine", "hall"], ["turbine", "oil"], ["turbine"] * 3 + ["hall"]]
    bm25 = BM25(["turbine", "hall"], texts)
    whole = BM25(["turbine", "hall"], texts, WordStatistics.of(["turbine", "hall"], texts))
    assert bm25.score(texts[1]) > whole.score(texts[1]) > 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("drawing 4471-C?", "4471c"),
        ("drawing 4471\u2013C", "4471c"),
        ("to EN10204/3.1b,", "en1020431b"),
        ("mmdetection v2.18.0", "v2180"),
        ("\u56fe4-2a", "42a"),
    ],
)
def test_a_code_is_a_token_of_its_own_after_its_parts(text, code):
    assert tokenize(text)[-1] == code


@pytest.mark.parametrize("text", ["well-known", "2014-2016", "10.5 %", "4471 C", "a/b"])
def test_joined_words_or_numbers_alone_are_no_codes(text):
    assert len(tokenize(text, stop_words=True)) == 2


def test_a_code_tells_what_its_parts_do_not():
    query = tokenize("On which shelf is drawing 4471-C?")
    other = tokenize("Drawing 4471-A of C. Dunmore lies on shelf R5, below drawing 4470-C.")
    card = tokenize("NORTHMERE WORKS, drawing 4471-C, kept on shelf R12")
    bm25 = BM25(query, [other, card])
    assert bm25.score(card) > bm25.score(other)


def test_long_runs_take_no_longer_than_their_length():
    begun = time.process_time()
    for text in ("x" * 300_000, "x1-" * 100_000, "x" * 100_000 + "-", "a.b/c_" * 50_000):
        tokenize(text)
    assert time.process_time() - begun < 5

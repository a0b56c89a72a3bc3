"""Where the tokens of a prompt come from, and which of them make a word."""

from __future__ import annotations

from itertools import pairwise

import pytest
from golden_cases import GOLDEN, golden_image
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank.local.prompt.image_sizes import PixelRule
from mmrerank.local.prompt.layout import Owned, TokenPlace, places, plain, words
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.local.prompt.tokenizer import Control, ImageTokens, Tokenizer

TOKENIZER = Tokenizer(GOLDEN / "qwen3-vl-reranker" / "tokenizer.json", "golden")
IMAGE = ImageTokens(1, 2, 3)
PART = PixelRule(28, 28 * 28, 28 * 28 * 12).part(golden_image("1_300x200.png"))


@given(st.text(), st.text())
@settings(deadline=None)
def test_each_token_has_the_place_that_it_stands_for(query, document):
    layout = [
        "Before: ", Owned("query", query), ".\nThen:", Control(999_999), Owned("document", PART),
        Owned("document", document), "\n",
    ]  # fmt: skip
    ((ids, images),) = TOKENIZER.assemble([plain(layout)], IMAGE)
    found = places(layout, TOKENIZER)
    assert len(found) == len(ids)
    assert found[ids.index(999_999)] is None
    cells = found[images[0].start : images[0].start + PART.tokens]
    assert cells == [TokenPlace("document", i, i + 1, 0) for i in range(PART.tokens)]
    for owner, text in (("query", query), ("document", document)):
        spans = [(p.start, p.end) for p in found if p and p.owner == owner and p.image is None]
        assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
        covered = {i for start, end in spans for i in range(start, end)}
        assert {i for i, letter in enumerate(text) if letter.strip()} <= covered
        made = words(text, spans)
        assert sorted(token for _, _, own in made for token in own) == list(range(len(spans)))
        assert all(a[1] <= b[0] for a, b in pairwise(made))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RAG combines (all).", ["RAG", "combines", "(", "all", ")."]),
        ("", []),
        ("\ud83d\ude00 a\ud83d b", ["\ud83d\ude00", "a", "\ud83d", "b"]),  # halves of pairs
    ],
)
def test_words(text, expected):
    spans = [(p.start, p.end) for p in places([Owned("document", text)], TOKENIZER) if p]
    found = [text[start:end] for start, end, _ in words(text, spans)]
    assert "".join(found) == "".join(expected)
    assert found[:2] == expected[:2]


def test_words_that_share_a_token_are_one():
    assert words("ab, cd", [(0, 3), (4, 5), (5, 6)]) == [(0, 3, [0]), (4, 6, [1, 2])]
    assert words("数据提取", [(0, 2), (2, 3), (2, 3), (3, 4)]) == [
        (0, 2, [0]), (2, 3, [1, 2]), (3, 4, [3]),
    ]  # fmt: skip
    assert words("cut off", [(0, 3)]) == [(0, 3, [0])]


def test_a_prompt_without_some_tokens():
    prompt = Prompt([5, 6, 1, *[2] * PART.tokens, 3, 8], (PlacedImage(PART, 3),), cut=True)
    shorter = prompt.without({0, len(prompt) - 1})
    assert shorter.ids == prompt.ids[1:-1]
    assert shorter.images == (PlacedImage(PART, 2),)
    assert shorter.cut

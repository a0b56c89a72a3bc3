"""Texts that a service would refuse."""

from __future__ import annotations

import pytest
from calling import FIGURE

from mmrerank import APIError, Content
from mmrerank.http.too_long import cut_texts, shortened, too_many_tokens

QUERY = Content("q" * 40)
MESSAGE = "input ({} tokens) is too large to process. increase the physical batch size (current batch size: {})"  # fmt: skip


def test_only_texts_that_are_too_long_are_other_objects():
    short, long, none = Content("ab"), Content("abcdef"), Content(images=[FIGURE])
    cut = cut_texts([short, long, none], 4)
    assert cut[0] is short
    assert cut[1] == Content("abcd")
    assert cut[2] is none


def test_a_text_is_cut_by_the_numbers_of_the_message():
    cut = shortened(QUERY, Content("x" * 960), APIError(MESSAGE.format(1000, 500)))
    assert 400 <= len(cut.text) <= 460


@pytest.mark.parametrize("text", ["é" * 500, "😀" * 500, "a" * 999, "\ud800" * 500])
@pytest.mark.parametrize("message", [MESSAGE.format(513, 512), MESSAGE.format(0, 0), "too large"])
def test_a_text_becomes_shorter_until_nothing_would_be_left(text, message):
    error = APIError(message)
    with pytest.raises(APIError) as caught:
        shorten_often(Content(text), error)
    assert caught.value is error


def shorten_often(item, error):
    for _ in range(60):
        before, item = item, shortened(QUERY, item, error)
        assert len(item.text) < len(before.text)


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (MESSAGE.format(900, 512), (900, 512)),
        ("request (900 tokens) exceeds the available context size (512 tokens), try", (900, 512)),
        ("input (9 tokens) is larger than the max context size (8 tokens). skipping", (9, 8)),
        ("input is too large to process", None),
        ("(" * 100_000, None),
        ("(5 tokens)" * 20_000, None),
    ],
)
def test_the_numbers_of_llamacpps_messages_are_read(message, counts):
    assert too_many_tokens(message) == counts

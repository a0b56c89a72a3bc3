"""Answers of models: which are captions, and what is kept of the others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank.captioning.caption import (
    CAPTION_SCHEMA,
    Caption,
    UnusableAnswerError,
    caption_schema,
    plain_caption,
    read_caption,
)

GOOD = {
    "text_in_image": ["Shelf R12", "box 7"],
    "data_points": ["flow: 340 l/min"],
    "brief": "A shelf.",
    "detailed": "A shelf with boxes; box 7 is on top.",
    "keywords": ["shelf", "storage"],
}


def test_an_answer_in_the_form_asked_for():
    caption = read_caption(json.dumps(GOOD))
    assert caption == read_caption(GOOD) == read_caption(f"```json\n{json.dumps(GOOD)}\n```")
    assert caption.text_in_image == ("Shelf R12", "box 7")
    assert not caption.is_plain
    assert all(word in caption.text for word in ("R12", "340", "on top", "storage"))
    assert Caption.from_json(caption.to_json()) == caption


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "is empty"),
        ("The image shows a shelf with boxes.", "is not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        (json.dumps(GOOD)[:-30], "is not JSON"),
        ({}, "is not a list|is not a text"),
        ({**GOOD, "brief": None}, "brief is not a text"),
        ({**GOOD, "keywords": "shelf"}, "keywords is not a list"),
        ({**GOOD, "text_in_image": [{"text": "R12"}]}, "text_in_image is not a list"),
        ({**GOOD, "detailed": "x" * 7000}, "more than 6000 characters"),
        ({**GOOD, "text_in_image": [str(i) for i in range(400)]}, "more than 300 items"),
        ({**GOOD, "text_in_image": ["word " * 200]}, "more than 600 characters"),
        ({**GOOD, "detailed": "and then the pump and " * 40}, "repeats itself"),
        ({key: [] for key in GOOD} | {"brief": "", "detailed": " "}, "says nothing"),
    ],
)
def test_an_answer_without_a_usable_caption(answer, reason):
    with pytest.raises(UnusableAnswerError, match=reason) as caught:
        read_caption(answer)
    assert not caught.value.is_refusal


@pytest.mark.parametrize(
    "answer",
    ["I'm sorry, but I can't help with that.", "I cannot identify people.", "As an AI ..."],
)
def test_a_refusal_in_prose_is_recognised(answer):
    with pytest.raises(UnusableAnswerError, match="refused") as caught:
        read_caption(answer)
    assert caught.value.is_refusal


def test_rows_of_dots_and_repeated_cells_are_no_loop():
    read_caption({**GOOD, "text_in_image": ["Chapter 1 " + "." * 300, "0", "0", "0"]})


def test_what_is_kept_as_plain_text():
    prose = plain_caption("A shelf. R12.")
    assert (prose.detailed, prose.is_plain) == ("A shelf. R12.", True)
    cut = plain_caption('{"text_in_image": ["Shelf \\"R12\\"", "box 7"], "brief": "A she')
    assert cut.detailed.splitlines() == ['Shelf "R12"', "box 7", "A she"]
    loop = plain_caption("A pump. " + "and then the pump " * 500)
    assert loop.detailed == "A pump. and then the pump"
    assert len(plain_caption("".join(f"word{i} " for i in range(5000))).detailed) <= 4000
    assert plain_caption("") is plain_caption("{}") is plain_caption(" ... ") is None


def test_numbers_in_lists_and_odd_characters_are_read():
    caption = read_caption({**GOOD, "keywords": [7, "7", None, " a ", "\ud800"]})
    assert caption.keywords == ("7", "a", "?")


def test_only_the_schema_for_servers_of_ones_own_has_bounds():
    assert "max" not in json.dumps(CAPTION_SCHEMA)
    assert caption_schema(bounded=True)["properties"]["brief"]["maxLength"] == 400
    assert next(iter(CAPTION_SCHEMA["properties"])) == "text_in_image"  # transcribed first


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=50)
@given(JSON | st.text())
def test_any_answer_is_a_caption_or_unusable(value):
    content = value if isinstance(value, (str, dict)) else json.dumps(value)
    try:
        caption = read_caption(content)
    except UnusableAnswerError:
        caption = plain_caption(content)
    if caption is not None:
        assert Caption.from_json(caption.to_json()) == caption
        caption.text.encode()

"""The places of figures are found in text that another program cut and wrote."""

from __future__ import annotations

import pytest

from mmrerank.loaders.base import Figure, Link
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.places import Places, place_of

BOX = (0.0, 0.0, 100.0, 100.0)
LINK = Link(Figure("belt.png", "a.pdf", 2, BOX, "vector"), "column", 0.5)


def block(text):
    return Block(BOX, text, (Line(BOX, text, 10.0),))


def links(blocks, text, *, index=0, offset=None, page=2):
    at = len(blocks[index].text) if offset is None else offset
    places = Places([place_of(LINK, 2, blocks, index, at)])
    return places.links(text, page)


@pytest.fixture
def blocks():
    return [block("Every belt runs faster than its motor allows."), block("The hall is old.")]


@pytest.mark.parametrize(
    "text",
    [
        "Every belt runs faster than its motor allows.",
        "EVERY BELT\nruns fas-\nter than its motor allows",
        "... before it. Every belt runs faster than its motor",
        "runs faster than its motor allows. And more after it.",
    ],
)
def test_however_it_is_written_and_cut(blocks, text):
    assert links(blocks, text) == [LINK]


def test_less_than_half_and_other_pages_do_not_count(blocks):
    assert links(blocks, "Every belt runs") == []
    assert links(blocks, blocks[0].text, page=3) == []


def test_a_short_heading_goes_with_what_follows():
    blocks = [block("Belts"), block("They run faster than motors.")]
    assert links(blocks, "Belts\nThey run faster than motors.") == [LINK]
    assert links(blocks, "a chapter on belts and pulleys") == []


def test_the_line_before_the_place_counts(blocks):
    text = " ".join(f"word{number} stands here" for number in range(40))
    paragraph = block(text)
    assert links([paragraph, *blocks], text[-120:]) == [LINK]
    assert links([paragraph, *blocks], text[:120]) == []
    assert links([paragraph], text[:120], offset=8) == [LINK]  # what follows, near a beginning


def test_a_place_without_words_is_no_place():
    places = Places([place_of(LINK, 2, [block("...")], 0, 3)])
    assert not places.has_place(LINK.figure)
    assert places.links("...", 2) == []

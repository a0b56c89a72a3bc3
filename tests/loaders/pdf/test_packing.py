"""Blocks become chunks within their size."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_pages import (
    block,
    line,
    texts,
)

from mmrerank.loaders.pdf.packing import collect_labels, pack
from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)
from mmrerank.loaders.splitting import Sizes


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400), max_size=8
    ),
    st.integers(1, 300),
)
def test_chunks_hold_all_text_within_their_size(texts, chunk_size):
    blocks = [block(text.strip()) for text in texts if text.strip()]
    chunks = pack(blocks, Sizes(chunk_size), Headings(10.0).is_heading)
    assert all(0 < len(chunk.text) <= chunk_size for chunk in chunks)
    kept = "".join(chunk.text for chunk in chunks)
    assert "".join(kept.split()) == "".join("".join(b.text for b in blocks).split())
    assert sum(piece.first for chunk in chunks for piece in chunk.pieces) == len(blocks)


def test_a_heading_opens_a_chunk_and_sentences_stay_whole():
    blocks = [block("One is here. Two is there."), block("Heading", size=14.0), block("Text. " * 9)]
    first, second = pack(blocks, Sizes(200), Headings(10.0).is_heading)
    assert (first.text, second.text[:7]) == ("One is here. Two is there.", "Heading")
    assert [c.text for c in pack(blocks[:1], Sizes(15), Headings(10.0).is_heading)] == [
        "One is here.",
        "Two is there.",
    ]


def test_a_heading_does_not_cut_off_a_few_words():
    blocks = [block("Few words."), block("Heading", size=14.0), block("Text. " * 9)]
    assert len(pack(blocks, Sizes(200), Headings(10.0).is_heading)) == 1


def test_labels_of_a_figure_become_one_block_in_place_of_the_first():
    figure = (60.0, 100.0, 400.0, 200.0)
    first, second = block("0.5", y=120.0), block("1.0", y=150.0)
    caption = make_block([line("Figure 1: Speed", y=180.0)])
    before, after = block("before", y=50.0), block("after", y=300.0)
    collected = collect_labels([before, first, after, second, caption], [figure])
    assert texts(collected) == ["before", "0.5 1.0", "after", "Figure 1: Speed"]
    assert [one.in_figure for one in collected] == [False, True, False, False]
    assert collected[1].box == (72.0, 120.0, 272.0, 162.0)
    assert collected[1].lines == first.lines + second.lines

"""Captions and references, in the wording of real documents and of random ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.loaders.captions import (
    find_caption,
    find_references,
    open_reference,
    panel_base,
    without_contents,
)

NUMBERS = st.from_regex(r"([A-Z]\.)?[1-9]\d?([.\-][1-9]\d?)?", fullmatch=True)
WORDS = st.sampled_from(
    ["Figure", "Fig.", "FIGURE", "fig.", "Abbildung", "Abb.", "figura", "图", "図", "图 ", "Рис."]
)


@pytest.mark.parametrize(
    ("text", "label", "sure"),
    [
        ("Figure 3: Speed of the engine", "figure 3", True),
        ("Fig. 3. Speed of the engine", "figure 3", True),
        ("FIGURE 1-2", "figure 1-2", True),
        ("Figure 1-2. Self-locking nuts", "figure 1-2", True),
        ("Figure 1-2   Existing controls", "figure 1-2", False),
        ("Abbildung 3.1: Beispiele", "figure 3.1", True),
        ("Abb. 3 Beispiele", "figure 3", False),
        ("图 3 系统结构", "figure 3", False),
        ("图3\uff1a系统结构", "figure 3", True),
        ("図3", "figure 3", True),
        ("figura 3. Motores", "figure 3", True),
        ("Figure A.1: Proof", "figure A.1", True),
        ("Figure S3. More data", "figure S3", True),
        ("Figure 2a: The left panel", "figure 2a", True),
        ("Fig. 5 | Cells", "figure 5", True),
        ("Table 2: Results", "table 2", True),
        ("表 2 结果", "table 2", False),
        ("Box 4: The stabilisation fund", "box 4", True),
        ("LISTING 2-1. A queue", "listing 2-1", True),
        ("Chart 5", "chart 5", True),
    ],
)
def test_captions_are_read(text, label, sure):
    caption = find_caption(text)
    assert caption is not None
    assert (caption.label, caption.sure) == (label, sure)
    assert text[: caption.title].strip()[-1:] in "0123456789a.:|\uff1a"


@pytest.mark.parametrize(
    "text",
    [
        "Figure 7 shows the engine.",
        "图3所示的系统",
        "Figures are drawn by hand.",
        "Figure 3: Speed of the engine . . . . . . . . 17",
        "Abbildung 1.8a veranschaulicht diesen Raum.",
        "In Figure 3: nothing",
        "Configuration 3: nothing",
        "Box 12 Codes of the form",
        "box 3: take it",
        "",
    ],
)
def test_prose_and_contents_are_not_captions(text):
    assert find_caption(text) is None


KNOWN = [f"figure {number}" for number in "1 2 3 4 5 3.1 3.2 3.3 1-2 1-3 A.1 6a 6b".split()]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("as Figure 3 shows", "3"),
        ("as Fig. 3 shows", "3"),
        ("Figs. 3 and 4", "3 4"),
        ("Figures 3, 4, and 5", "3 4 5"),
        ("Figures 3-5", "3 4 5"),
        ("Fig. 3\u20135", "3 4 5"),
        ("Figures 3 to 5", "3 4 5"),
        ("Figure 2(a) and (b)", "2"),
        ("Figure 2b", "2"),
        ("FIG. 3a-c", "3"),
        ("(siehe Abb. 3.1)", "3.1"),
        ("Abbildung 3.1 bis 3.3", "3.1 3.2 3.3"),
        ("Abbildungen 3.1 und 3.3", "3.1 3.3"),
        ("Figures 3.1\u20133.3", "3.1 3.2 3.3"),
        ("如图3所示", "3"),
        ("図 3 に示す", "3"),
        ("la figura 3", "3"),
        ("Figures 1-2 and 1-3", "1-2 1-3"),
        ("Figure A.1", "A.1"),
        ("Figure\n3", "3"),
        ("Figure 6", "6a 6b"),
        ("Figure 6(b)", "6b"),
        ("Figure 3. 4 users came", "3"),
        ("In Figure 3, 4 users came", "3"),
        ("Figure 9", ""),
        ("configure 3", ""),
        ("Table 3", ""),
        ("Figures 1-100000", "1"),
        ("Figures 3\u223c5", "3 4 5"),
        ("Figures 3\uff5e5", "3 4 5"),
        ("Figures 3 \u2212 5", "3 4 5"),
        ("Figures 3\u20125", "3 4 5"),
        ("Figs. 3a, b and 4c", "3 4"),
        ("Figures 3a and b, and 5", "3 5"),
        ("Figures 3A\u2013C and 4", "3 4"),
        ("Fig. 2(a)\u2013(c) and 3", "2 3"),
        ("Fig. 6a and b", "6a 6b"),
        ("Fig. 6a and a nut", "6a"),
        ("Fig. 6a\u2013c", "6a 6b"),
    ],
)
def test_references_are_read(text, numbers):
    assert find_references(text, KNOWN) == [f"figure {number}" for number in numbers.split()]


def test_a_hyphen_is_a_range_only_where_the_document_has_no_such_label():
    assert find_references("Figure 1-2", ["figure 1-2", "figure 1", "figure 2"]) == ["figure 1-2"]
    assert find_references("Figure 1-2", ["figure 1", "figure 2"]) == ["figure 1", "figure 2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("are large (see Figs. 3", "Figs. 3"),
        ("Both (Figures 3, 4 and", "Figures 3, 4 and"),
        ("It is shown in Fig.", "Fig."),
        ("Figure 3 shows that", ""),
        ("the configuration", ""),
        ("", ""),
    ],
)
def test_a_reference_may_be_open_at_the_end(text, words):
    assert open_reference(text) == words


def test_a_list_of_figures_refers_to_nothing():
    text = "Figure 1: Engine . . . . . 4\nFigure 2 is below.\nFigure 3: Nut ........ xii"
    assert without_contents(text) == "Figure 2 is below."


@given(word=WORDS, number=NUMBERS, title=st.from_regex(r"[A-Z][a-z ]{3,20}", fullmatch=True))
def test_every_caption_that_is_written_is_read(word, number, title):
    caption = find_caption(f"{word} {number}: {title}")
    assert caption is not None
    assert caption.label == f"figure {number}"
    assert f"{word} {number}: {title}"[caption.title :] == title


@given(
    word=WORDS,
    number=NUMBERS,
    others=st.lists(NUMBERS, max_size=4),
    before=st.sampled_from(["", "see ", "(", "As shown in "]),
    after=st.sampled_from(["", ".", ", we", " and", ")", "; then"]),
)
def test_every_reference_to_a_known_figure_is_found(word, number, others, before, after):
    known = {f"figure {name}" for name in [number, *others]}
    assert f"figure {number}" in find_references(f"{before}{word} {number}{after}", known)


@given(st.text(max_size=200), st.lists(NUMBERS, max_size=5))
def test_no_text_breaks_it_or_finds_what_is_not_known(text, numbers):
    known = [f"figure {number}" for number in numbers]
    assert set(find_references(text, known)) <= set(known)
    caption = find_caption(text)
    assert caption is None or 0 < caption.title <= len(text)


@given(NUMBERS)
def test_a_panel_belongs_to_its_figure(number):
    assert panel_base(number + "b") == number
    assert panel_base(number) == number


def test_figures_that_are_counted_apart_are_not_mixed_up():
    known = ["figure 2", "box 2", "box 3", "listing 2", "chart 2"]
    text = "Listing 2 and Boxes 2 and 3 say so, and Chart 2; a box 7 wide does not."
    assert find_references(text, known) == ["listing 2", "box 2", "box 3", "chart 2"]

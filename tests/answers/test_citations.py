"""References of answers: every form is found, and unknown ones are told apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.answers.citations import Citation, Citations, plain_label

FIGURES = {1: ("Figure 4",), 2: (), 3: ("Figure 3", "Table B.2", "Image 3")}


def citations():
    known = []
    for number, figures in FIGURES.items():
        facts = {"number": number, "source": f"{number}.pdf", "page": number + 10}
        known.append(Citation(**facts))
        known += [Citation(**facts, figure=figure, image="a.png") for figure in figures]
    shared = next(one for one in known if one.figure == "Figure 4")
    return Citations(tuple(known), {(2, plain_label("Figure 4")): shared})


def parsed(answer):
    cited = citations().parse(answer)
    return [one.label for one in cited.citations], list(cited.unknown)


@pytest.mark.parametrize(
    ("answer", "known", "unknown"),
    [
        ("On shelf R12 [1].", ["[1]"], []),
        ("box 7 [1, Figure 4][3]", ["[1, Figure 4]", "[3]"], []),
        ("[1, 2] and [1; 3]", ["[1]", "[2]", "[3]"], []),
        ("[1 and 3]", ["[1]", "[3]"], []),
        ("[1-3] [1\u20132]", ["[1]", "[2]", "[3]"], []),
        ("[3, fig. 3; 2]", ["[3, Figure 3]", "[2]"], []),
        ("[3, Figure 3, table b.2]", ["[3, Figure 3]", "[3, Table B.2]"], []),
        ("[2, Figure 4]", ["[1, Figure 4]"], []),  # handed over once, with chunk 1
        ("[1, page 11] [1, p. 12]", ["[1]"], ["[1, p. 12]"]),
        ("【1】【3†source】 [Source 2] [^1]", ["[1]", "[3]", "[2]"], []),
        ("[Figure 4] [Figure 9]", ["[1, Figure 4]"], ["[Figure 9]"]),
        ("[7] [1, Figure 9] [0]", [], ["[7]", "[1, Figure 9]", "[0]"]),
        ("[5-900000000]", [], []),
        ("a[i] [sic] [] [x, 1] [0.5, 1] [link](u)", [], []),
        ("[1\n]", [], []),
        ("no reference", [], []),
    ],
)
def test_forms_of_references(answer, known, unknown):
    assert parsed(answer) == (known, unknown)


def test_what_a_citation_says():
    figure = citations()[1]
    assert (figure.label, figure.index, figure.page) == ("[1, Figure 4]", 0, 11)
    assert len(citations()) == 7
    assert [one.label for one in citations()[:2]] == ["[1]", "[1, Figure 4]"]


NUMBERS = st.integers(0, 6)
NAMES = st.sampled_from(["", "Figure 3", "Figure 4", "Table B.2", "Image 3", "Figure 77"])
PROSE = st.text(st.characters(exclude_characters="[]【】"), max_size=30)


@given(st.lists(st.tuples(PROSE, NUMBERS, NAMES), max_size=12), PROSE)
def test_what_was_written_is_what_is_found(pieces, end):
    answer, expected, unknown = "", {}, {}
    has = {(number, figure): number for number, all_ in FIGURES.items() for figure in ("", *all_)}
    has[2, "Figure 4"] = 1
    for prose, number, name in pieces:
        written = f"[{number}, {name}]" if name else f"[{number}]"
        answer += prose + written
        if (number, name) in has:
            expected[f"[{has[number, name]}, {name}]" if name else written] = None
        else:
            unknown[written] = None
    assert parsed(answer + end) == (list(expected), list(unknown))


@given(st.text(st.sampled_from("[]【】,;-12 Figure and†^\n"), max_size=60))
def test_no_answer_fails(answer):
    citations().parse(answer)


def test_a_long_answer_takes_no_time():
    start = time.process_time()
    parsed("[" * 200_000 + "1" * 200_000 + "[1, " * 50_000)
    assert time.process_time() - start < 1


def test_a_long_answer_about_many_chunks_takes_no_time():
    facts = [{"number": n, "source": "a.pdf", "figure": f} for n in range(1, 3001) for f in ("", f"Figure {n}")]  # fmt: skip
    known = Citations(tuple(Citation(**one) for one in facts))
    begun = time.process_time()
    cited = known.parse("".join(f"[{n}][Figure {n}]" for n in range(1, 3001)))
    assert cited.citations == known.known
    assert time.process_time() - begun < 1

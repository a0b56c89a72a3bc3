"""Chunks of other loaders get the figures of the PDF they came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank.demo import REPORT
from mmrerank.errors import DocumentError
from mmrerank.loaders.base import Figure
from mmrerank.loaders.pdf.attach import FigureIndex


def figure(ref, page, label="", caption=""):
    box = (0.0, 0.0, 100.0, 100.0)
    return Figure(ref, "a.pdf", page, box, "vector", caption=caption, label=label)


BELT = figure("belt.png", 2, "figure 1", "Figure 1: Speed of the belt in m/s")
HALL = figure("hall.png", 3)
NUT = figure("nut.png", 4, "figure 2", "Figure 2. Stainless nut")
WORDS = {
    1: frozenset("the old factory stands near a river and makes rubber belts".split()),
    2: frozenset("every belt runs faster than its motor allows speed figure".split()),
    3: frozenset("inside hall number seven lamps hang from iron beams".split()),
    4: frozenset("stainless nuts are tightened once and never again".split()),
}


@pytest.fixture
def index():
    return FigureIndex([BELT, HALL, NUT], WORDS, {1: "i", 2: "ii", 3: "1", 4: "2"})


def found(links):
    return [(link.figure.ref, link.kind, link.score) for link in links]


def test_a_figure_that_the_text_names_is_found_on_any_page(index):
    assert found(index.links_for("the old factory, see Fig. 2", 0)) == [
        ("nut.png", "reference", 1.0)
    ]
    assert found(index.links_for("see Fig. 2", None)) == [("nut.png", "reference", 1.0)]


def test_a_caption_in_the_text_does_not_refer_to_itself(index):
    text = "every belt runs faster\nFigure 1: Speed of the belt in m/s"
    assert found(index.links_for(text, 1)) == [("belt.png", "caption", 0.9)]
    text += " as Figure 2 shows, and not Figure 1"
    assert found(index.links_for(text, 1)) == [
        ("nut.png", "reference", 1.0),
        ("belt.png", "reference", 1.0),
    ]


@pytest.mark.parametrize("page", [2, 3, "2", "3", None])
def test_the_words_tell_whether_pages_count_from_0_or_1(index, page):
    text = "Inside hall number seven lamps hang from iron beams."
    assert found(index.links_for(text, page)) == [("hall.png", "page", 0.3)]


def test_a_label_of_the_document_is_a_page(index):
    assert found(index.links_for("inside hall number seven", "1")) == [("hall.png", "page", 0.3)]


def test_a_figure_with_a_caption_is_not_linked_by_its_page(index):
    assert index.links_for("every belt runs", "ii") == []


def test_a_chunk_that_is_on_none_of_the_pages_gets_nothing(index):
    assert index.links_for("a chunk about penguins and ice", 2) == []
    assert index.links_for("a chunk about penguins and ice", None) == []
    assert index.links_for("the old factory", 0) == []


def test_a_blank_chunk_goes_by_its_page_alone(index):
    assert found(index.links_for("", 2)) == [("hall.png", "page", 0.3)]
    assert index.links_for("", 99) == index.links_for("", None)


def test_of_two_figures_with_one_label_the_nearer_is_meant():
    far = figure("far.png", 1, "figure 1", "Figure 1: Other")
    index = FigureIndex([far, BELT], WORDS)
    assert found(index.links_for("stainless nuts are tightened as in Figure 1", 4)) == [
        ("belt.png", "reference", 1.0)
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The figures of the demo's report."""
    return FigureIndex.from_pdf(REPORT, image_root=tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def report_pages():
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open(REPORT) as document:
        return [page.get_text() for page in document]


@settings(max_examples=25, deadline=None)
@given(size=st.integers(200, 1500), overlap=st.integers(0, 100))
def test_however_text_is_cut_a_figure_goes_to_few_chunks(report, report_pages, size, overlap):
    links = [
        report.links_for(text[start : start + size], number)
        for number, text in enumerate(report_pages)
        for start in range(0, len(text), size - overlap)
    ]
    assert not any(link.kind == "page" for chunk in links for link in chunk)
    assert {link.figure.ref for chunk in links for link in chunk} == {
        figure.ref for figure in report.figures
    }
    for figure in report.figures:  # one place, unless the text names it elsewhere too
        near = [link for chunk in links for link in chunk if link.figure == figure]
        assert len([link for link in near if link.kind == "column"]) <= 3


def test_a_figure_without_a_caption_goes_to_the_words_next_to_it(tmp_path):
    pymupdf = pytest.importorskip("pymupdf")
    above = "The hall was built of red brick in the year of the great flood."
    below = "Nothing else is known of the machines that once stood in the cellar."
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 72), above)
    page.draw_rect((72, 90, 300, 250), fill=(0.7, 0.2, 0.2))
    page.draw_line((72, 90), (300, 250))
    page.insert_text((72, 700), below)
    document.save(tmp_path / "hall.pdf")
    document.close()
    index = FigureIndex.from_pdf(tmp_path / "hall.pdf", image_root=tmp_path / "images")
    (hall,) = index.figures
    assert found(index.links_for(above, 0)) == [(hall.ref, "column", 0.5)]
    assert found(index.links_for("The  HALL was built of red\nbrick in the", 0)) == [
        (hall.ref, "column", 0.5)
    ]
    assert index.links_for(below, 0) == []


@pytest.mark.parametrize("first", [0, 1])
def test_chunks_cut_by_length_from_a_real_pdf(tmp_path, first):
    """As LangChain's loaders and splitters give them; pages counted from 0 and from 1."""
    pymupdf = pytest.importorskip("pymupdf")
    index = FigureIndex.from_pdf(REPORT, image_root=tmp_path)
    linked = set()
    with pymupdf.open(REPORT) as document:
        for number, page in enumerate(document, start=first):
            text = page.get_text()
            for start in range(0, len(text), 700):
                links = index.links_for(text[start : start + 700], number)
                near = [link for link in links if link.kind != "reference"]
                assert all(link.figure.page == page.number + 1 for link in near)
                linked |= {link.figure.ref for link in links}
    assert linked == {figure.ref for figure in index.figures}
    assert all((tmp_path / ref).is_file() for ref in linked)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(DocumentError, match="does not exist"):
        FigureIndex.from_pdf(tmp_path / "no.pdf", image_root=tmp_path)


def test_metadata_of_the_frameworks_own_loaders(tmp_path):
    index = FigureIndex([BELT, HALL, NUT], WORDS, name="a.pdf")
    text = "inside hall number seven lamps hang"
    for metadata in (
        {"source": "/data/a.pdf", "page": 2, "total_pages": 4},  # LangChain, from 0
        {"file_path": "C:\\data\\a.pdf", "source": "3"},  # LlamaIndex's PyMuPDFReader
        {"file_name": "a.pdf", "page_label": "3"},  # LlamaIndex's PDFReader
        {},
    ):
        before = dict(metadata)
        assert index.attach(metadata, text) == {**metadata, "images": '["hall.png"]'}
        assert metadata == before


def test_chunks_of_another_file_come_back_as_they_are():
    index = FigureIndex([BELT, HALL, NUT], WORDS, name="a.pdf")
    other = {"source": "/data/b.pdf", "page": 2}
    assert index.attach(other, "inside hall number seven lamps hang") == other


def test_references_that_are_there_stay_first():
    index = FigureIndex([BELT, HALL, NUT], WORDS, name="a.pdf")
    kept = index.attach({"page": 2, "images": ["own.png"]}, "inside hall number seven lamps")
    assert kept["images"] == '["own.png", "hall.png"]'

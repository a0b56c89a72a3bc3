"""Which figures belong to which chunk."""

from __future__ import annotations

import pytest
from pdf_pages import (
    block,
    kinds,
    line,
    load,
)

from mmrerank.loaders.pdf.links import Linker
from mmrerank.loaders.pdf.page import (
    LinkTarget,
    PageChunk,
    PageFigures,
    PageOptions,
    Piece,
    Profile,
    Region,
)
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_links_say_why_a_figure_belongs_to_a_chunk(report, root):
    chunks = load(report, root, chunk_size=300)
    (ahead,) = [chunk for chunk in chunks if "next page" in chunk.text]
    assert (ahead.page, kinds(ahead)) == (1, [("reference", 1.0, "figure 1", 2)])
    (caption,) = [chunk for chunk in chunks if "Figure 1:" in chunk.text]
    assert kinds(caption) == [("caption", 0.9, "figure 1", 2)]
    (hall,) = [chunk for chunk in chunks if "hall is old" in chunk.text]
    assert kinds(hall) == [("column", 0.5, "", 3)]
    assert sum(len(chunk.links) for chunk in chunks) == 3


def test_all_words_of_a_listing_have_its_image(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        rows = "\n".join(f"row {number}: value {number * 7}" for number in range(40))
        page.insert_textbox((72, 72, 300, 600), rows, fontsize=8)
        page.insert_text((72, 500), "Figure 1: Many rows.", fontsize=10)
        page.insert_textbox((72, 560, 520, 700), "Words of the body text go on and on here. " * 20)
        document.save(tmp_path / "rows.pdf")
    chunks = load(tmp_path / "rows.pdf", root, chunk_size=200)
    rows = [chunk for chunk in chunks if "row " in chunk.text]
    assert len(rows) > 2
    assert all(chunk.links for chunk in rows)


@pytest.mark.parametrize(
    ("words", "y", "linked"),
    [
        ("3", 95, True),
        ("(3b)", 250, True),
        ("4", 95, False),
        ("there", 95, False),
        ("3", 600, False),
    ],
)
def test_links_without_a_name_count_where_their_words_say_the_figure(
    tmp_path, root, words, y, linked
):
    with pymupdf.open() as document:
        document.new_page()
        document.new_page()
        first, second = document
        first.insert_text((72, 100), "The second query costs less than the first, as shown in")
        first.insert_text((372, 100), words)
        first.insert_text((72, 300), "Something else is told in another paragraph of the page.")
        second.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
        second.insert_text((100, 260), "Figure 3: What a query costs.")
        second.insert_text((72, 650), "The text goes on below the figure for one more line.")
        target = {"kind": pymupdf.LINK_GOTO, "page": 1, "to": pymupdf.Point(72, y)}
        first.insert_link({**target, "from": pymupdf.Rect(371, 88, 373 + 6 * len(words), 104)})
        document.save(tmp_path / "linked.pdf")
    chunks = load(tmp_path / "linked.pdf", root)
    (cited,) = [chunk for chunk in chunks if "costs less" in chunk.text]
    assert [link.kind for link in cited.links] == ["reference"] * linked


class Document:
    """A document of figures, by page."""

    options = PageOptions()
    profile = Profile(body_size=10.0)

    def __init__(self, regions, targets=()):
        self._regions, self._targets = regions, targets
        self.captions = {}
        for number, page in regions.items():
            for region in page:
                if region.label:
                    self.captions.setdefault(region.label, []).append(number)

    def regions(self, number):
        return {(number, i): region for i, region in enumerate(self._regions.get(number, ()))}

    def figures(self, number):
        return PageFigures(targets=list(self._targets))


def chunk(*blocks):
    return PageChunk(tuple(Piece(one.text, one, first=True) for one in blocks))


def figure(label="", y=200.0):
    caption = make_block([line(f"{label}: Speed", y=y + 110.0)]) if label else None
    return Region((72.0, y, 272.0, y + 100.0), "vector", caption)


def links(document, *chunks, number=1, sections=None):
    found = Linker(document).links_on_page(number, chunks, sections or [""] * len(chunks))
    return [[(link.key, link.kind, link.offset) for link in one] for one in found]


def test_a_mention_links_to_the_nearest_figure_of_that_name():
    document = Document({page: [figure("Figure 1")] for page in (1, 4, 9)})
    assert links(document, chunk(block("as Figure 1 shows")), number=5) == [
        [((4, 0), "reference", 11)]
    ]


def test_a_panel_links_to_its_figure_and_tables_only_where_they_are_figures():
    document = Document({2: [figure("Figure 1"), figure("Table 1")]})
    text = chunk(block("as Figure 1b and Table 1 show"))
    assert links(document, text) == [[((2, 0), "reference", 12)]]
    document.options = PageOptions(tables=True)
    assert [key for key, _, _ in links(document, text)[0]] == [(2, 0), (2, 1)]


def test_a_reference_goes_on_after_a_footnote_on_the_next_page():
    document = Document({3: [figure("Figure 3"), figure("Figure 4", y=400.0)]})
    linker = Linker(document)
    footnote = block("1 A note, with 7 nuts", size=7.0)
    first = linker.links_on_page(1, [chunk(block("Belts (see Figs. 3"), footnote)], [""])
    second = linker.links_on_page(2, [chunk(block("and 4) are quick"))], [""])
    assert [link.key for link in first[0]] == [(3, 0)]
    assert [(link.key, link.kind, link.offset) for link in second[0]] == [((3, 1), "reference", 5)]
    assert linker.links_on_page(5, [chunk(block("and 4) are quick"))], [""]) == [[]]


def test_a_caption_is_not_a_mention_of_itself():
    region = figure("Figure 1")
    assert links(Document({1: [region]}), chunk(region.caption)) == [[((1, 0), "caption", 15)]]


def test_figures_without_a_caption_go_to_the_nearest_chunk_of_their_column():
    left, right = block("left", y=400.0), block("right", x=330.0, y=210.0)
    document = Document({1: [figure()]})
    assert links(document, chunk(right), chunk(left)) == [[], [((1, 0), "column", 4)]]
    assert links(document, chunk(right)) == [[((1, 0), "page", 5)]]
    assert links(document) == []


def test_a_section_shares_its_figure_in_a_document_without_captions():
    chunks = [
        chunk(block("near", y=310.0)),
        chunk(block("far", y=500.0)),
        chunk(block("other", y=700.0)),
    ]
    sections = ["1", "1", "2"]
    first, second, third = links(Document({1: [figure()]}), *chunks, sections=sections)
    assert (first, second, third) == ([((1, 0), "column", 4)], [((1, 0), "section", 3)], [])
    captioned = Document({1: [figure()], 2: [figure("Figure 1")]})
    assert links(captioned, *chunks, sections=sections)[1] == []


def test_a_scan_belongs_to_all_text_of_its_page():
    document = Document({1: [Region((0.0, 0.0, 600.0, 800.0), "page")]})
    found = links(document, chunk(block("one")), chunk(block("two")))
    assert found == [[((1, 0), "page", 3)], [((1, 0), "page", 3)]]


@pytest.mark.parametrize(
    ("target_page", "y", "sure", "linked"),
    [
        (2, 200.0, True, True),
        (2, 150.0, True, True),
        (2, 100.0, True, False),
        (2, 400.0, True, False),
        (2, 200.0, False, False),
        (3, 200.0, True, False),
    ],
)
def test_a_link_of_the_document_leads_to_the_top_of_a_figure(target_page, y, sure, linked):
    target = LinkTarget((80.0, 72.0, 100.0, 84.0), "there", target_page, y, sure)
    document = Document({2: [figure("Figure 1")]}, [target])
    expected = [((2, 0), "reference", 9)] if linked else []
    assert links(document, chunk(block("see there now"))) == [expected]

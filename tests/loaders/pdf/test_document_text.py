"""The text of all pages: what they share, and what is left out of them."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from pdf_pages import (
    line,
    load,
    texts,
)

from mmrerank.errors import (
    DocumentError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.loaders.pdf import page_reader
from mmrerank.loaders.pdf.document_text import read_text
from mmrerank.loaders.pdf.page import (
    PageText,
    Profile,
)
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


class Texts:
    """Pages of these texts; an exception is a page that cannot be read."""

    def __init__(self, *pages):
        self.pages = pages

    def text(self, number):
        future = Future()
        page = self.pages[number - 1]
        if isinstance(page, Exception):
            future.set_exception(page)
        else:
            future.set_result(PageText(number, str(number), (600.0, 800.0), *page))
        return future


PHOTO, LOGO = (60, 40, 8, 900, "RGB"), (9, 9, 8, 90, "RGB")


def page(number, *blocks, images=()):
    head = make_block([line("The hall of belts", y=30.0)])
    foot = make_block([line(str(number), x=300.0, y=780.0)])
    return [[head, *blocks, foot], [((0.0, 0.0, 9.0, 9.0), key) for key in images]]


def test_what_pages_share():
    body = make_block([line("Body text of a page in its usual size", y=200.0, size=9.0)])
    figure = make_block([line("Figure 1: Speed", y=300.0, size=9.0)])
    pages = [page(1, body, images=[LOGO]), page(2, body, figure, images=[LOGO, PHOTO])]
    pages += [page(3, body, body, images=[LOGO]), page(4, figure)]
    text = read_text(Texts(*pages), "a.pdf", [1, 2, 3, 4])
    assert text.profile == Profile(9.0, frozenset([LOGO]))
    assert text.numbers == [1, 2, 3, 4]
    assert text.captions == {"figure 1": [2, 4]}
    assert text.labels[2] == "2"
    assert text.line_counts == {1: 3, 2: 4, 3: 4, 4: 3}
    assert texts(text.blocks(2)) == [body.text, figure.text]


def test_text_that_is_all_repeated_stays():
    def sheet(number):
        lines = ["Parcel of belts", "To the hall, please", f"Sheet {number}"]
        places = enumerate(lines)
        return [[make_block([line(text, y=20.0 + 14.0 * row)]) for row, text in places], []]

    text = read_text(Texts(*map(sheet, (1, 2, 3))), "a.pdf", [1, 2, 3])
    assert [len(text.blocks(number)) for number in (1, 2, 3)] == [3, 3, 3]
    body = make_block([line("Body text of a page", y=200.0)])
    text = read_text(Texts(page(1, body), page(2), page(3, body)), "a.pdf", [1, 2, 3])
    assert [len(text.blocks(number)) for number in (1, 2, 3)] == [1, 0, 1]


def test_hyphens_are_those_of_the_documents_own_words():
    parts = make_block([line("The self-", y=200.0), line("locking nut", y=212.0)])
    whole = make_block([line("a self-locking nut", y=240.0)])
    first, _ = read_text(Texts(page(1, parts, whole)), "a.pdf", [1]).blocks(1)[1:3]
    assert first.text == "The self-locking nut"
    first = read_text(Texts(page(1, parts)), "a.pdf", [1]).blocks(1)[1]
    assert first.text == "The selflocking nut"


def test_a_page_that_cannot_be_read_is_left_out_with_a_warning():
    pages = Texts(ValueError("broken stream"), page(2))
    with pytest.warns(RerankWarning, match=r"a.pdf, page 1: cannot be read.*broken stream"):
        assert read_text(pages, "a.pdf", [1, 2]).numbers == [2]


@pytest.mark.filterwarnings("ignore::mmrerank.errors.RerankWarning")
def test_no_page_that_can_be_read_is_an_error():
    with pytest.raises(DocumentError, match=r"page 1: none of its pages can be read \(broken"):
        read_text(Texts(ValueError("broken")), "a.pdf", [1])
    with pytest.raises(DocumentError, match="it has none"):
        read_text(Texts(), "a.pdf", [])


def test_a_missing_package_is_not_a_page_that_cannot_be_read():
    with pytest.raises(MissingDependencyError):
        read_text(Texts(MissingDependencyError("pymupdf", "pdf", "a PDF")), "a.pdf", [1])


def test_a_page_that_cannot_be_read_is_reported_and_costs_no_other(report, root, monkeypatch):
    original = page_reader.read_blocks

    def broken(page, titles):
        if page.number == 0:
            raise RuntimeError("broken stream")
        return original(page, titles)

    monkeypatch.setattr(page_reader, "read_blocks", broken)
    with pytest.warns(RerankWarning, match="page 1: cannot be read"):
        chunks = load(report, root)
    assert {chunk.page for chunk in chunks} == {2, 3}


@pytest.mark.filterwarnings("ignore::mmrerank.errors.RerankWarning")
def test_a_file_without_a_readable_page_is_an_error(report, root, monkeypatch):
    monkeypatch.setattr(page_reader, "read_blocks", lambda page, titles: 1 / 0)
    with pytest.raises(DocumentError, match=", page 1: none of its pages"):
        load(report, root)


def test_a_hyphen_stays_where_the_document_writes_the_word_with_it(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        lines = ["A self-locking nut holds. The self-", "locking kind moves inde-", "pendently."]
        for index, text in enumerate(lines):
            page.insert_text((72, 72 + 12 * index), text, fontsize=10)
        document.save(tmp_path / "a.pdf")
    (chunk,) = load(tmp_path / "a.pdf", root)
    assert chunk.text.endswith("The self-locking kind moves independently.")

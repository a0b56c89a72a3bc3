"""What repeats a better candidate gives up its place and stays named."""

from __future__ import annotations

import io

import pytest
from cli_helpers import make_pdf
from helpers import BARS, bar_chart, png
from PIL import Image as Pillow

from mmrerank import Image
from mmrerank.index import Index
from mmrerank.index.duplicates import Found, distinct
from mmrerank.index.ledger import Entry
from mmrerank.index.pictures import Picture, describe
from mmrerank.testing import FakeReranker

SAME = describe(Image.from_bytes(png("one and the same")), "")


def found(name, text="", *, images=(), kind="text"):
    entry = Entry(id=name, vector_id=name, path=name, text=text, images=tuple(images), kind=kind)
    return Found(entry, 1.0, {})


def kept(*candidates, pictures=None):
    results = distinct(candidates, pictures or {})
    return [(one.entry.id, [other.id for other in one.also_in]) for one in results]


def test_equal_texts_take_one_place():
    candidates = (found("a", "a pump"), found("b", "a  pump\n"), found("c", "a tank"))
    assert kept(*candidates) == [("a", ["b"]), ("c", [])]


def test_equal_texts_with_other_images_take_two():
    candidates = (found("a", "pump", images=["1"]), found("b", "pump", images=["2"]))
    assert kept(*candidates) == [("a", []), ("b", [])]
    assert kept(*candidates, pictures={"1": SAME, "2": SAME}) == [("a", ["b"])]


def test_figures_with_one_picture_take_one_place_whatever_their_captions():
    figures = [found(n, f"caption {n}", images=[n], kind="figure") for n in "abc"]
    pictures = {"a": SAME, "b": Picture(), "c": SAME}
    assert kept(*figures, pictures=pictures) == [("a", ["c"]), ("b", [])]
    assert kept(*figures) == [("a", []), ("b", []), ("c", [])]


def pdf(path, picture: Pillow.Image, text: str, kind="PNG"):
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=60)
    make_pdf(path, text, image=buffer.getvalue())


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Two reports with one chart, of which the second has a small copy, and one with another."""
    docs = tmp_path_factory.mktemp("docs")
    wide = {"size": (640, 192)}  # the shape of the place in the page
    pdf(docs / "a.pdf", bar_chart(**wide), "The first report on engines.")
    pdf(docs / "b.pdf", bar_chart(**wide).resize((400, 120)), "Another report on engines.", "JPEG")
    pdf(docs / "c.pdf", bar_chart((*BARS[:4], 0.2), **wide), "A third report on engines.")
    with Index(docs / "index", ocr=False) as index:
        index.sync([docs])
        yield index


def test_a_figure_in_two_documents_takes_one_place_and_names_both(index):
    hits = index.search("what the gauge shows", top_n=9, where={"kind": "figure"})
    places = [{hit.source[-5:], *(path[-5:] for path, _ in hit.also_in)} for hit in hits]
    assert sorted(map(sorted, places)) == [["a.pdf", "b.pdf"], ["c.pdf"]]
    (both,) = [hit for hit in hits if hit.also_in]
    assert [page for _, page in both.also_in] == [1]


def test_after_reranking_too_it_takes_one_place(index):
    by_image = FakeReranker(lambda query, item: 1.0 if item.images else 0.1)
    hits = index.search("what the gauge shows", by_image, top_n=9)
    shown = [(hit.source[-5:], [path[-5:] for path, _ in hit.also_in]) for hit in hits]
    assert sorted(map(str, shown)) in (
        ["('a.pdf', ['b.pdf'])", "('c.pdf', [])"],
        ["('b.pdf', ['a.pdf'])", "('c.pdf', [])"],
    )
    assert all(hit.best_image for hit in hits)


def test_their_texts_are_found_as_before(index):
    hits = index.search("report on engines", top_n=9, where={"kind": "text"})
    assert sorted(hit.source[-5:] for hit in hits) == ["a.pdf", "b.pdf", "c.pdf"]


def test_pictures_are_forgotten_with_their_files(index, tmp_path):
    ledger = index._open()[0]
    assert len(ledger.rows("SELECT ref FROM pictures")) == 3
    index.remove([record.path for record in index.files() if record.path.endswith("c.pdf")])
    assert len(ledger.rows("SELECT ref FROM pictures")) == 2

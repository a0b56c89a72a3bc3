"""Images at a URL are copied when they are needed, checked, and bounded."""

from __future__ import annotations

import dataclasses

import pytest
from cli_helpers import make_pdf
from helpers import image_file

from mmrerank import RerankWarning
from mmrerank.index.index import Index
from mmrerank.testing import FakeReranker


@pytest.fixture
def elsewhere(place, tmp_path):
    """An index with two figures, opened where none of its images has been copied."""
    url, storage = place
    (tmp_path / "docs").mkdir()
    for name, colour in (("a", "red"), ("b", "blue")):
        figure = image_file((300, 100), colour)
        make_pdf(tmp_path / f"docs/{name}.pdf", f"Hall {name}. See Figure 1.", image=figure)
    with Index(url, storage=storage, ocr=False) as index:
        index.sync([tmp_path / "docs"])
    other = dataclasses.replace(storage, cache_dir=tmp_path / "elsewhere")
    with Index(url, storage=other, ocr=False, create=False) as index:
        yield index


def stored(index):
    return index._open().ledger._place.objects


def copies(index):
    return sorted(path.name for path in index.image_root.glob("*.png"))


def test_only_what_is_shown_is_copied(elsewhere):
    assert copies(elsewhere) == []
    (hit,) = elsewhere.search("hall a", top_n=1)
    assert copies(elsewhere) == [image.path for image in hit.images]
    elsewhere.search("hall", FakeReranker())
    assert len(copies(elsewhere)) == 2


def test_a_damaged_image_is_left_out(elsewhere):
    (image,) = elsewhere.search("hall a", top_n=1)[0].images
    (elsewhere.image_root / image.path).unlink()
    stored(elsewhere).put(f"images/{image.path}", image_file((300, 100), "green"))
    with pytest.warns(RerankWarning) as said:
        assert elsewhere.search("hall a", FakeReranker(), top_n=1)
    assert "another hash" in str(said[0].message)


def test_a_missing_image_is_named_and_mended(elsewhere, tmp_path):
    (image,) = elsewhere.search("hall a", top_n=1)[0].images
    stored(elsewhere).delete(f"images/{image.path}")
    (problem,) = elsewhere.check()
    assert problem.what == "1 images are missing"
    assert problem.files == (str(tmp_path / "docs/a.pdf"),)
    elsewhere.check(mend=True)
    elsewhere.sync([tmp_path / "docs"])
    assert elsewhere.check() == []


def test_copies_used_longest_ago_are_removed(elsewhere):
    place = elsewhere._open().ledger._place
    place.storage = dataclasses.replace(place.storage, cache_bytes=1)
    elsewhere.search("hall a", top_n=1)
    first = copies(elsewhere)
    elsewhere.search("hall b", top_n=1)
    assert len(first) == len(copies(elsewhere)) == 1
    assert first != copies(elsewhere)


def test_images_that_nothing_refers_to_stay_for_a_day(elsewhere, tmp_path):
    elsewhere.remove([tmp_path / "docs/a.pdf"])
    assert len(elsewhere._open().ledger.copies.stored()) == 2
    assert elsewhere.check() == []

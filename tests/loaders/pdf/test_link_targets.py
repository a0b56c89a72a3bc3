"""The links that a PDF has itself."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.page import PageOptions, Profile
from mmrerank.loaders.pdf.page_reader import OpenPDF

pymupdf = pytest.importorskip("pymupdf")


def test_links_within_a_document(tmp_path):
    """Its words, and where it leads to; web addresses are left out."""
    with pymupdf.open() as document:
        document.new_page()
        document.new_page()
        page = document[0]
        page.insert_text((72, 100), "see Figure 3 there")
        there = {"kind": pymupdf.LINK_GOTO, "page": 1, "to": pymupdf.Point(72, 300)}
        page.insert_link({**there, "from": pymupdf.Rect(92, 88, 145, 104)})
        web = {"kind": pymupdf.LINK_URI, "uri": "https://example.org"}
        page.insert_link({**web, "from": pymupdf.Rect(72, 88, 90, 104)})
        document.save(tmp_path / "a.pdf")
    pdf = OpenPDF(str(tmp_path / "a.pdf"))
    (target,) = pdf.figures(1, Profile(10.0), PageOptions()).targets
    assert (target.words, target.page, target.sure) == ("Figure 3", 2, False)
    assert target.y == pytest.approx(300, abs=1)
    assert pdf.figures(1, Profile(10.0), PageOptions(targets=False)).targets == []
    pdf.close()

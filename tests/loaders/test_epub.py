"""Books: chapters in reading order, with their images."""

from __future__ import annotations

import zipfile

import pytest
from helpers import image_file, load_file

from mmrerank.errors import DocumentError, RerankWarning

pytest.importorskip("bs4")
pytest.importorskip("lxml")

CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf"/></rootfiles></container>"""
BOOK = """<package xmlns="http://www.idpf.org/2007/opf"><manifest>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="gone" href="text/gone.xhtml" media-type="application/xhtml+xml"/>
</manifest><spine>{spine}</spine></package>"""
ONE = """<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head>
<title/></head><body><h1>One</h1><p>See Figure 1.</p><svg xmlns:xlink="http://www.w3.org/1999/xlink">
<image xlink:href="../images/hall.png"/></svg></body></html>"""
TWO = """<html><body><h1>Two</h1><figure><img src="../images/belt.png#x"/><figcaption>Figure 1: A belt
</figcaption></figure></body></html>"""


def book(path, spine=("a", "b"), **more):
    files = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": BOOK.format(spine="".join(f'<itemref idref="{each}"/>' for each in spine)),
        "OPS/text/one.xhtml": ONE,
        "OPS/text/two b.xhtml": TWO,
        "OPS/images/belt.png": image_file(),
        "OPS/images/hall.png": image_file(color="blue"),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | more).items():
            archive.writestr(name, data)
    return path


def test_chapters_in_reading_order_with_their_images(tmp_path, root):
    one, two = load_file(book(tmp_path / "a.epub"), root)
    assert (one.text, one.section) == ("One\n\nSee Figure 1.", "One")
    assert [link.kind for link in one.links] == ["reference", "column"]
    assert two.text == "Two\n\nFigure 1: A belt"
    assert len(two.links) == 1


def test_a_chapter_that_is_missing_is_told(tmp_path, root):
    with pytest.warns(RerankWarning, match="the chapter 'OPS/text/gone.xhtml' is missing"):
        (chunk,) = load_file(book(tmp_path / "a.epub", spine=["b", "gone"]), root)
    assert chunk.section == "Two"


def test_without_a_reading_order_all_chapters_are_read(tmp_path, root):
    with pytest.warns(RerankWarning, match="gone"):
        chunks = load_file(book(tmp_path / "a.epub", spine=[]), root)
    assert [chunk.section for chunk in chunks] == ["Two", "One"]


def test_encrypted_chapters_are_an_error(tmp_path, root):
    locked = '<encryption><CipherReference URI="OPS/{}"/></encryption>'
    fonts = {"META-INF/encryption.xml": locked.format("font.otf")}
    assert load_file(book(tmp_path / "a.epub", **fonts), root)
    chapter = {"META-INF/encryption.xml": locked.format("text/one.xhtml")}
    with pytest.raises(DocumentError, match="is encrypted"):
        load_file(book(tmp_path / "b.epub", **chapter), root)


@pytest.mark.parametrize("source", ["../../../../etc/hosts", "file:///etc/hosts", "/etc/hosts"])
def test_images_outside_the_archive_are_refused(tmp_path, root, source):
    chapter = {"OPS/text/two b.xhtml": f"<p>Text.</p><img src='{source}'>"}
    with pytest.warns(RerankWarning, match="an image is left out"):
        (chunk,) = load_file(book(tmp_path / "a.epub", spine=["b"], **chapter), root)
    assert (chunk.text, chunk.links) == ("Text.", ())


def test_what_is_no_book(tmp_path, root):
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("words.txt", "words")
    with pytest.raises(DocumentError, match="is no EPUB file"):
        load_file(tmp_path / "a.epub", root)
    (tmp_path / "b.epub").write_text("words")
    with pytest.raises(DocumentError, match="is not a readable archive"):
        load_file(tmp_path / "b.epub", root)

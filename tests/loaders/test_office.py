"""Archives are checked before they are parsed; metafiles and charts become images and words."""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace

import pytest
from helpers import DATA, load_file
from PIL import Image

from mmrerank.errors import DocumentError
from mmrerank.images.decode import read_bytes
from mmrerank.loaders import office

pytest.importorskip("pptx")
pytest.importorskip("docx")

pytestmark = pytest.mark.usefixtures("no_libreoffice")


def test_metafiles_are_drawn_without_the_page_around_them(tmp_path, monkeypatch):
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        document.new_page().draw_rect((100, 300, 220, 360), fill=(0.2, 0.4, 0.8), width=0)
        document.save(tmp_path / "drawn.pdf")
    monkeypatch.setattr(office, "find_office", lambda: "soffice")
    monkeypatch.setattr(office, "_convert", lambda *_: tmp_path / "drawn.pdf")
    emf = b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60)
    assert image_of(emf).size == pytest.approx((333, 167), abs=3)  # 120 x 60 points, 200 dpi
    assert image_of(b"words that are no drawing") is None


def image_of(data):
    """The picture that a part of a file with these bytes becomes; None where it stays as it is."""
    part = SimpleNamespace(
        rels={"r1": SimpleNamespace(target_part=SimpleNamespace(partname="/a/b.emf", blob=data))}
    )
    _, image = office.part_image(part, "r1")
    found = read_bytes(image)
    return None if found == data else Image.open(io.BytesIO(found))


def repacked(path, target, change):
    """The archive with its files changed by `change(name, data)`."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return target


ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["chart.pptx", "vml-images.docx"])
def test_entities_are_refused(tmp_path, root, name, encoding):
    def change(part, data):
        if part in ("ppt/presentation.xml", "word/document.xml"):
            return ENTITY.decode().encode(encoding) + data
        return data

    path = repacked(DATA / "office" / name, tmp_path / name, change)
    with pytest.raises(DocumentError, match="declares a DTD"):
        load_file(path, root)


def test_zip_bombs_are_refused(tmp_path, root):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (40 * 2**20))
    with pytest.raises(DocumentError, match="ZIP bomb"):
        load_file(path, root)


def test_what_is_not_an_archive_is_refused(tmp_path):
    path = tmp_path / "a.docx"
    path.write_text("words")
    with pytest.raises(DocumentError, match="is not a readable archive"):
        office.check_archive(str(path))


@pytest.mark.parametrize(
    ("limit", "message"),
    [("_MAX_FILES", "files; the limit is 1"), ("_MAX_BYTES", "unpacks to more than 1 bytes")],
)
def test_archives_have_limits(monkeypatch, limit, message):
    monkeypatch.setattr(office, limit, 1)
    with pytest.raises(DocumentError, match=message):
        office.check_archive(str(DATA / "office" / "chart.pptx"))


def test_a_part_that_is_not_in_the_file():
    part = SimpleNamespace(rels={})
    name, image = office.part_image(part, "r9")
    assert name == "picture r9 that is not in the file"
    assert read_bytes(image) == b""
    assert office.part_texts(part, "r9") == ""


def test_the_texts_of_a_part():
    xml = b'<a xmlns:b="urn:x"><b:t> one </b:t><b:v>2</b:v><b:t> </b:t><b:other>no</b:other></a>'
    part = SimpleNamespace(rels={"r1": SimpleNamespace(target_part=SimpleNamespace(blob=xml))})
    assert office.part_texts(part, "r1") == "one\n2"
    part.rels["r1"].target_part.blob = b"<a"
    assert office.part_texts(part, "r1") == ""


def test_without_libreoffice_nothing_is_rendered():
    assert office.rendered_pages(str(DATA / "office" / "chart.pptx")) == {}

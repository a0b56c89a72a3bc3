"""Office files, HTML, Markdown, images and folders become chunks with their pictures."""

from __future__ import annotations

import base64
import copy
import io
import json
import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mmrerank.errors import DocumentError, InvalidInputError, RerankWarning
from mmrerank.images.decode import read_bytes
from mmrerank.loaders import office
from mmrerank.loaders.files import FileLoader, FolderLoader
from mmrerank.ocr.engine import ReadLine

pytest.importorskip("pptx")
pytest.importorskip("docx")
pytest.importorskip("bs4")

DATA = Path(__file__).parents[1] / "data"
FIND_OFFICE = office.find_office


@pytest.fixture(autouse=True)
def no_libreoffice(monkeypatch):
    """As on most machines; a test that wants it says so."""
    monkeypatch.setattr(office, "find_office", lambda: None)


def picture(size=(80, 60), color="red", kind="PNG"):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, kind)
    return data.getvalue()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


def load(path, root, **options):
    return FileLoader(path, image_root=root, **options).load()


def missing(chunk):
    return json.loads(chunk.metadata.get("not_rendered", "[]"))


@pytest.mark.parametrize(
    ("name", "pictures"),
    [("grouped-images.docx", 6), ("image-anchors.docx", 2), ("vml-images.docx", 2)],
)
def test_real_word_files(root, name, pictures):
    chunks = load(DATA / "office" / name, root)
    refs = {link.figure.ref for chunk in chunks for link in chunk.links}
    assert len(refs) == pictures
    for ref in refs:
        with Image.open(root / ref) as image:
            assert min(image.size) >= 32
        assert json.loads((root / ref).with_suffix(".json").read_text("utf-8"))["source"]
    assert not any(missing(chunk) for chunk in chunks)


def test_charts_of_slides_are_words_and_numbers(root):
    first, second = load(DATA / "office" / "chart.pptx", root)
    assert (first.page, second.page) == (1, 2)
    assert "2019: 120.0" in first.text
    assert first.metadata["section"] == "Quarterly Duck Survey"
    assert missing(first) == ["chart on slide 1: native, no image"]
    assert [chunk.text[:1] for chunk in load(DATA / "office/group-shapes-nested.pptx", root)] == [
        "A"
    ]


@pytest.fixture
def slides(tmp_path):
    """A title, a picture in a group, a picture as background, notes, a table."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Belts"
    group = slide.shapes.add_group_shape()
    group.shapes.add_picture(io.BytesIO(picture()), 0, 0, Inches(2), Inches(2))
    table = slide.shapes.add_table(1, 2, 0, Inches(4), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "speed", "7 m/s"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    _, relation = slide.part.get_or_add_image_part(io.BytesIO(picture(color="blue")))
    fill = slide.background.fill
    fill.solid()
    properties = slide.element.cSld.bg.bgPr
    blip = (
        '<a:blipFill xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        f'<a:blip r:embed="{relation}"/></a:blipFill>'
    )
    from lxml import etree

    properties.replace(properties[0], etree.fromstring(blip))
    deck.slides.add_slide(deck.slide_layouts[6])
    path = tmp_path / "deck.pptx"
    deck.save(path)
    return path


def test_a_slide_is_a_chunk(slides, root):
    (chunk,) = load(slides, root)
    assert chunk.text == "Belts\n\nspeed | 7 m/s\n\nNotes: Say it slowly."
    assert len(chunk.links) == 2
    assert (chunk.page, chunk.section) == (1, "Belts")


@pytest.mark.parametrize(
    ("hide", "uses", "shown"), [(False, 1, True), (True, 1, False), (False, 3, False)]
)
def test_pictures_of_a_layout_that_few_slides_have(tmp_path, root, hide, uses, shown):
    import pptx

    deck = pptx.Presentation()
    layout = deck.slide_layouts[0]
    _, relation = layout.part.get_or_add_image_part(io.BytesIO(picture(color="green")))
    drawn = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(
        io.BytesIO(picture(color="blue")), 0, 0
    )
    inherited = copy.deepcopy(drawn._element)
    next(inherited.iter("{*}blip")).set(
        "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed", relation
    )
    layout.shapes._spTree.append(inherited)
    for _ in range(uses):
        slide = deck.slides.add_slide(layout)
        slide.shapes.title.text = "A title over a photograph"
        if hide:
            slide.element.set("showMasterSp", "0")
    deck.save(tmp_path / "deck.pptx")
    first, *others = load(tmp_path / "deck.pptx", root)
    assert len(first.links) == 1
    assert [len(chunk.links) for chunk in others] == [int(shown)] * uses


def test_slides_are_rendered_where_libreoffice_is(slides, root, tmp_path, monkeypatch):
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "rendered")
        document.new_page().insert_text((72, 72), "rendered too")
        document.save(tmp_path / "rendered.pdf")
    program = tmp_path / "soffice"
    program.write_text(
        f"#!/bin/sh\nwhile [ $# -gt 1 ]; do [ $1 = --outdir ] && out=$2; shift; done\n"
        f"cp {tmp_path}/rendered.pdf $out/deck.pdf\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(office, "find_office", lambda: str(program))
    first, second = load(slides, root)
    assert [link.figure.kind for link in first.links].count("page") == 1
    assert [link.figure.kind for link in second.links] == ["page"]


@pytest.mark.skipif(FIND_OFFICE() is None, reason="LibreOffice is not installed")
def test_charts_are_drawn_by_the_real_libreoffice(root, monkeypatch):
    pytest.importorskip("pymupdf")
    monkeypatch.setattr(office, "find_office", FIND_OFFICE)
    chunks = load(DATA / "office" / "chart.pptx", root)
    drawn = [link.figure for chunk in chunks for link in chunk.links if link.figure.kind == "page"]
    assert len(drawn) == 2
    for figure in drawn:
        with Image.open(root / figure.ref) as image:
            assert len(image.convert("RGB").getcolors(10**6)) > 3


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


def test_word_headings_captions_and_references(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_heading("Belts", 1)
    document.add_paragraph("The speed is drawn in Figure 1 below. " * 3)
    document.add_heading("Halls", 2)
    document.add_picture(io.BytesIO(picture()))
    document.add_paragraph("Figure 1: Speed of the belt.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    document.save(tmp_path / "a.docx")
    first, second = load(tmp_path / "a.docx", root)
    assert [(link.kind, link.figure.label) for link in first.links] == [("reference", "figure 1")]
    assert second.metadata["section"] == "Belts > Halls"
    assert [link.figure.caption for link in second.links] == ["Figure 1: Speed of the belt."]
    assert second.text.endswith("a | b")


def write_html(folder, body):
    path = folder / "page.html"
    path.write_text(f"<html><head><title>no</title></head><body>{body}</body></html>")
    return path


def test_html_with_its_images(tmp_path, root):
    (tmp_path / "belt.png").write_bytes(picture())
    data = base64.b64encode(picture(color="blue")).decode()
    path = write_html(
        tmp_path,
        "<h1>Belts</h1><p>Some <b>bold</b> text.</p><script>no()</script>"
        "<figure><img src='belt.png'><figcaption>Figure 2: A belt</figcaption></figure>"
        f"<p>More, see Figure 2.</p><img alt='a hall' src='data:image/png;base64,{data}'>"
        "<table><tr><th>a</th><td>b</td></tr></table><!-- hidden -->",
    )
    (chunk,) = load(path, root)
    assert chunk.text == (
        "Belts\n\nSome bold text.\n\nFigure 2: A belt\n\nMore, see Figure 2.\n\na | b"
    )
    found = {(link.kind, link.figure.caption) for link in chunk.links}
    assert found == {("reference", "Figure 2: A belt"), ("caption", "a hall")}
    assert "page" not in chunk.metadata


@pytest.mark.parametrize(
    "source", ["../secret.png", "/etc/passwd", "file:///etc/passwd", "link.png", "gone.png"]
)
def test_html_reads_no_file_outside_its_folder(tmp_path, root, source):
    folder = tmp_path / "site"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(picture())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    path = write_html(folder, f"<p>Text.</p><img src='{source}'>")
    with pytest.warns(RerankWarning, match="an image is left out"):
        (chunk,) = load(path, root)
    assert not chunk.links
    assert missing(chunk)[0].startswith(source)


def test_images_on_the_web_are_named_unless_allowed(tmp_path, root, monkeypatch):
    path = write_html(tmp_path, "<p>Text.</p><img src='https://example.org/a.png'>")
    (chunk,) = load(path, root)
    assert missing(chunk)[0].startswith("https://example.org/a.png")
    monkeypatch.setattr("mmrerank.images.fetch.fetch_image", lambda url: picture())
    (chunk,) = load(path, root, urls="fetch")
    assert len(chunk.links) == 1


def test_markdown(tmp_path, root):
    (tmp_path / "belt.png").write_bytes(picture())
    path = tmp_path / "a.md"
    path.write_text(
        "# Belts\n\nText of *belts*.\n\n![Figure 1: A belt](belt.png)\n\n```\ncode\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    (chunk,) = load(path, root, markers=True)
    assert chunk.section == "Belts"
    assert chunk.links[0].figure.label == "figure 1"
    assert "[[img:" in chunk.text
    assert "code" in chunk.text
    assert chunk.text.endswith("a | b\n1 | 2")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_images_are_chunks(tmp_path, root, kind, monkeypatch):
    line = ReadLine((0.1, 0.1, 0.9, 0.2), "words in it")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(picture(kind=kind))
    (chunk,) = load(path, root)
    assert (chunk.text, len(chunk.links)) == ("", 1)
    (chunk,) = load(path, root, ocr=True)
    assert chunk.text == "words in it"


def test_heic(tmp_path, root):
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(path)
    (chunk,) = load(path, root)
    with Image.open(root / chunk.links[0].figure.ref) as image:
        assert image.size == (64, 48)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DocumentError, match="HEIC"):
        load(path, root)


@pytest.mark.parametrize("name", ["decompression_bomb.gif", "truncated_jpeg.jpg"])
def test_bad_images_are_told(root, name):
    with pytest.raises(DocumentError) as raised:
        load(DATA / "images" / name, root)
    assert raised.value.path.endswith(name)


def test_a_folder(tmp_path, root):
    folder = tmp_path / "files"
    (folder / "below").mkdir(parents=True)
    (folder / "a.md").write_text("One.")
    (folder / "below" / "b.md").write_text("Two.")
    (folder / "bad.docx").write_text("no archive")
    (folder / "other.xyz").write_text("?")
    (folder / ".hidden.md").write_text("?")
    loader = FolderLoader(folder, image_root=root, on_error="warn")
    with pytest.warns(RerankWarning, match=r"bad.docx: .* the file is left out"):
        assert [chunk.text for chunk in loader.load()] == ["One.", "Two."]
    with pytest.raises(DocumentError, match=r"bad.docx"):
        FolderLoader(folder, image_root=root).load()
    flat = FolderLoader(folder, image_root=root, recursive=False, suffixes=[".md"])
    assert [chunk.text for chunk in flat.load()] == ["One."]


def test_options_that_no_loader_has_are_refused(tmp_path, root):
    (tmp_path / "a.md").write_text("One.")
    assert load(tmp_path / "a.md", root, dpi=100, ocr=True, chunk_size=10)
    with pytest.raises(InvalidInputError, match="chunksize"):
        load(tmp_path / "a.md", root, chunksize=10)
    with pytest.raises(DocumentError, match="format is not known"):
        load(tmp_path / "a.xyz", root)


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
        load(path, root)


def test_zip_bombs_are_refused(tmp_path, root):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (40 * 2**20))
    with pytest.raises(DocumentError, match="ZIP bomb"):
        load(path, root)

"""Office files that lack parts, or are saved as Strict Open XML."""

from __future__ import annotations

import io
import re
import warnings
import zipfile

import pytest
from helpers import DATA, image_file, load_file, not_rendered

from mmrerank.errors import RerankWarning
from mmrerank.loaders.office_archive import readable_archive

docx, pptx, openpyxl = map(pytest.importorskip, ("docx", "pptx", "openpyxl"))

pytestmark = pytest.mark.usefixtures("no_libreoffice")


def word(path):
    document = docx.Document()
    document.add_paragraph("Belts are fast.")
    for color in ("red", "blue"):
        document.add_picture(io.BytesIO(image_file(color=color)))
    document.save(path)
    return path


def slides(path):
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Belts are fast."
    for color in ("red", "blue"):
        slide.shapes.add_picture(io.BytesIO(image_file(color=color)), 0, 0)
    presentation.save(path)
    return path


def sheets(path):
    book = openpyxl.Workbook()
    book.active.append(["Belts", "fast"])
    book.save(path)
    return path


def rewritten(path, change):
    """The archive with each file as `change(name, data)` gives it; None leaves it out."""
    with zipfile.ZipFile(path) as old:
        files = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            if data is not None:
                new.writestr(name, data)
    return path


def strict(_, data):
    return re.sub(
        rb"http://schemas\.openxmlformats\.org/(?!package)(\w+)/2006/",
        rb"http://purl.oclc.org/ooxml/\1/",
        data,
    )


@pytest.mark.parametrize(("make", "name"), [(word, "a.docx"), (slides, "a.pptx")])
def test_one_missing_image_costs_only_itself(tmp_path, root, make, name):
    path = rewritten(make(tmp_path / name), lambda n, d: None if n.endswith("image1.png") else d)
    with pytest.warns(RerankWarning, match="an image is left out"):
        (chunk,) = load_file(path, root)
    assert "Belts are fast." in chunk.text
    assert len(chunk.links) == 1
    assert len(not_rendered(chunk)) == 1


def test_a_missing_part_that_is_no_image_is_named(tmp_path, root):
    path = word(tmp_path / "a.docx")
    rewritten(path, lambda name, data: None if name.endswith("settings.xml") else data)
    with pytest.warns(RerankWarning, match=r"'settings\.xml' is missing"):
        (chunk,) = load_file(path, root)
    assert len(chunk.links) == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("make", "name"), [(word, "a.docx"), (slides, "a.pptx"), (sheets, "a.xlsx")]
)
def test_strict_open_xml_is_read(tmp_path, root, make, name):
    plain = load_file(make(tmp_path / name), root)
    path = rewritten(tmp_path / name, strict)
    with zipfile.ZipFile(path) as archive:
        assert b"purl.oclc.org" in archive.read("_rels/.rels")
    read = load_file(path, root)
    assert [chunk.text for chunk in read] == [chunk.text for chunk in plain]
    assert [len(chunk.links) for chunk in read] == [len(chunk.links) for chunk in plain]


def test_usual_files_are_not_copied():
    for path in sorted((DATA / "office").glob("*.*")):
        if zipfile.is_zipfile(path):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert readable_archive(str(path)) == str(path)

"""Word files become chunks with their images."""

from __future__ import annotations

import io
import json

import pytest
from helpers import DATA, image_file, load_file, not_rendered, tall_png
from PIL import Image

from mmrerank.errors import RerankWarning

pytest.importorskip("docx")

pytestmark = pytest.mark.usefixtures("no_libreoffice")


@pytest.mark.parametrize(
    ("name", "pictures"),
    [("grouped-images.docx", 6), ("image-anchors.docx", 2), ("vml-images.docx", 2)],
)
def test_real_word_files(root, name, pictures):
    chunks = load_file(DATA / "office" / name, root)
    refs = {link.figure.ref for chunk in chunks for link in chunk.links}
    assert len(refs) == pictures
    for ref in refs:
        with Image.open(root / ref) as image:
            assert min(image.size) >= 32
        assert json.loads((root / ref).with_suffix(".json").read_text("utf-8"))["source"]
    assert not any(not_rendered(chunk) for chunk in chunks)


def test_word_headings_captions_and_references(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_heading("Belts", 1)
    document.add_paragraph("The speed is drawn in Figure 1 below. " * 3)
    document.add_heading("Halls", 2)
    document.add_picture(io.BytesIO(image_file()))
    document.add_paragraph("Figure 1: Speed of the belt.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    document.save(tmp_path / "a.docx")
    first, second = load_file(tmp_path / "a.docx", root)
    assert [(link.kind, link.figure.label) for link in first.links] == [("reference", "figure 1")]
    assert second.metadata["section"] == "Belts > Halls"
    assert [link.figure.caption for link in second.links] == ["Figure 1: Speed of the belt."]
    assert second.text.endswith("a | b")


def test_an_image_is_linked_where_it_stands_with_its_alternative_text(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_heading("Belts", 1)
    document.add_paragraph("One.")
    run = document.add_paragraph("Two.").add_run()
    shape = run.add_picture(io.BytesIO(image_file()))
    shape._inline.docPr.set("descr", "a belt")
    run.add_picture(io.BytesIO(image_file()))  # the same image again
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root, markers=True)
    (link,) = chunk.links
    assert (link.kind, link.figure.caption) == ("caption", "a belt")
    assert chunk.text.startswith("Belts\n\nOne.\n\nTwo. [[img:")


def test_heading_levels_and_outline_levels(tmp_path, root):
    import docx

    document = docx.Document()
    for level in (0, 1, 2, 1):
        document.add_heading(f"Level {level}", level)
        document.add_paragraph("Text.")
    document.save(tmp_path / "a.docx")
    assert [chunk.section for chunk in load_file(tmp_path / "a.docx", root)] == [
        "Level 0",
        "Level 1",
        "Level 1 > Level 2",
        "Level 1",
    ]


def test_one_image_that_cannot_be_saved_costs_nothing_else(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_paragraph("Text.")
    for data in (tall_png(), image_file()):
        document.add_picture(io.BytesIO(data), width=99999, height=99999)
    document.save(tmp_path / "a.docx")
    with pytest.warns(RerankWarning, match="a.docx: an image is left out: image1.png: "):
        (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == "Text."
    assert len(chunk.links) == 1
    assert [name[:12] for name in not_rendered(chunk)] == ["image1.png: "]

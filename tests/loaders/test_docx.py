"""Word files become chunks with their images."""

from __future__ import annotations

import io
import json

import pytest
from docx_files import add_part, change_type, put_into_control
from helpers import DATA, image_file, load_file, not_rendered, tall_png
from PIL import Image

from mmrerank.errors import RerankWarning

pytest.importorskip("docx")

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

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
    assert second.text.endswith("| a | b |\n| --- | --- |")


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


def test_cells_and_rows_in_content_controls(tmp_path, root):
    import docx

    document = docx.Document()
    table = document.add_table(2, 2)
    for index, cell in enumerate(table._cells):
        cell.text = f"c{index}"
    put_into_control(table._cells[1]._tc)
    put_into_control(table.rows[1]._tr)
    put_into_control(table._tbl)
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == "| c0 | c1 |\n| --- | --- |\n| c2 | c3 |"


def test_cells_of_nested_tables_come_once(tmp_path, root):
    import docx

    document = docx.Document()
    outer = document.add_table(2, 2)
    outer.cell(0, 0).text, outer.cell(0, 1).text = "a", "b"
    outer.cell(1, 0).text = "before"
    inner = outer.cell(1, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "x", "y"
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == "| a | b |\n| --- | --- |\n\nbefore\n\n| x | y |\n| --- | --- |"


def test_merged_cells(tmp_path, root):
    import docx

    document = docx.Document()
    table = document.add_table(3, 3)
    for index, cell in enumerate(table._cells):
        cell.text = f"c{index}"
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(1, 2).merge(table.cell(2, 2)).text = "tall"
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == (
        '<table>\n<tr><th colspan="2">wide</th><th>c2</th></tr>\n'
        '<tr><td>c3</td><td>c4</td><td rowspan="2">tall</td></tr>\n'
        "<tr><td>c6</td><td>c7</td></tr>\n</table>"
    )


def test_headers_footers_and_notes_with_their_pictures(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_paragraph("Body.")
    section = document.sections[0]
    section.header.paragraphs[0].text = "ACME report"
    section.header.paragraphs[0].add_run().add_picture(io.BytesIO(image_file()))
    section.footer.paragraphs[0].text = "- 7 -"
    other = document.add_section()
    other.header.is_linked_to_previous = other.footer.is_linked_to_previous = False
    other.header.paragraphs[0].text = "ACME report"
    other.footer.paragraphs[0].text = "Confidential"
    notes = f"""<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>no</w:t>
        </w:r></w:p></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>A note.</w:t></w:r></w:p>
        </w:footnote></w:footnotes>"""
    add_part(document, "footnotes", "/word/footnotes.xml", "application/xml", notes.encode())
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text.count("ACME report") == 1
    assert sorted(chunk.text.split("\n\n")) == ["A note.", "ACME report", "Body.", "Confidential"]
    assert len(chunk.links) == 1


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "docx"])
def test_embedded_files_are_read_where_they_stand(tmp_path, root, kind):
    import docx

    if kind == "text/html":
        pytest.importorskip("bs4")
    data = {"text/html": b"<p>Embedded.</p>", "text/plain": b"Embedded."}.get(kind)
    if data is None:
        inside = docx.Document()
        inside.add_paragraph("Embedded.")
        inside.save(buffer := io.BytesIO())
        data = buffer.getvalue()
        kind = inside.part.content_type
    document = docx.Document()
    document.add_paragraph("Before.")
    add_chunk(document, kind, data)
    document.add_paragraph("After.")
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == "Before.\n\nEmbedded.\n\nAfter."


def test_an_embedded_file_that_is_not_read_is_named(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_paragraph("Before.")
    add_chunk(document, "application/rtf", b"{}")
    document.save(tmp_path / "a.docx")
    with pytest.warns(RerankWarning, match="a.docx: an embedded application/rtf is left out"):
        (chunk,) = load_file(tmp_path / "a.docx", root)
    assert not_rendered(chunk) == ["embedded application/rtf"]


def add_chunk(document, kind, data):
    from lxml import etree

    relation = add_part(document, "aFChunk", "/word/chunk1.dat", kind, data)
    namespace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    node = etree.fromstring(f'<w:altChunk {W} xmlns:r="{namespace}" r:id="{relation}"/>')
    document.element.body.insert(len(document.element.body) - 1, node)


@pytest.mark.parametrize("name", ["a.dotx", "a.docm", "a.dotm"])
def test_templates(tmp_path, root, name):
    import docx

    document = docx.Document()
    document.add_paragraph("Words.")
    kind = {
        "a.dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
        "a.docm": "application/vnd.ms-word.document.macroEnabled.main+xml",
        "a.dotm": "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    }[name]
    change_type(document.part, kind)
    document.save(tmp_path / name)
    assert [chunk.text for chunk in load_file(tmp_path / name, root)] == ["Words."]


def test_an_empty_document_says_so(tmp_path, root):
    import docx

    docx.Document().save(tmp_path / "a.docx")
    with pytest.warns(RerankWarning, match="a.docx: has no text and no images"):
        assert load_file(tmp_path / "a.docx", root) == []


def test_words_of_equations(tmp_path, root):
    import docx
    from lxml import etree

    document = docx.Document()
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    equation = f'<m:oMath xmlns:m="{math}"><m:r><m:t>v = 7</m:t></m:r></m:oMath>'
    document.add_paragraph("Speed: ")._p.append(etree.fromstring(equation))
    document.save(tmp_path / "a.docx")
    assert load_file(tmp_path / "a.docx", root)[0].text == "Speed: v = 7"


def test_comments_come_last_with_their_authors(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_paragraph("Belts are fast.")
    data = f"""<w:comments {W}><w:comment w:id="0" w:author="Ada"><w:p><w:r><w:t>Which belts?</w:t></w:r></w:p>
      </w:comment><w:comment w:id="1"><w:p><w:r><w:t>All.</w:t></w:r></w:p></w:comment></w:comments>"""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.comments+xml"
    add_part(document, "comments", "/word/comments.xml", kind, data.encode())
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.text == "Belts are fast.\n\nComment by Ada: Which belts?\n\nComment: All."


def test_a_style_without_a_type_costs_nothing(tmp_path, root):
    import docx

    document = docx.Document()
    document.add_heading("Belts", 1)
    document.add_paragraph("Belts are fast.")
    style = document.styles["Heading 2"].element
    del style.attrib[style.keys()[0]]
    document.save(tmp_path / "a.docx")
    (chunk,) = load_file(tmp_path / "a.docx", root)
    assert chunk.section == "Belts"

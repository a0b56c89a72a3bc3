"""HTML and Markdown become chunks with the images beside the file."""

from __future__ import annotations

import base64
import subprocess
import sys
import warnings

import pytest
from helpers import image_file, load_file, not_rendered, tall_png

from mmrerank.errors import InvalidInputError, RerankWarning
from mmrerank.loaders.html import HTMLLoader

pytest.importorskip("bs4")
pytest.importorskip("lxml")


def write_html(folder, body):
    path = folder / "page.html"
    path.write_text(f"<html><head><title>no</title></head><body>{body}</body></html>")
    return path


def test_html_with_its_images(tmp_path, root):
    (tmp_path / "belt.png").write_bytes(image_file())
    data = base64.b64encode(image_file(color="blue")).decode()
    path = write_html(
        tmp_path,
        "<h1>Belts</h1><p>Some <b>bold</b> text.</p><script>no()</script>"
        "<figure><img src='belt.png'><figcaption>Figure 2: A belt</figcaption></figure>"
        f"<p>More, see Figure 2.</p><img alt='a hall' src='data:image/png;base64,{data}'>"
        "<table><tr><th>a</th><td>b</td></tr></table><!-- hidden -->",
    )
    (chunk,) = load_file(path, root)
    assert chunk.text == (
        "Belts\n\nSome bold text.\n\nFigure 2: A belt\n\nMore, see Figure 2.\n\n"
        "| a | b |\n| --- | --- |"
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
    (tmp_path / "secret.png").write_bytes(image_file())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    path = write_html(folder, f"<p>Text.</p><img src='{source}'>")
    with pytest.warns(RerankWarning, match="an image is left out"):
        (chunk,) = load_file(path, root)
    assert not chunk.links
    assert not_rendered(chunk)[0].startswith(source)


def test_images_on_the_web_are_named_unless_allowed(tmp_path, root, monkeypatch):
    path = write_html(tmp_path, "<p>Text.</p><img src='https://example.org/a.png'>")
    (chunk,) = load_file(path, root)
    assert not_rendered(chunk)[0].startswith("https://example.org/a.png")
    monkeypatch.setattr("mmrerank.images.fetch.fetch_image", lambda url: image_file())
    (chunk,) = load_file(path, root, urls="fetch")
    assert len(chunk.links) == 1


def test_markdown(tmp_path, root):
    (tmp_path / "belt.png").write_bytes(image_file())
    path = tmp_path / "a.md"
    path.write_text(
        "# Belts\n\nText of *belts*.\n\n![Figure 1: A belt](belt.png)\n\n```\ncode\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    (chunk,) = load_file(path, root, markers=True)
    assert chunk.section == "Belts"
    assert chunk.links[0].figure.label == "figure 1"
    assert "[[img:" in chunk.text
    assert "code" in chunk.text
    assert chunk.text.endswith("| a | b |\n| --- | --- |\n| 1 | 2 |")


def test_blocks_and_the_text_between_them(tmp_path, root):
    path = write_html(
        tmp_path,
        "before <i>all</i><br>blocks<div>in a <span>block<p>and within</p></span> after</div>"
        "<pre>\n a\n  b\n</pre><table><tr><td><table><tr><td>inner</td></tr></table></td></tr>"
        "</table><ul><li>item</li></ul>",
    )
    texts = [element.text for element in HTMLLoader(path, image_root=root).elements()]
    blocks = ["before all blocks", "in a", "block", "and within", "after", " a\n  b", "inner"]
    assert texts == [*blocks, "item"]


def test_headings_make_sections(tmp_path, root):
    path = write_html(tmp_path, "<h1>A</h1><p>1</p><h3>B</h3><p>2</p><h2>C</h2><p>3</p>")
    assert [chunk.section for chunk in load_file(path, root)] == ["A", "A > B", "A > C"]


def test_urls_is_checked(tmp_path, root):
    path = write_html(tmp_path, "<p>Text.</p>")
    with pytest.raises(InvalidInputError, match="urls is 'refuse' or 'fetch', not 'open'"):
        HTMLLoader(path, image_root=root, urls="open")


def test_loading_html_imports_nothing_of_the_pdf_reader(tmp_path, root):
    path = write_html(tmp_path, "<p>Text.</p>")
    code = (
        "import sys\n"
        "from mmrerank import FileLoader\n"
        f"assert FileLoader({str(path)!r}, image_root={str(root)!r}, chunk_size=50).load()\n"
        "foreign = ('mmrerank.loaders.pdf', 'pymupdf', 'numpy', 'scipy')\n"
        "print([name for name in sys.modules if name.startswith(foreign)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_image_that_cannot_be_saved_costs_nothing_else(tmp_path, root):
    (tmp_path / "tall.png").write_bytes(tall_png())
    (tmp_path / "belt.png").write_bytes(image_file())
    path = write_html(tmp_path, "<p>Text.</p><img src='tall.png'><img src='belt.png'>")
    with pytest.warns(RerankWarning, match="an image is left out: .*tall.png"):
        (chunk,) = load_file(path, root)
    assert chunk.text == "Text."
    assert len(chunk.links) == 1
    assert [name[:10] for name in not_rendered(chunk)] == ["tall.png: "]


def test_frames_are_named_in_a_warning(tmp_path, root):
    body = "<p>Belts.</p><iframe src='halls.html'></iframe><embed src=x.swf><p>Halls.</p>"
    with pytest.warns(RerankWarning, match=r"2 frames are left out: <iframe> halls\.html"):
        (chunk,) = load_file(write_html(tmp_path, body), root)
    assert chunk.text == "Belts.\n\nHalls."
    quiet = "<!-- <iframe src=x> --><script>'<iframe src=y>'</script><p>Belts.</p>"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_file(write_html(tmp_path, quiet), root)

"""HTML that no validator would accept keeps its body."""

from __future__ import annotations

import pytest
from helpers import load_file, not_rendered

from mmrerank.errors import RerankWarning
from mmrerank.loaders.html import HTMLLoader

pytest.importorskip("bs4")
pytest.importorskip("lxml")


def texts(folder, markup):
    path = folder / "page.html"
    path.write_bytes(markup if isinstance(markup, bytes) else markup.encode())
    loader = HTMLLoader(path, image_root=folder / "images")
    return [chunk.text for chunk in loader.load()]


@pytest.mark.parametrize(
    "markup",
    [
        "<html><head><title>t</title><p>Body.</html>",
        "<head><title>t</title><body><p>Body.",
        "<html><head><title>t</title></head><head><meta charset=utf-8><body><p>Body.</p>",
        "<html><body><head><p>Body.</p></body></html>",
        "<html><head><title/><script src='a'/></head><body><p>Body.</p></body></html>",
        "<html><body></body></html><html><body><p>Body.</p></body></html>",
        "Body.",
        "</div></p>Body.</td>",
        "<script>document.write('</scr'+'ipt>')</script><p>Body.",
        "<script><!-- if (a) { </script><p>Body.",
        "<body><noscript><p>Body.</p></noscript></body>",
        "<?xml version='1.0' encoding='utf-8'?><html><body><p>Body.</p></body></html>",
        "<body><object data=x><p>Body.</p></object></body>",
        "<p>\0Body.</p>".encode("utf-16"),
    ],
)
def test_the_body_of_broken_html_is_kept(tmp_path, markup):
    (text,) = texts(tmp_path, markup)
    assert text == "Body."


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<html><head><script>var a; <title>t</title></head><body><p>Body.", "script"),
        ("<html><head><style>p {} </head><body><p>Body.</body>", "style"),
        ("<html><head><title>t<body><p>Body.</body></html>", "title"),
        ("<html><body><!-- <p>Body.</body></html>", "comment"),
    ],
)
def test_what_swallows_the_rest_ends_where_markup_begins(tmp_path, markup, said):
    with pytest.warns(RerankWarning, match=rf"{said}\b.* has no end"):
        (text,) = texts(tmp_path, markup)
    assert text == "Body."


def test_open_cells_are_cells_and_each_comes_once(tmp_path):
    (text,) = texts(tmp_path, "<table><tr><th>a<th>b<tr><td>1<br>2<td>x|y</table>")
    assert text == "| a | b |\n| --- | --- |\n| 1 2 | x\\|y |"


def test_a_table_with_spans_is_html(tmp_path):
    (text,) = texts(
        tmp_path,
        "<table><caption>Speeds</caption><tr><th colspan=2>a</th></tr>"
        "<tr><td rowspan=x>1</td><td>&lt;2</td></tr></table>",
    )
    assert text == (
        'Speeds\n\n<table>\n<tr><th colspan="2">a</th></tr>\n'
        "<tr><td>1</td><td>&lt;2</td></tr>\n</table>"
    )


def test_deep_nesting_costs_the_structure_only(tmp_path):
    with pytest.warns(RerankWarning, match="nested too deeply"):
        assert texts(tmp_path, "<div>" * 5000 + "Body.") == ["Body."]


def test_words_of_drawings(tmp_path, root):
    path = tmp_path / "page.html"
    path.write_text("<svg><title>no</title><text>north</text><path d='M0 0'/></svg><p>Text.</p>")
    (chunk,) = load_file(path, root)
    assert chunk.text == "north\n\nText."
    assert not_rendered(chunk) == ["a drawing (SVG)"]


def test_a_file_that_gives_nothing_says_so(tmp_path):
    with pytest.warns(RerankWarning, match="page.html: has no text and no images"):
        assert texts(tmp_path, "<html><head><title>t</title></head><body></body></html>") == []

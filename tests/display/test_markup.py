"""No text of a document becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.display.markup import element, to_html
from mmrerank.errors import InvalidInputError
from mmrerank.terminal import clean


class Reader(HTMLParser):
    """The tags and the text of a page, as a parser that is not ours reads them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@given(st.text())
def test_a_text_stays_a_text(text):
    page = to_html(element("p", text, title=text, style="note"))
    read = Reader(page)
    assert read.tags == [("p", {"class": "note", "title": clean(text)})]
    assert read.text == clean(text)
    page.encode()


@given(st.text(alphabet="<>&\"'=/ jsx\x00\x1b\u202e\ud800-", max_size=30))
def test_what_looks_like_markup_stays_a_text(text):
    read = Reader(to_html([text, element("b", text), text]))
    assert [tag for tag, _ in read.tags] == ["b"]
    assert read.text == clean(text) * 3


@pytest.mark.parametrize("name", ["script", "style", "iframe", "svg", "b><i", "B", "", "object"])
def test_elements_that_run_or_load_are_refused(name):
    with pytest.raises(InvalidInputError):
        element(name)


@pytest.mark.parametrize("name", ["onclick", "style_", "srcdoc", "a b", 'x"', "ONLOAD"])
def test_attributes_that_run_or_load_are_refused(name):
    with pytest.raises(InvalidInputError):
        element("p", **{name: "1"})


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "https://example.org", "//example.org", "data:text/html,x", "/\\x",
        "data:image/svg+xml;base64,PHN2Zz4=", "file:///etc/passwd", "a.html", " #x", "/a b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["src", "href", "action"])
def test_addresses_that_leave_the_page_are_refused(name, address):
    with pytest.raises(InvalidInputError):
        element("a", **{name: address})


def test_addresses_on_the_page_and_its_site_are_kept():
    assert to_html(element("a", "next", href="?page=2&q=x")) == '<a href="?page=2&amp;q=x">next</a>'
    assert to_html(element("a", href="/search")) == '<a href="/search"></a>'
    assert to_html(element("img", src="data:image/png;base64,AA==", alt="")) == (
        '<img src="data:image/png;base64,AA==" alt="">'
    )


def test_styles_are_classes_or_declarations():
    node = element("p", "x", style="note whole")
    assert to_html(node) == '<p class="note whole">x</p>'
    inline = {"note": "color: red", "whole": "margin: 0"}
    assert to_html(node, inline) == '<p style="color: red; margin: 0">x</p>'
    assert to_html(element("p", "x", style="other"), inline) == "<p>x</p>"

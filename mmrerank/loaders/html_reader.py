"""From HTML to elements, for the formats that are HTML or have HTML inside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmrerank.errors import ImageError
from mmrerank.loaders.assets import Assets
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.table_text import Cell
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["FindImage", "HTMLReader"]

FindImage = Callable[[str], tuple[str, Image]]
"""The image that a document names, with a short name; raises `ImageError` if it gives none."""

_BLOCKS = "address article aside blockquote body dd details div dl dt figcaption figure footer \
form header html li main nav ol p pre section table td th tr ul h1 h2 h3 h4 h5 h6 hr svg".split()
_NOT_TEXT = "script style iframe head title".split()
_INSTEAD = ["template", "noscript"]  # shown only where scripts do not run
_DECLARATION = re.compile(r"^\s*<\?xml\b[^<>]*>")
_FRAMES = {"iframe": "src", "frame": "src", "object": "data", "embed": "src"}
_MAX_SPAN = 1000  # as in browsers; a larger number is a mistake

# Their content is no markup, so one without an end swallows everything up to the end of the file.
_SWALLOWING = ("script", "style", "title")
_MARKUP = re.compile(
    r"</?(?:head|body|title|p|div|table|section|main|article|ul|ol|h[1-6])\b", re.IGNORECASE
)


class HTMLReader:
    """Reads HTML as elements for `loader`, which saves the images that `find_image` gives.

    Without `find_image`, only images in data URIs are found.
    """

    def __init__(self, loader: ElementLoader, find_image: FindImage | None = None) -> None:
        self._loader = loader
        self.find_image = find_image or Assets(loader.path, "none", urls="refuse").find

    def elements(self, markup: bytes | str) -> list[Element]:
        """The parts of the body in order, also of fragments and damaged HTML."""
        text = self._decoded(markup)
        soup = self._soup(text)
        self._warn_of_frames([node for node in soup(list(_FRAMES)) if not _is_read(node)])
        elements = self._parsed(soup, [*_NOT_TEXT, *_INSTEAD])
        return elements or self._parsed(self._soup(text), _NOT_TEXT)

    def _warn_of_frames(self, frames: Sequence[Any]) -> None:
        """Warn of other pages and files that a browser would show in this one."""
        if frames:
            count = f"{len(frames)} frames are" if len(frames) > 1 else "a frame is"
            source = str(frames[0].get(_FRAMES[frames[0].name]) or "")
            self._warn(f"{count} left out: <{frames[0].name}> {source[:100]}".rstrip())

    def _decoded(self, markup: bytes | str) -> str:
        if isinstance(markup, bytes):
            dammit = require("bs4.dammit").UnicodeDammit(markup, is_html=True)
            if dammit.contains_replacement_characters:
                self._warn("some of its characters cannot be decoded")
            markup = dammit.unicode_markup or markup.decode("utf-8", "replace")
        markup = markup.replace("\0", "")  # as browsers do
        markup = _DECLARATION.sub("", markup)  # for which Beautiful Soup warns of XML
        for tag in _SWALLOWING:
            markup = self._without_unclosed(markup, tag)
        return self._without_open_comment(markup)

    def _without_unclosed(self, markup: str, tag: str) -> str:
        """The markup; a last `tag` that is never closed ends where other markup begins."""
        starts = [match.start() for match in re.finditer(rf"<{tag}\b", markup, re.IGNORECASE)]
        opened = markup.find(">", starts[-1]) + 1 if starts else 0
        if not opened or markup[opened - 2] == "/":
            return markup
        if re.compile(rf"</{tag}\b", re.IGNORECASE).search(markup, opened):
            return markup
        self._warn(f"a <{tag}> has no end; it ends where other markup begins")
        begin = _MARKUP.search(markup, opened)
        at = begin.start() if begin else len(markup)
        return f"{markup[:at]}</{tag}>{markup[at:]}"

    def _without_open_comment(self, markup: str) -> str:
        """The markup; a last comment that is never closed becomes text."""
        at = markup.rfind("<!--")
        if at < 0 or markup.find("-->", at) >= 0:
            return markup
        following = re.compile(r"<(/?)script\b", re.IGNORECASE).search(markup, at)
        if following and following.group(1):  # it is within a script
            return markup
        self._warn("a comment has no end; what follows is read as text")
        return markup[:at] + markup[at + 4 :]

    def _soup(self, text: str) -> Any:
        # html.parser keeps a body inside a head that has no end, and cells inside open cells.
        return require("bs4").BeautifulSoup(text, _parser())

    def _parsed(self, soup: Any, left_out: Sequence[str]) -> list[Element]:
        for tag in soup(left_out):
            tag.decompose()
        try:
            return list(self._walk(soup))
        except RecursionError:
            self._warn("its tags are nested too deeply; its text is read without their structure")
            return [Element(soup.get_text(" ", strip=True)), *self._images(soup)]

    def _warn(self, message: str) -> None:
        self._loader.warn(message)

    def _walk(self, node: Any) -> Iterator[Element]:
        """The blocks in a node in their order; text between two blocks is a block too."""
        inline: list[str] = []
        for child in node.children:
            is_block = child.name == "img" or child.name in _BLOCKS
            if is_block or _has_block(child):
                yield from _paragraph(inline)
                inline.clear()
                yield from self._block(child) if is_block else self._walk(child)
            else:
                inline.append(_inline_text(child))
        yield from _paragraph(inline)

    def _block(self, node: Any) -> Iterator[Element]:
        match node.name:
            case "img":
                yield from self._image(node)
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                yield Element(_one_line(node), level=int(node.name[1]))
                yield from self._images(node)
            case "figure" if node.find("img"):
                yield from self._figure(node)
            case "table" if not node.find("table"):
                yield from self._table(node)
            case "svg":
                yield from self._drawing(node)
            case "pre":
                yield Element(node.get_text().strip("\n"))
            case _:
                yield from self._walk(node)

    def _table(self, node: Any) -> Iterator[Element]:
        """A table's caption, its cells and its images."""
        for caption in node("caption"):
            yield from _paragraph([_one_line(caption)])
        rows = [[_cell(cell) for cell in row.find_all(["td", "th"])] for row in node("tr")]
        yield from self._loader.table_elements(rows)
        yield from self._images(node)

    def _drawing(self, node: Any) -> Iterator[Element]:
        """The words in a drawing (SVG), which cannot be shown, and the images that it holds."""
        words = [_one_line(text) for text in node("text")]
        if any(words):
            yield Element("\n".join(filter(None, words)), not_rendered="a drawing (SVG)")
        for image in node("image"):
            source = image.get("xlink:href") or image.get("href")
            yield from self._named_image(str(source or ""), "")

    def _figure(self, node: Any) -> Iterator[Element]:
        """The images of a figure, and their caption below them."""
        caption_node = node.find("figcaption")
        caption = _one_line(caption_node) if caption_node else ""
        yield from self._images(node, caption)
        if caption:
            yield Element(caption)

    def _images(self, node: Any, caption: str = "") -> Iterator[Element]:
        for image in node("img"):
            yield from self._image(image, caption)

    def _image(self, node: Any, caption: str = "") -> Iterator[Element]:
        """An image with its caption, or else its alternative text."""
        caption = caption or " ".join(str(node.get("alt") or "").split())
        yield from self._named_image(str(node.get("src") or ""), caption)

    def _named_image(self, source: str, caption: str) -> Iterator[Element]:
        source = source.strip()
        if not source:
            return
        try:
            name, image = self.find_image(source)
        except ImageError as error:
            if not source.lower().startswith(("http:", "https:", "//")):
                self._warn(f"an image is left out: {error}")
            yield Element(caption, not_rendered=f"{source[:200]}: {error.reason}")
            return
        if element := self._loader.image_element(image, name=name[:200], caption=caption):
            yield element


def _is_read(frame: Any) -> bool:
    """Whether the text that an object stands for is in the page, and read with it."""
    return frame.name == "object" and bool(frame.get_text(strip=True))


def _parser() -> str:
    """The name of lxml for Beautiful Soup, after a check that it is installed."""
    require("lxml", extra="html", purpose="loading an HTML or Markdown file")
    return "lxml"


def _has_block(node: Any) -> bool:
    return bool(node.name) and node.find(["img", *_BLOCKS]) is not None


def _inline_text(node: Any) -> str:
    """The text of a string or an inline tag; "" for comments and the like."""
    if node.name == "br":
        return "\n"
    if node.name or type(node).__name__ == "NavigableString":  # a comment is a subclass
        return str(node.get_text())
    return ""


def _cell(node: Any) -> Cell:
    return Cell(_one_line(node), _span(node, "rowspan"), _span(node, "colspan"))


def _span(node: Any, name: str) -> int:
    digits = str(node.get(name) or "").strip()
    return min(max(int(digits), 1), _MAX_SPAN) if digits.isdecimal() and len(digits) < 9 else 1


def _one_line(node: Any) -> str:
    """The text of a node on one line; a line break or a block ends a word."""
    return " ".join("".join(_words(node)).split())


def _words(node: Any) -> Iterator[str]:
    for child in node.children:
        if child.name == "br":
            yield " "
        elif child.name:
            around = " " if child.name in _BLOCKS else ""
            yield around
            yield from _words(child)
            yield around
        else:
            yield _inline_text(child)


def _paragraph(inline: list[str]) -> Iterator[Element]:
    """The inline text between two blocks, if there is any, on one line."""
    if text := " ".join("".join(inline).split()):
        yield Element(text)

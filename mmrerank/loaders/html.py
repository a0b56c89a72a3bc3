"""HTML files, and Markdown, which becomes HTML first: images beside the file, data URIs, captions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Unpack

from mmrerank.errors import DocumentError, ImageError, InvalidInputError, warn
from mmrerank.images.decode import read_file
from mmrerank.loaders.assets import Assets, AssetsOption
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element
from mmrerank.optional import require

__all__ = ["HTMLLoader", "HTMLOptions", "MarkdownLoader"]

_MAX_BYTES = 32 * 2**20
_BLOCKS = "address article aside blockquote body dd details div dl dt figcaption figure footer \
form header html li main nav ol p pre section table td th tr ul h1 h2 h3 h4 h5 h6 hr".split()
_NOT_TEXT = ["script", "style", "template", "noscript", "svg", "head", "iframe", "object"]


class HTMLOptions(LoaderOptions, total=False):
    """Keywords of the HTML and Markdown loaders."""

    urls: Literal["refuse", "fetch"]
    """Whether images on the web are fetched, or only named under `not_rendered`. Default: "refuse"."""

    assets: AssetsOption
    """The files that may be images, never hidden ones. Default: "beside".

    "beside" takes those in the document's own folder and below folders that have its name
    (`report_files` of report.html), "none" takes none, a list of folders (relative to the
    document's) those below them.
    """


class HTMLLoader(ElementLoader):
    """Loads an HTML file with the images that belong to it and those in data URIs.

    Other files on the disk (see `assets`) are refused with a `RerankWarning`, images on the web
    are only fetched with `urls="fetch"`. Keywords are those of `HTMLOptions`. Raises as
    `ElementLoader`.
    """

    options: ClassVar[type] = HTMLOptions
    defaults: ClassVar[HTMLOptions] = {"urls": "refuse", "assets": "beside"}

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[HTMLOptions],
    ) -> None:
        shared: LoaderOptions = options
        super().__init__(path, image_root=image_root, **shared)
        urls = options.get("urls", "refuse")
        if urls not in ("refuse", "fetch"):
            raise InvalidInputError(f"urls is 'refuse' or 'fetch', not {urls!r}")
        self._assets = Assets(self.path, options.get("assets", "beside"), urls=urls)

    def elements(self) -> Iterator[Element]:
        """The parts of the body, in order."""
        bs4 = require("bs4")
        soup = bs4.BeautifulSoup(self._html(), "html.parser")
        for tag in soup(_NOT_TEXT):
            tag.decompose()
        yield from self._walk(soup)

    def _html(self) -> bytes | str:
        """The file as HTML; Beautiful Soup detects the encoding of bytes."""
        try:
            return read_file(Path(self.path), _MAX_BYTES)
        except ImageError as error:
            raise DocumentError(self.path, error.reason) from None

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
                rows = (row.find_all(["td", "th"]) for row in node("tr"))
                yield Element("\n".join(" | ".join(map(_one_line, row)) for row in rows))
                yield from self._images(node)
            case "pre":
                yield Element(node.get_text().strip("\n"))
            case _:
                yield from self._walk(node)

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
        source = str(node.get("src") or "").strip()
        caption = caption or " ".join(str(node.get("alt") or "").split())
        if not source:
            return
        try:
            name, image = self._assets.find(source)
        except ImageError as error:
            if not source.lower().startswith(("http:", "https:", "//")):
                warn(f"{self.path}: an image is left out: {error}")
            yield Element(caption, not_rendered=f"{source[:200]}: {error.reason}")
            return
        if element := self.image_element(image, name=name[:200], caption=caption):
            yield element


class MarkdownLoader(HTMLLoader):
    """Loads a Markdown file, rendered as HTML; keywords are those of `HTMLOptions`."""

    def _html(self) -> str:
        markdown = require("markdown_it")
        data = super()._html()
        text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data
        # The parser keeps links to files; `Assets` refuses those that are not the document's.
        parser = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"])
        parser.validateLink = lambda _: True
        return str(parser.render(text))


def _has_block(node: Any) -> bool:
    return bool(node.name) and node.find(["img", *_BLOCKS]) is not None


def _inline_text(node: Any) -> str:
    """The text of a string or an inline tag; "" for comments and the like."""
    if node.name == "br":
        return "\n"
    if node.name or type(node).__name__ == "NavigableString":  # a comment is a subclass
        return str(node.get_text())
    return ""


def _one_line(node: Any) -> str:
    return " ".join(node.get_text().split())


def _paragraph(inline: list[str]) -> Iterator[Element]:
    """The inline text between two blocks, if there is any, on one line."""
    if text := " ".join("".join(inline).split()):
        yield Element(text)

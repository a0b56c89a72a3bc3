"""HTML files, and Markdown, which becomes HTML first: images beside the file, data URIs, captions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from mmrerank.errors import DocumentError, ImageError, InvalidInputError
from mmrerank.images.decode import read_file
from mmrerank.images.resolve import ImageResolver
from mmrerank.loaders.elements import Element, FlowLoader, Picture
from mmrerank.optional import require

__all__ = ["HTMLLoader", "MarkdownLoader"]

_MOST_BYTES = 32 * 2**20
_BLOCKS = "address article aside blockquote body dd details div dl dt figcaption figure footer \
form header html li main nav ol p pre section table td th tr ul h1 h2 h3 h4 h5 h6 hr".split()
_NOT_TEXT = ["script", "style", "template", "noscript", "svg", "head", "iframe", "object"]


class HTMLLoader(FlowLoader):
    """Loads an HTML file with the images in its folder and those in data URIs.

    Images elsewhere on the disk are refused, with a `RerankWarning`. Those on the web are named
    under `not_rendered`, unless `urls="fetch"` allows to open them. Options as `FlowLoader`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        urls: Literal["refuse", "fetch"] = "refuse",
        chunk_size: int = 1000,
        count_tokens: Callable[[str], int] | None = None,
        min_size: int = 32,
        max_images_per_chunk: int | None = None,
        markers: bool = False,
    ) -> None:
        super().__init__(
            path,
            image_root=image_root,
            chunk_size=chunk_size,
            count_tokens=count_tokens,
            min_size=min_size,
            max_images_per_chunk=max_images_per_chunk,
            markers=markers,
        )
        if urls not in ("refuse", "fetch"):
            raise InvalidInputError(f"urls is 'refuse' or 'fetch', not {urls!r}")
        self._resolver = ImageResolver(Path(self.path).parent, urls=urls)

    def elements(self) -> Iterator[Element]:
        """The parts of the body, in order."""
        bs4 = require("bs4")
        soup = bs4.BeautifulSoup(self._html(), "html.parser")
        for tag in soup(_NOT_TEXT):
            tag.decompose()
        yield from self._walk(soup)

    def _html(self) -> bytes | str:
        """The file as HTML; bytes tell their own encoding."""
        try:
            return read_file(Path(self.path), _MOST_BYTES)
        except ImageError as error:
            raise DocumentError(self.path, error.reason) from None

    def _walk(self, node: Any) -> Iterator[Element]:
        """Blocks of text as they are met; text that stands between blocks is one too."""
        line: list[str] = []
        for child in node.children:
            if child.name in _BLOCKS:
                yield from _paragraph(line)
                yield from self._block(child)
            elif child.name == "img" or (child.name and child.find(["img", *_BLOCKS])):
                yield from _paragraph(line)
                yield from self._image(child, "") if child.name == "img" else self._walk(child)
            elif child.name == "br":
                line.append("\n")
            elif child.name or type(child).__name__ == "NavigableString":  # comments are others
                line.append(child.get_text())
        yield from _paragraph(line)

    def _block(self, node: Any) -> Iterator[Element]:
        if node.name in ("h1", "h2", "h3", "h4", "h5", "h6"):
            yield Element(" ".join(node.get_text().split()), level=int(node.name[1]))
            for image in node("img"):
                yield from self._image(image, "")
        elif node.name == "figure" and node.find("img"):
            caption = node.find("figcaption")
            words = " ".join(caption.get_text().split()) if caption else ""
            for image in node("img"):
                yield from self._image(image, words)
            if words:
                yield Element(words)
        elif node.name == "table" and not node.find("table"):
            rows = (node_row.find_all(["td", "th"]) for node_row in node("tr"))
            lines = (" | ".join(" ".join(cell.get_text().split()) for cell in row) for row in rows)
            yield Element("\n".join(lines))
            for image in node("img"):
                yield from self._image(image, "")
        elif node.name == "pre":
            yield Element(node.get_text().strip("\n"))
        else:
            yield from self._walk(node)

    def _image(self, node: Any, caption: str) -> Iterator[Element]:
        source = str(node.get("src") or "").strip()
        words = caption or " ".join(str(node.get("alt") or "").split())
        if not source:
            return
        try:
            ((name, image),) = self._resolver.resolve([source], {})
        except ImageError as error:
            if not source.lower().startswith(("http:", "https:", "//")):
                self.warn(f"an image is left out: {error}")
            yield Element(words, picture=Picture(name=f"{source[:200]}: {error.reason}"))
            return
        if picture := self.picture(image, name=name[:200], caption=words):
            yield Element(picture=picture)


class MarkdownLoader(HTMLLoader):
    """Loads a Markdown file as the HTML that it stands for; options as `HTMLLoader`."""

    def _html(self) -> str:
        markdown = require("markdown_it")
        data = super()._html()
        text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data
        # Links to files are kept as they are written; the resolver refuses what it must.
        parser = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"])
        parser.validateLink = lambda _: True
        return str(parser.render(text))


def _paragraph(line: list[str]) -> Iterator[Element]:
    """One block of the text gathered in `line`, which is emptied."""
    text = "\n".join(" ".join(part.split()) for part in "".join(line).split("\n\n"))
    line.clear()
    if text.strip():
        yield Element(" ".join(text.split()))

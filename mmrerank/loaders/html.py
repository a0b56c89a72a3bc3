"""HTML files, and Markdown, which becomes HTML first: images beside the file, data URIs, captions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar, Literal, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.loaders.assets import Assets, AssetsOption
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element
from mmrerank.loaders.html_reader import HTMLReader
from mmrerank.loaders.text import MAX_BYTES, read_document
from mmrerank.optional import require

__all__ = ["HTMLLoader", "HTMLOptions", "MarkdownLoader"]


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
        require("bs4")
        yield from HTMLReader(self, self._assets.find).elements(self._html())

    def _html(self) -> bytes | str:
        """The file as HTML; the encoding of bytes is detected."""
        return read_document(self.path, MAX_BYTES)


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

"""Figures for chunks that another loader made and indexed: found by their text and their page."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrerank.images.refs import IMAGES_KEY, read_refs, write_refs
from mmrerank.loaders.base import SCORES, Figure, Link, strongest
from mmrerank.loaders.captions import find_caption, find_references, without_contents
from mmrerank.loaders.pdf.document import PDFDocument
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.places import Place, Places

__all__ = ["FigureIndex"]

_MIN_SHARED_WORDS = 0.5  # of a chunk's words: with fewer on a page it is from another page

_TITLE_LETTERS = 24  # of a caption's title must agree

_SOURCE_KEYS = ("file_path", "source", "path", "file_name", "filename")

_PAGE_KEYS = ("page", "page_number", "page_label", "page_no", "source")

_WORD = re.compile(r"[^\W_]{2,}")


class FigureIndex:
    """The figures of one document and the words of its pages, to find the figures of a chunk.

    `figures` are in page order. `words` are the words of each page by its number from 1,
    `page_labels` what the document itself calls its pages ("iv", "7-45"), `name` the file's name,
    `places` the words next to which the figures stand.
    """

    def __init__(
        self,
        figures: Sequence[Figure],
        words: Mapping[int, frozenset[str]],
        page_labels: Mapping[int, str] | None = None,
        name: str | None = None,
        places: Iterable[Place] = (),
    ) -> None:
        self._name = name
        self._places = Places(places)
        self.figures = list(figures)
        self._words = dict(words)
        self._numbers: dict[str, list[int]] = {}
        for number, label in (page_labels or {}).items():
            self._numbers.setdefault(label, []).append(number)
        self._by_label: dict[str, list[Figure]] = {}
        for figure in self.figures:
            if figure.label:
                self._by_label.setdefault(figure.label, []).append(figure)

    @classmethod
    def from_pdf(
        cls,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        password: str | None = None,
    ) -> FigureIndex:
        """Read a PDF and save its figures under `image_root`; raises the errors of `PDFLoader`."""
        loader = PDFLoader(path, image_root=image_root, password=password)
        with loader.open() as (document, builder):
            words = {number: _words(_text(document, number)) for number in document.numbers}
            labels = {number: label for number, label in document.labels.items() if label}
            figures, places = list(builder.figures()), list(builder.places())
            return cls(figures, words, labels, Path(loader.path).name, places)

    def links_for(self, text: str, page: int | str | None) -> list[Link]:
        """The figures of a chunk, strongest link first; [] if there is none.

        Figures that `text` names, on any page (1.0), those whose caption it contains (0.9), and
        those that a loader would link to the same words of its page. The page alone (0.3) only
        counts for scans, and for a figure that is the only one of its page, has no numbered
        caption and no words near it. `page` is as another loader wrote it: counted from 0 or from
        1, or the document's own label; the words of `text` tell which page is meant.
        """
        number = self._page_of(text, page)
        captioned = self._captioned(text)
        cited = self._cited(_prose(text, captioned), number)
        links = [Link(figure, "reference", 1.0) for figure in cited]
        links += [Link(figure, "caption", 0.9) for figure in captioned if figure not in cited]
        if number is not None:
            links += self._places.links(text, number)
            links += self._by_page_alone(number)
        return strongest(links)

    def _by_page_alone(self, number: int) -> list[Link]:
        here = [figure for figure in self.figures if figure.page == number]
        found = [figure for figure in here if figure.kind == "page"]
        if len(here) == 1 and not here[0].label and not self._places.has_place(here[0]):
            found = here
        return [Link(figure, "page", SCORES["page"]) for figure in found]

    def attach(self, metadata: Mapping[str, Any], text: str) -> dict[str, Any]:
        """A copy of a chunk's metadata with the references of its figures, strongest first.

        Metadata that names another file is returned unchanged, and so is that of a chunk without
        figures. References that it already has stay, before the new ones.
        """
        copied = dict(metadata)
        if self._is_from_here(metadata):
            links = self.links_for(text, _page(metadata))
            refs = [*read_refs(metadata.get(IMAGES_KEY)), *(link.figure.ref for link in links)]
            if written := write_refs(refs):
                copied[IMAGES_KEY] = written
        return copied

    def _is_from_here(self, metadata: Mapping[str, Any]) -> bool:
        """True if the metadata names this file, or no PDF; without folders, which may have moved."""
        named = [str(metadata[key]) for key in _SOURCE_KEYS if metadata.get(key)]
        files = [re.split(r"[/\\]", name)[-1] for name in named if name.lower().endswith(".pdf")]
        return not files or self._name is None or self._name in files

    def _page_of(self, text: str, page: int | str | None) -> int | None:
        """The page (from 1) of a chunk; None if its words are on none of the candidates."""
        words = _words(text)
        candidates = self._candidates(page)
        if not words:
            return candidates[0] if candidates else None
        shares = [len(words & self._words[number]) / len(words) for number in candidates]
        best = max(shares, default=0.0)
        return candidates[shares.index(best)] if best >= _MIN_SHARED_WORDS else None

    def _candidates(self, page: int | str | None) -> list[int]:
        """Pages that `page` may mean, the likeliest first; all pages if it means none."""
        if isinstance(page, str):
            labelled = self._numbers.get(page, [])
            counted = [int(page), int(page) + 1] if page.isdecimal() else []
            numbers = [*labelled, *counted]
        else:
            # Counted from 0 first, as by LangChain's loaders, which write an int.
            numbers = [] if page is None else [page + 1, page]
        known = [number for number in dict.fromkeys(numbers) if number in self._words]
        return known or list(self._words)

    def _captioned(self, text: str) -> list[Figure]:
        """The figures whose own caption begins a line of the text."""
        figures: dict[str, Figure] = {}
        for line in text.split("\n"):
            caption = find_caption(line)
            for figure in self._by_label.get(caption.label, ()) if caption else ():
                own = find_caption(figure.caption)
                if own and caption and _agree(line[caption.title :], figure.caption[own.title :]):
                    figures.setdefault(figure.ref, figure)
        return list(figures.values())

    def _cited(self, text: str, number: int | None) -> list[Figure]:
        """The figures that the text names; of several with the same label the nearest."""
        labels = find_references(text, self._by_label)
        return [
            min(self._by_label[label], key=lambda figure: abs(figure.page - (number or 1)))
            for label in labels
        ]


def _text(document: PDFDocument, number: int) -> str:
    return "\n".join(block.text for block in document.blocks(number))


def _page(metadata: Mapping[str, Any]) -> int | str | None:
    """The page as the frameworks' own loaders write it, under any of their keys."""
    for key in _PAGE_KEYS:
        value = metadata.get(key)
        if isinstance(value, int) or (isinstance(value, str) and key != "source" and value):
            return value
        if isinstance(value, str) and value.isdecimal():  # PyMuPDFReader: "source" is the page
            return value
    return None


def _prose(text: str, captioned: Sequence[Figure]) -> str:
    """The text without the labels of these figures' captions, which name their own figure."""
    labels = {figure.label for figure in captioned}
    lines = without_contents(text).split("\n")
    captions = [find_caption(line) for line in lines]
    return "\n".join(
        line[caption.title :] if caption and caption.label in labels else line
        for line, caption in zip(lines, captions, strict=True)
    )


def _agree(title: str, own: str) -> bool:
    """True if two titles begin with the same letters; a chunk or a line may cut either short."""
    first, second = _plain(title)[:_TITLE_LETTERS], _plain(own)[:_TITLE_LETTERS]
    return first.startswith(second) or second.startswith(first)


def _plain(text: str) -> str:
    """Letters and digits only: loaders differ in spaces, hyphens and ligatures."""
    return "".join(_WORD.findall(_normal(text)))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_normal(text)))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()

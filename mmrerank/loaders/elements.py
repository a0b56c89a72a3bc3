"""A document as a sequence of headings, paragraphs and images, and how these become chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mmrerank.loaders.base import SCORES, Figure, Link, LinkKind, strongest
from mmrerank.loaders.captions import find_caption
from mmrerank.loaders.splitting import Sizes, cut_text

__all__ = [
    "Element",
    "ElementChunk",
    "PlacedFigure",
    "add_captions",
    "figures_by_label",
    "link_figures",
    "pack_elements",
]

_BETWEEN_PARTS = "\n\n"

PlacedFigure = tuple[int, Figure]
"""A figure and the offset in a chunk's text at which it stands, or is mentioned."""


@dataclass(frozen=True, slots=True)
class Element:
    """A paragraph, a heading (`level` from 1), or an image, which may have text of its own.

    An image is a saved `figure`, or it is named in `not_rendered` if it cannot be shown. `page`
    counts slides from 1; it is 0 in formats without pages.
    """

    text: str = ""
    level: int = 0
    figure: Figure | None = None
    not_rendered: str = ""
    page: int = 0


@dataclass(slots=True)
class ElementChunk:
    """The elements of one chunk; `section` is its last heading, after those above it."""

    page: int
    section: str
    parts: list[str] = field(default_factory=list)
    figures: list[PlacedFigure] = field(default_factory=list)
    not_rendered: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The parts with a blank line between them."""
        return _BETWEEN_PARTS.join(self.parts)

    @property
    def is_empty(self) -> bool:
        """Whether it has neither text nor images."""
        return not (self.parts or self.figures or self.not_rendered)

    def has_room_for(self, text: str, sizes: Sizes) -> bool:
        """Whether the text fits; anything fits an empty chunk."""
        return not self.parts or sizes.fits(_BETWEEN_PARTS.join([*self.parts, text]))

    def add_image(self, element: Element) -> None:
        """Place the element's image, if there is one, at the end of the text so far."""
        if element.figure is not None:
            self.figures.append((len(self.text), element.figure))
        if element.not_rendered:
            self.not_rendered.append(element.not_rendered)


def add_captions(elements: Sequence[Element]) -> list[Element]:
    """The elements; a figure gets the numbered caption right below it, above it, or its own."""
    captioned = list(elements)
    for index, element in enumerate(captioned):
        if element.figure is not None and not element.figure.label:
            captioned[index] = replace(element, figure=_captioned(captioned, index, element.figure))
    return captioned


def _captioned(elements: Sequence[Element], index: int, figure: Figure) -> Figure:
    near = [elements[i].text for i in (index + 1, index - 1, index) if 0 <= i < len(elements)]
    for text in (figure.caption, *near):
        if caption := find_caption(text):
            return replace(figure, caption=text, label=caption.label)
    return figure


def figures_by_label(elements: Sequence[Element]) -> dict[str, Figure]:
    """The figures that have a label, the first of each."""
    figures: dict[str, Figure] = {}
    for element in elements:
        if element.figure is not None and element.figure.label:
            figures.setdefault(element.figure.label, element.figure)
    return figures


def pack_elements(elements: Sequence[Element], sizes: Sizes | None) -> Iterator[ElementChunk]:
    """Elements packed into chunks within their size, in their order.

    A page opens a chunk, and so does a heading after text. A text is cut only if it does not fit
    an empty chunk. Without `sizes`, a page is one chunk.
    """
    return (chunk for chunk in _pack(elements, sizes) if not chunk.is_empty)


def _pack(elements: Sequence[Element], sizes: Sizes | None) -> Iterator[ElementChunk]:
    chunk = ElementChunk(page=0, section="")
    for element, section in _with_sections(elements):
        opens_chunk = element.level and sizes is not None and any(chunk.parts)
        if opens_chunk or element.page != chunk.page:
            yield chunk
            chunk = ElementChunk(element.page, section)
        chunk.section = section
        for text in _cut(element.text, sizes):
            if sizes is not None and not chunk.has_room_for(text, sizes):
                yield chunk
                chunk = ElementChunk(element.page, section)
            chunk.parts.append(text)
        chunk.add_image(element)
    yield chunk


def _with_sections(elements: Sequence[Element]) -> Iterator[tuple[Element, str]]:
    """Each element with the headings that it stands under, itself included."""
    headings: list[tuple[int, str]] = []
    for element in elements:
        if element.level:
            headings = [heading for heading in headings if heading[0] < element.level]
            headings.append((element.level, " ".join(element.text.split())))
        yield element, " > ".join(title for _, title in headings)


def _cut(text: str, sizes: Sizes | None) -> list[str]:
    if not text.strip():
        return []
    return [text] if sizes is None else cut_text(text, sizes)


def link_figures(placed: Sequence[PlacedFigure], mentioned: Sequence[PlacedFigure]) -> list[Link]:
    """The links of a chunk to the figures that stand in it or are mentioned, strongest first."""
    links = [Link(figure, "reference", SCORES["reference"]) for _, figure in mentioned]
    for _, figure in placed:
        kind: LinkKind = "caption" if figure.caption else "column"
        links.append(Link(figure, kind, SCORES[kind]))
    return strongest(links)

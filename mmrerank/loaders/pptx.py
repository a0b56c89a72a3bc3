"""PowerPoint files: a slide is a chunk, with its images, and its rendering if that is possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.office import (
    chart_text,
    check_archive,
    part_image,
    part_texts,
    rendered_pages,
)
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["PPTXLoader"]

_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BACKGROUND = "{http://schemas.openxmlformats.org/presentationml/2006/main}bg"
_COMMON_SHARE, _COMMON_SLIDES = 0.25, 3  # of all slides, and at least so many slides
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"


class PPTXLoader(ElementLoader):
    """Loads a PPTX file: text, tables, notes, and images, also in groups, fills and backgrounds.

    LibreOffice, if installed, renders the slides. Without it, native charts and SmartArt, which
    have no image inside, become text, their words and numbers, and are named under
    `not_rendered`. Keywords are those of `LoaderOptions`; `chunk_size` is not used, since a slide
    is a chunk.
    """

    one_chunk_per_page: ClassVar[bool] = True

    def elements(self) -> Iterator[Element]:
        """The parts of all slides, slide by slide."""
        check_archive(self.path)
        pptx = require("pptx")
        slides = pptx.Presentation(self.path).slides
        renderings = rendered_pages(self.path)
        rare = _rare_layouts(slides)
        for number, slide in enumerate(slides, start=1):
            rendering = renderings.get(number)
            if rendering is not None:
                yield self._rendering(rendering, number)
            yield from _title(slide, number)
            yield from _shapes(slide, number, rendered=rendering is not None)
            yield from _diagrams(slide, number, rendered=rendering is not None)
            yield from self._images([*_blips(slide), *_inherited_blips(slide, rare)], number)
            yield from _notes(slide, number)

    def _rendering(self, png: bytes, number: int) -> Element:
        image, name = Image.from_bytes(png), f"slide {number}"
        element = self.image_element(image, name=name, page=number, kind="page")
        return element or Element(page=number)

    def _images(self, blips: Iterable[tuple[Any, Any]], number: int) -> Iterator[Element]:
        """Images that a slide shows: alone, in groups, as a fill or as its background."""
        seen: set[str] = set()
        for holder, blip in blips:
            relation = blip.get(f"{_RELATION}embed")
            if not relation:
                continue
            name, image = part_image(holder.part, relation)
            if name in seen:
                continue
            seen.add(name)
            caption = _alt_text(blip)
            if element := self.image_element(image, name=name, page=number, caption=caption):
                yield element


def _title(slide: Any, number: int) -> Iterator[Element]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield Element(title.text_frame.text, level=1, page=number)


def _shapes(slide: Any, number: int, *, rendered: bool) -> Iterator[Element]:
    """The texts, tables and charts of a slide without its title, from top to bottom."""
    title = slide.shapes.title
    for shape in _from_the_top(slide.shapes):
        is_title = title is not None and shape.shape_id == title.shape_id
        if not is_title and (text := _text(shape)):
            yield Element(text, page=number)
        if getattr(shape, "has_chart", False):
            yield _native(chart_text(shape.chart), "chart", number, rendered=rendered)


def _diagrams(slide: Any, number: int, *, rendered: bool) -> Iterator[Element]:
    for diagram in slide.element.iter(_DIAGRAM):
        text = part_texts(slide.part, diagram.get(f"{_RELATION}dm"))
        yield _native(text, "SmartArt", number, rendered=rendered)


def _native(text: str, kind: str, number: int, *, rendered: bool) -> Element:
    """The text of a chart or diagram, whose image is not in the file."""
    missing = "" if rendered else f"{kind} on slide {number}: native, no image"
    return Element(text, not_rendered=missing, page=number)


def _layouts(slide: Any) -> list[Any]:
    """What a slide inherits images from: its layout, and the layout's master."""
    try:
        return [slide.slide_layout, slide.slide_layout.slide_master]
    except KeyError:  # a damaged file without the layout; the slide itself is there
        return []


def _blips(holder: Any) -> Iterator[tuple[Any, Any]]:
    """The images placed on a slide, a layout or a master, each with what it is placed on."""
    yield from ((holder, blip) for blip in holder.element.iter(_BLIP))


def _rare_layouts(slides: Sequence[Any]) -> set[str]:
    """The names of layouts and masters that few slides use; images on the others are decoration."""
    uses = Counter(str(layout.part.partname) for slide in slides for layout in _layouts(slide))
    common = max(_COMMON_SLIDES, _COMMON_SHARE * len(slides))
    return {name for name, count in uses.items() if count < common}


def _inherited_blips(slide: Any, rare: Collection[str]) -> Iterator[tuple[Any, Any]]:
    """The images of rare layouts that the slide neither hides nor covers with a background."""
    above = [slide]
    for layout in _layouts(slide):
        hidden = any(one.element.get("showMasterSp") in ("0", "false") for one in above)
        covered = any(one.element.cSld.bg is not None for one in above)
        for _, blip in _blips(layout) if layout.part.partname in rare else ():
            in_background = next(blip.iterancestors(_BACKGROUND), None) is not None
            if not (covered if in_background else hidden):
                yield layout, blip
        above.append(layout)


def _notes(slide: Any, number: int) -> Iterator[Element]:
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            yield Element(f"Notes: {notes}", page=number)


def _from_the_top(shapes: Any) -> list[Any]:
    """All shapes, also those in groups, from top to bottom."""
    flat: list[Any] = []
    for shape in shapes:
        flat.extend(_from_the_top(shape.shapes) if hasattr(shape, "shapes") else [shape])
    return sorted(flat, key=lambda shape: (shape.top or 0, shape.left or 0))


def _text(shape: Any) -> str:
    if getattr(shape, "has_table", False):
        rows = (" | ".join(cell.text for cell in row.cells) for row in shape.table.rows)
        return "\n".join(rows)
    if shape.has_text_frame:
        return str(shape.text_frame.text).strip()
    return ""


def _alt_text(blip: Any) -> str:
    """The alternative text of an image."""
    with suppress(AttributeError):
        for ancestor in blip.iterancestors():
            for child in ancestor.iter("{*}cNvPr"):
                return str(child.get("descr") or "")
    return ""

"""PowerPoint files: a slide is a chunk, with its pictures, and its rendering where that is possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from mmrerank.loaders.elements import Element, FlowLoader, Picture
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
_REPEATED, _REPEATED_SLIDES = 0.25, 3  # part of the slides, and slides at the least
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"


class PPTXLoader(FlowLoader):
    """Loads a PPTX file: text, tables, notes, and pictures in groups, fills and backgrounds too.

    Native charts and SmartArt have no picture inside: their words and numbers are text, and they
    are named under `not_rendered`, unless LibreOffice is installed, which renders whole slides.
    Options as `FlowLoader` has them; `chunk_size` is not used, since a slide is a chunk.
    """

    whole_pages = True

    def elements(self) -> Iterator[Element]:
        """The parts of all slides."""
        check_archive(self.path)
        pptx = require("pptx")
        presentation = pptx.Presentation(self.path)
        pages = rendered_pages(self.path)
        rare = _rare_owners(presentation.slides)
        for number, slide in enumerate(presentation.slides, start=1):
            if number in pages:
                image = Image.from_bytes(pages[number])
                yield Element(
                    page=number,
                    picture=self.picture(image, name=f"slide {number}", page=number, kind="page"),
                )
            yield from self._slide(slide, number, rendered=number in pages)
            inherited = _inherited(slide, rare)
            yield from self._pictures([*_blips(slide), *inherited], number)
            yield from _notes(slide, number)

    def _slide(self, slide: Any, number: int, *, rendered: bool) -> Iterator[Element]:
        title = slide.shapes.title
        if title is not None and title.has_text_frame and title.text_frame.text.strip():
            yield Element(title.text_frame.text, level=1, page=number)
        for shape in _in_order(slide.shapes):
            is_title = title is not None and shape.shape_id == title.shape_id
            if not is_title and (text := _text(shape)):
                yield Element(text, page=number)
            if getattr(shape, "has_chart", False) and shape.has_chart:
                yield self._not_rendered(chart_text(shape.chart), "chart", number, rendered)
        for diagram in slide.element.iter(_DIAGRAM):
            words = part_texts(slide.part, diagram.get(f"{_RELATION}dm"))
            yield self._not_rendered(words, "SmartArt", number, rendered)

    def _not_rendered(self, text: str, what: str, number: int, rendered: bool) -> Element:
        missing = None if rendered else Picture(name=f"{what} on slide {number}: native, no image")
        return Element(text, picture=missing, page=number)

    def _pictures(self, blips: Iterable[tuple[Any, Any]], number: int) -> Iterator[Element]:
        """Pictures that a slide shows: alone, in groups, as a fill or as its background."""
        seen: set[str] = set()
        for owner, blip in blips:
            relation = blip.get(f"{_RELATION}embed")
            if not relation:
                continue
            name, image = part_image(owner.part, relation)
            if name not in seen:
                seen.add(name)
                picture = self.picture(image, name=name, page=number, caption=_described(blip))
                if picture:
                    yield Element(picture=picture, page=number)


def _owners(slide: Any) -> list[Any]:
    """What a slide inherits pictures from: its layout, and the layout's master."""
    try:
        return [slide.slide_layout, slide.slide_layout.slide_master]
    except KeyError:  # a damaged file; the slide is there
        return []


def _blips(owner: Any) -> Iterator[tuple[Any, Any]]:
    """The pictures that a slide, a layout or a master places, each with the one it belongs to."""
    yield from ((owner, blip) for blip in owner.element.iter(_BLIP))


def _rare_owners(slides: Sequence[Any]) -> set[str]:
    """Layouts and masters whose pictures are not furniture, since few slides have them."""
    uses = Counter(str(owner.part.partname) for slide in slides for owner in _owners(slide))
    furniture = max(_REPEATED_SLIDES, _REPEATED * len(slides))
    return {name for name, count in uses.items() if count < furniture}


def _inherited(slide: Any, rare: Collection[str]) -> Iterator[tuple[Any, Any]]:
    """The pictures of rare owners that the slide does not hide, or cover with a background."""
    above = [slide]
    for owner in _owners(slide):
        hidden = any(one.element.get("showMasterSp") in ("0", "false") for one in above)
        covered = any(one.element.cSld.bg is not None for one in above)
        for _, blip in _blips(owner) if owner.part.partname in rare else ():
            in_background = next(blip.iterancestors(_BACKGROUND), None) is not None
            if not (covered if in_background else hidden):
                yield owner, blip
        above.append(owner)


def _notes(slide: Any, number: int) -> Iterator[Element]:
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            yield Element(f"Notes: {notes}", page=number)


def _in_order(shapes: Any) -> list[Any]:
    """All shapes, those in groups too, from the top to the bottom."""
    flat: list[Any] = []
    for shape in shapes:
        flat.extend(_in_order(shape.shapes) if hasattr(shape, "shapes") else [shape])
    return sorted(flat, key=lambda shape: (shape.top or 0, shape.left or 0))


def _text(shape: Any) -> str:
    if getattr(shape, "has_table", False) and shape.has_table:
        rows = (" | ".join(cell.text for cell in row.cells) for row in shape.table.rows)
        return "\n".join(rows)
    if shape.has_text_frame:
        return str(shape.text_frame.text).strip()
    return ""


def _described(blip: Any) -> str:
    """The alternative text of the picture that a blip belongs to."""
    with suppress(AttributeError):
        for ancestor in blip.iterancestors():
            for child in ancestor.iter("{*}cNvPr"):
                return str(child.get("descr") or "")
    return ""

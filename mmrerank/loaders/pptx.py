"""PowerPoint files: a slide is a chunk, with its images, and its rendering if that is possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from mmrerank.errors import DocumentError
from mmrerank.loaders.charts import chart_text
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.office import (
    check_archive,
    part_image,
    part_texts,
    rendered_pages,
)
from mmrerank.loaders.office_archive import readable_archive
from mmrerank.loaders.table_text import Cell
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["PPTXLoader"]

_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BACKGROUND = "{http://schemas.openxmlformats.org/presentationml/2006/main}bg"
_NEW_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
_CHOICE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Choice"
_LINE, _TEXT = (f"{{http://schemas.openxmlformats.org/drawingml/2006/main}}{tag}" for tag in "pt")
_SLIDE_SHOW = "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml"
_MACRO_TYPES = [
    f"application/vnd.ms-powerpoint.{kind}.macroEnabled.main+xml"
    for kind in ("slideshow", "template")
]
_COMMON_SHARE, _COMMON_SLIDES = 0.25, 3  # of all slides, and at least so many slides
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"


class PPTXLoader(ElementLoader):
    """Loads a PPTX file, a slide show or a template: text, tables, notes, and images, also in groups, fills and backgrounds.

    LibreOffice, if installed, renders the slides. Without it, native charts and SmartArt, which
    have no image inside, become text, their words and numbers, and are named under
    `not_rendered`. Keywords are those of `LoaderOptions`; `chunk_size` is not used, since a slide
    is a chunk.
    """

    one_chunk_per_page: ClassVar[bool] = True

    def elements(self) -> Iterator[Element]:
        """The parts of all slides, slide by slide."""
        check_archive(self.path)
        slides = _presentation(self.path, str(self.origin)).slides
        renderings = rendered_pages(self.path)
        rare = _rare_layouts(slides)
        for number, slide in enumerate(slides, start=1):
            rendering = renderings.get(number)
            if rendering is not None:
                yield self._rendering(rendering, number)
            yield from _title(slide, number)
            yield from self._shapes(slide, number, rendered=rendering is not None)
            yield from _diagrams(slide, number, rendered=rendering is not None)
            yield from self._images([*_blips(slide), *_inherited_blips(slide, rare)], number)
            yield from _notes(slide, number)

    def _rendering(self, png: bytes, number: int) -> Element:
        image, name = Image.from_bytes(png), f"slide {number}"
        element = self.image_element(image, name=name, page=number, kind="page")
        return element or Element(page=number)

    def _shapes(self, slide: Any, number: int, *, rendered: bool) -> Iterator[Element]:
        """The texts, tables and charts of a slide without its title, from top to bottom."""
        title = slide.shapes.title
        for shape in _from_the_top(slide.shapes):
            is_title = title is not None and shape.shape_id == title.shape_id
            if getattr(shape, "has_table", False):
                yield from self.table_elements(_table(shape.table), page=number)
            elif shape.has_text_frame and not is_title:
                yield Element(str(shape.text_frame.text).strip(), page=number)
            if getattr(shape, "has_chart", False):
                text = chart_text(bytes(shape.chart.part.blob))
                yield _native(text, "chart", number, rendered=rendered)

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


def _presentation(path: str, name: str) -> Any:
    """The presentation, which messages call `name`; also a slide show or a template, which differ by their content type only."""
    package = require("pptx.package")
    types = require("pptx.opc.package").PartFactory.part_type_for
    for macros in _MACRO_TYPES:
        types.setdefault(macros, types[_SLIDE_SHOW])
    main = package.Package.open(readable_archive(name, path)).main_document_part
    if types.get(main.content_type) is not types[_SLIDE_SHOW]:
        raise DocumentError(path, f"is no presentation, but {main.content_type!r:.100}")
    return main.presentation


def _table(table: Any) -> list[list[Cell]]:
    return [
        [
            Cell(cell.text.replace("\v", "\n"), cell.span_height, cell.span_width)
            for cell in row.cells
            if not cell.is_spanned
        ]
        for row in table.rows
    ]


def _diagrams(slide: Any, number: int, *, rendered: bool) -> Iterator[Element]:
    """SmartArt, charts of the newer kinds, and the words in shapes of newer kinds."""
    for diagram in slide.element.iter(_DIAGRAM):
        text = part_texts(slide.part, diagram.get(f"{_RELATION}dm"))
        yield _native(text, "SmartArt", number, rendered=rendered)
    for chart in slide.element.iter(_NEW_CHART):
        text = part_texts(slide.part, chart.get(f"{_RELATION}id"))
        yield _native(text, "chart", number, rendered=rendered)
    for choice in slide.element.iter(_CHOICE):  # python-pptx passes over these
        lines = (
            "".join(text.text or "" for text in line.iter(_TEXT)) for line in choice.iter(_LINE)
        )
        yield Element("\n".join(filter(None, lines)), page=number)


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


def _alt_text(blip: Any) -> str:
    """The alternative text of an image."""
    with suppress(AttributeError):
        for ancestor in blip.iterancestors():
            for child in ancestor.iter("{*}cNvPr"):
                return str(child.get("descr") or "")
    return ""

"""PyMuPDF's layout model as a second voice on figures: what it finds, and ways to listen to it.

The model is part of PyMuPDF 2.0: `import pymupdf` loads it, and nothing is downloaded. By itself it
groups the lines of text on a page, so a photograph without words is none of its pictures; "grown"
adds images and drawings beside the words, by two options of the model's own code. A page with more
than `max_detailed_paths` is not asked about: on a map of 27,000 the model had not finished after a minute.
`figures.py --layout` measures the ways in `WAYS`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pymupdf

from mmrerank.loaders.boxes import Box, area, overlap
from mmrerank.loaders.pdf.figures.path_reader import read_paths
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.page import MAX_PATHS, Region

__all__ = ["GROWN", "WAYS", "PageVoices", "iou", "pictures", "two_voices"]

GROWN = {"filter_img_bboxes": True, "expand_by_vectors": True}
MIN_SIDE, MIN_AREA = DEFAULT_SETTINGS.min_side, DEFAULT_SETTINGS.min_area


@dataclass(frozen=True)
class PageVoices:
    """What the loader and the model find on one page, and what makes the page look unsafe.

    `seconds` is the processor time of the grown model; `images` and `drawn` count what the page
    shows, `captions` are the labels of its captions.
    """

    size: tuple[float, float]
    regions: list[Region]
    captions: list[str]
    pictures: list[Box]
    grown: list[Box]
    seconds: float
    images: int
    drawn: int

    @property
    def ours(self) -> list[Box]:
        return [region.box for region in self.regions]

    @property
    def has_nothing(self) -> bool:
        """Whether no figure was found on a page with images or ten paths."""
        return not self.regions and (self.images > 0 or self.drawn >= 10)

    @property
    def has_lone_caption(self) -> bool:
        """Whether a caption of a figure has none."""
        found = {region.label for region in self.regions}
        return any(c.startswith("figure") and c not in found for c in self.captions)

    @property
    def has_large(self) -> bool:
        """Whether a figure takes more than half of a page that is no picture itself."""
        half = 0.5 * self.size[0] * self.size[1]
        return any(area(r.box) > half and r.kind != "page" for r in self.regions)

    @property
    def has_overlap(self) -> bool:
        """Whether two figures share more than a twentieth of the smaller one."""
        boxes = self.ours
        return any(
            area(overlap(a, b)) > 0.05 * min(area(a), area(b))
            for index, a in enumerate(boxes)
            for b in boxes[:index]
        )

    @property
    def is_unsafe(self) -> bool:
        return self.has_nothing or self.has_lone_caption or self.has_large or self.has_overlap


def iou(first: Box, second: Box) -> float:
    shared = area(overlap(first, second))
    return shared / (area(first) + area(second) - shared)


def pictures(page: pymupdf.Page, **options: bool) -> list[Box]:
    """The boxes of the model's class "picture" on a page."""
    page.get_layout(**options)
    found = page.layout_information or []
    boxes = [tuple(float(x) for x in box[:4]) for box in found if box[4] == "picture"]
    return [box for box in boxes if area(box)]


def two_voices(path: Path, pages: Iterable[int]) -> dict[int, PageVoices]:
    """Both voices on pages of a PDF, of which the text is read of all pages."""
    with tempfile.TemporaryDirectory() as root, pymupdf.open(path) as opened:
        loader = PDFLoader(path, image_root=root, workers=0, ocr=False)
        with loader.open() as (document, _):
            heard = {}
            for number in pages:
                regions = list(document.regions(number).values())
                captions = [b.caption.label for b in document.blocks(number) if b.caption]
                heard[number] = _ask(opened[number - 1], regions, captions)
            return heard


def _ask(page: pymupdf.Page, regions: list[Region], captions: list[str]) -> PageVoices:
    size = (page.rect.width, page.rect.height)
    drawn = sum(1 for _ in read_paths(page, (0.0, 0.0, *size), MAX_PATHS, DEFAULT_SETTINGS))
    images = len(page.get_image_info())
    if drawn > DEFAULT_SETTINGS.max_detailed_paths:
        print(
            f"{Path(page.parent.name).name}, page {page.number + 1}: {drawn} paths, not asked about"
        )
        return PageVoices(size, regions, captions, [], [], 0.0, images, drawn)
    alone = pictures(page)
    began = time.process_time()
    grown = pictures(page, **GROWN)
    seconds = time.process_time() - began
    return PageVoices(size, regions, captions, alone, grown, seconds, images, drawn)


Way = tuple[Callable[[PageVoices], bool], Callable[[PageVoices], list[Box]]]
"""On which pages the model is asked, and what is made of both voices there."""


def _agreed(page: PageVoices) -> list[Box]:
    return [a for a in page.ours if any(iou(a, b) >= 0.5 for b in page.grown)]


def _ours_only(page: PageVoices) -> list[Box]:
    return [a for a in page.ours if not any(iou(a, b) >= 0.5 for b in page.grown)]


def _model_only(page: PageVoices) -> list[Box]:
    return [b for b in page.grown if not any(iou(a, b) >= 0.5 for a in page.ours)]


def _added(page: PageVoices) -> list[Box]:
    """Ours, and the model's that are large enough for a figure and touch none of ours."""
    ours = page.ours
    more = [
        box
        for box in page.grown
        if min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE
        and area(box) >= MIN_AREA
        and all(area(overlap(box, a)) <= 0.02 * min(area(box), area(a)) for a in ours)
    ]
    return ours + more


def _replaced(page: PageVoices) -> list[Box]:
    return page.grown or page.ours


def _always(page: PageVoices) -> bool:
    return True


WAYS: dict[str, Way] = {
    "layout model": (_always, lambda page: page.pictures),
    "layout model, grown": (_always, lambda page: page.grown),
    "both agree": (_always, _agreed),
    "only ours": (_always, _ours_only),
    "only the model's": (_always, _model_only),
    "ours and what touches none": (_always, _added),
    "the same, nothing found": (lambda page: page.has_nothing, _added),
    "the same, lone caption": (lambda page: page.has_lone_caption, _added),
    "the same, unsafe pages": (lambda page: page.is_unsafe, _added),
    "the model's instead, large figure": (lambda page: page.has_large, _replaced),
    "the model's instead, overlap": (lambda page: page.has_overlap, _replaced),
    "the model's instead, unsafe": (lambda page: page.is_unsafe, _replaced),
}
"""Ways to listen to the model; on pages where it is not asked, the loader's figures stand."""

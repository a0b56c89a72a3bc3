"""Logos that publishers draw on every page: the same paths at the same place are no figure.

Images that many pages repeat are known when their text has been read (`Profile.repeated`). Paths
would have to be read for that on every page once more, so a few pages are asked only if a page has
a drawing that may be a logo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap, union
from mmrerank.loaders.pdf.figures.path_reader import read_paths
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.page import Region

__all__ = ["RepeatedDrawings"]


class RepeatedDrawings:
    """What the pages of an open PyMuPDF document draw again and again."""

    def __init__(self, document: Any, settings: FigureSettings = DEFAULT_SETTINGS) -> None:
        self._document, self._settings = document, settings
        self._sample: list[frozenset[Box]] | None = None

    def without(self, regions: Sequence[Region], whole: Box) -> list[Region]:
        """The regions of a page, whose box is `whole`, that are no repeated drawings."""
        return [region for region in regions if not self._is_repeated(region, whole)]

    def _is_repeated(self, region: Region, whole: Box) -> bool:
        if region.caption or region.kind != "vector" or not self._may_be_logo(region.box, whole):
            return False
        drawn: Counter[frozenset[Box]] = Counter()
        for paths in self._paths_of_sample():
            drawn[frozenset(path for path in paths if overlap(path, region.box))] += 1
        drawn.pop(frozenset(), None)
        if not drawn or max(drawn.values()) < self._settings.min_repeated:
            return False
        logo = union(*max(drawn, key=drawn.__getitem__))
        near = self._settings.region_margin + self._settings.label_reach
        return all(abs(one - other) < near for one, other in zip(logo, region.box, strict=True))

    def _may_be_logo(self, box: Box, whole: Box) -> bool:
        """Whether a drawing is small and stands at an edge of a page."""
        margin = self._settings.logo_edge_share
        x, y = margin * whole[2], margin * whole[3]
        middle = (whole[0] + x, whole[1] + y, whole[2] - x, whole[3] - y)
        small = area(box) < self._settings.max_logo_share * area(whole)
        return small and overlap(box, middle) is None

    def _paths_of_sample(self) -> list[frozenset[Box]]:
        """The boxes of the paths on a few pages that are spread over the document."""
        if self._sample is None:
            count, most = self._document.page_count, self._settings.max_sampled_pages
            step = max(count // most, 1)
            self._sample = [self._paths(number) for number in range(0, count, step)[:most]]
        return self._sample

    def _paths(self, number: int) -> frozenset[Box]:
        """The boxes of the paths on a page; none where they cannot be read, or are too many."""
        try:
            page = self._document.load_page(number)
            whole = (0.0, 0.0, float(page.rect.width), float(page.rect.height))
            budget = self._settings.max_detailed_paths
            paths = read_paths(page, whole, budget, self._settings)
        except Exception:  # too many paths, or one of PyMuPDF's many kinds: nothing is repeated
            return frozenset()
        boxes = ([round(edge) for edge in path.box] for path in paths)
        return frozenset((x0, y0, x1, y1) for x0, y0, x1, y1 in boxes)

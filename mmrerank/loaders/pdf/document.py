"""A PDF after its first pass: the text of all pages, cleaned of what they repeat; figures on demand."""

from __future__ import annotations

import pickle
import warnings
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from mmrerank.errors import (
    DocumentError,
    ImageError,
    InvalidInputError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page import (
    Block,
    ImageKey,
    Key,
    PageFigures,
    PageText,
    Profile,
    Region,
    SurveyOptions,
)
from mmrerank.loaders.pdf.processes import Pages
from mmrerank.loaders.pdf.text.lines import make_block, words_of
from mmrerank.loaders.pdf.text.running_heads import EdgeLine, edge_lines, find_furniture
from mmrerank.loaders.saving import image_folder

__all__ = ["Surveyed", "in_order"]

_AHEAD = 8  # calls that are under way while their results are used in order

_BODY_SIZE = 10.0  # points, where no page has text

_REPEATED, _REPEATED_PAGES = 0.25, 3  # part of the pages, and pages at the least

T = TypeVar("T")

Item = TypeVar("Item")


class Surveyed:
    """What was found on the pages of a PDF. `numbers` are those that can be read, from 1.

    The text of all pages is read at once: it tells what pages repeat, and where captions stand,
    `captions` by their labels. What is drawn on a page is looked at when it is asked for, so that
    a long document can be used from its first pages on.

    A page that cannot be read is lost alone, with a warning; `DocumentError` where none can be.
    """

    def __init__(
        self,
        pages: Pages,
        source: str,
        wanted: Sequence[int] | None,
        options: SurveyOptions,
        *,
        scans: bool = False,
    ) -> None:
        self._pages, self.source, self.options, self._scans = pages, source, options, scans
        info = pages.submit("info").result()
        wanted = range(1, info.page_count + 1) if wanted is None else wanted
        if wrong := [number for number in wanted if not 1 <= number <= info.page_count]:
            raise InvalidInputError(f"{source} has {info.page_count} pages, no page {wrong[0]}")
        if info.repaired:
            self.warn(
                None, "is damaged; what can be read of it is kept, other parts may be missing"
            )
        self.outline: dict[int, list[str]] = info.outline
        self.captions: dict[str, list[int]] = {}
        self.labels: dict[int, str] = {}
        self.sizes: dict[int, tuple[float, float]] = {}
        self._kept: dict[int, bytes] = {}
        self._lines: dict[int, int] = {}
        self._words: set[str] = set()
        self._calls: dict[int, Future[PageFigures]] = {}
        self._figures: dict[int, PageFigures] = {}
        self._read(wanted)
        self.numbers = list(self._kept)
        if options.root:
            image_folder(options.root)

    def _read(self, wanted: Sequence[int]) -> None:
        lost: list[tuple[int, str]] = []
        sizes: Counter[float] = Counter()
        images: Counter[ImageKey] = Counter()
        edges: dict[int, list[EdgeLine]] = {}
        for number, future in in_order(wanted, lambda n: self._pages.submit("text", n)):
            try:
                text: PageText = future.result()
            except MissingDependencyError:
                raise
            except Exception as error:  # PyMuPDF raises many kinds on damaged pages
                lost.append((number, str(error) or type(error).__name__))
                self.warn(number, f"cannot be read and is left out; other pages are kept ({error})")
                continue
            for block in text.blocks:
                sizes[block.size] += len(block.text)
            images.update({key for _, key in text.images})
            edges[number] = edge_lines(text.blocks, text.size[1])
            self._keep(text)
        if not self._kept:
            page, reason = lost[0] if lost else (None, "it has none")
            raise DocumentError(self.source, f"none of its pages can be read ({reason})", page=page)
        least = max(_REPEATED_PAGES, _REPEATED * len(self._kept))
        self.profile = Profile(
            sizes.most_common(1)[0][0] if sizes else _BODY_SIZE,
            frozenset(key for key, count in images.items() if count >= least),
        )
        self._furniture = find_furniture(edges, self.profile.body_size)

    def _keep(self, text: PageText) -> None:
        self.labels[text.number], self.sizes[text.number] = text.label, text.size
        self._lines[text.number] = sum(len(block.lines) for block in text.blocks)
        for block in text.blocks:
            self._words |= words_of(block.lines)
            if block.caption:
                self.captions.setdefault(block.caption.label, []).append(text.number)
        self._kept[text.number] = zlib.compress(pickle.dumps(text), 1)

    def _text(self, number: int) -> PageText:
        text: PageText = pickle.loads(zlib.decompress(self._kept[number]))  # noqa: S301 - from above
        return text

    def warn(self, number: int | None, message: str) -> None:
        """Say what was left out of a page, or of the document."""
        place = self.source if number is None else f"{self.source}, page {number}"
        warnings.warn(f"{place}: {message}", RerankWarning, stacklevel=2)

    def blocks(self, number: int) -> list[Block]:
        """The text of a page without running titles and page numbers, hyphenated words whole."""
        cleaned = [self._clean(number, block) for block in self._text(number).blocks]
        return [block for block in cleaned if block]

    def is_textless(self, number: int) -> bool:
        """Without any text; or a picture with nothing but a page number or a running title."""
        return not self._lines[number] or (
            self._has_titles_only(number) and bool(self.figures(number).regions)
        )

    def _has_titles_only(self, number: int) -> bool:
        return self._lines[number] <= len(self._furniture[number])

    def ask(self, number: int) -> Future[PageFigures]:
        """Start looking for the figures of a page, and drawing them."""
        if number not in self._calls:
            self._calls[number] = self._survey(number, self.options)
        return self._calls[number]

    def _survey(self, number: int, options: SurveyOptions) -> Future[PageFigures]:
        scan = self._scans and self._has_titles_only(number)
        options = replace(options, scan=scan)
        return self._pages.submit("survey", self._text(number), self.profile, options)

    def figures(self, number: int) -> PageFigures:
        """The figures of a page and the links on it; nothing for a page that was not read."""
        if number not in self._kept:
            return PageFigures()
        if number not in self._figures:
            found = self._result(number)
            if found.problem:
                self.warn(number, f"its figures cannot be read; its text is kept ({found.problem})")
            regions = [self._cleaned(number, region) for region in found.regions]
            self._figures[number] = replace(found, regions=regions)
        return self._figures[number]

    def regions_of(self, number: int) -> dict[Key, Region]:
        """The figures of a page, by their keys."""
        return {(number, i): region for i, region in enumerate(self.figures(number).regions)}

    def _result(self, number: int) -> PageFigures:
        try:
            return self.ask(number).result()
        except (MissingDependencyError, ImageError):  # the disk is full: no figure can be saved
            raise
        except Exception as error:  # PyMuPDF raises many kinds; a page may take too long
            return self._without_figures(number, str(error) or type(error).__name__)

    def _without_figures(self, number: int, reason: str) -> PageFigures:
        """A page that took too long once more, for its links and its own image."""
        try:
            found = self._survey(number, replace(self.options, figures=False)).result()
        except Exception:  # as above
            found = PageFigures()
        return replace(found, problem=reason)

    def _cleaned(self, number: int, region: Region) -> Region:
        caption = region.caption and self._clean(number, region.caption)
        return replace(region, caption=caption)

    def _clean(self, number: int, block: Block) -> Block | None:
        furniture: set[Box] = self._furniture[number]
        lines = [line for line in block.lines if line.box not in furniture]
        hyphened = any(line.text[-1] in "-\u2010" for line in lines)
        if len(lines) == len(block.lines) and not hyphened:
            return block
        return make_block(lines, self._words) if lines else None


def in_order(
    items: Iterable[Item], ask: Callable[[Item], Future[T]]
) -> Iterator[tuple[Item, Future[T]]]:
    """Each item with its call, a few of which are under way at any time."""
    waiting: deque[tuple[Item, Future[T]]] = deque()
    for item in items:
        waiting.append((item, ask(item)))
        if len(waiting) >= _AHEAD:
            yield waiting.popleft()
    yield from waiting

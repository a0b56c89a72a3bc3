"""The first pass over a PDF: every page read once, kept small, cleaned of what pages repeat."""

from __future__ import annotations

import pickle
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from mmrerank.errors import DocumentError, InvalidInputError, MissingDependencyError, RerankWarning
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.furniture import EdgeLine, edge_lines, find_furniture
from mmrerank.loaders.links import Key
from mmrerank.loaders.regions import Region
from mmrerank.loaders.survey import PageSurvey, Profile, SurveyOptions
from mmrerank.loaders.text import Block, make_block, words_of
from mmrerank.loaders.worker import PageLostError, Pages

__all__ = ["Surveyed", "in_order"]

_AHEAD = 8  # calls that are under way while their results are used in order

T = TypeVar("T")
Item = TypeVar("Item")


class Surveyed:
    """What was found on the pages of a PDF. `numbers` are those that can be read, from 1.

    A page that cannot be read is lost alone, with a warning; `DocumentError` where none can be.
    """

    def __init__(
        self, pages: Pages, source: str, wanted: Sequence[int] | None, options: SurveyOptions
    ) -> None:
        self._pages, self.source, self._options = pages, source, options
        info = pages.submit("info").result()
        wanted = range(1, info.page_count + 1) if wanted is None else wanted
        if wrong := [number for number in wanted if not 1 <= number <= info.page_count]:
            raise InvalidInputError(f"{source} has {info.page_count} pages, no page {wrong[0]}")
        self.outline: dict[int, list[str]] = info.outline
        self.profile = self._read_profile(wanted)
        self.regions: dict[Key, Region] = {}
        self.labels: dict[int, str] = {}
        self.sizes: dict[int, tuple[float, float]] = {}
        self._lines: dict[int, int] = {}
        self._kept: dict[int, bytes] = {}
        self._lost: list[tuple[int, str]] = []
        self._words: set[str] = set()
        edges: dict[int, list[EdgeLine]] = {}
        for number, survey in self._survey(wanted):
            edges[number] = edge_lines(survey.blocks, survey.size[1], self.profile.body_size)
            self._keep(number, survey)
        self.numbers = list(self._kept)
        if not self.numbers:
            page, reason = self._lost[0] if self._lost else (None, "it has none")
            raise DocumentError(source, f"none of its pages can be read ({reason})", page=page)
        self._furniture = find_furniture(edges)
        self.without_text = {number for number in self.numbers if self._is_textless(number)}
        self.regions = {key: self._cleaned(key[0], region) for key, region in self.regions.items()}

    def _read_profile(self, wanted: Sequence[int]) -> Profile:
        try:
            profile: Profile = self._pages.submit("profile", wanted).result()
        except PageLostError:  # one of its pages hangs; the survey finds out which
            return Profile()
        return profile

    def _survey(self, wanted: Sequence[int]) -> Iterator[tuple[int, PageSurvey]]:
        def ask(number: int) -> Future[PageSurvey]:
            return self._pages.submit("survey", number, self.profile, self._options)

        for number, future in in_order(wanted, ask):
            try:
                survey: PageSurvey | None = future.result()
            except MissingDependencyError:
                raise
            except PageLostError as error:
                survey = self._text_only(number, str(error))
            except Exception as error:  # PyMuPDF raises many kinds on damaged pages
                self._warn_lost(number, error)
                continue
            if survey is None:
                continue
            if survey.problem:
                self.warn(
                    number, f"its figures cannot be read; its text is kept ({survey.problem})"
                )
            yield number, survey

    def _text_only(self, number: int, reason: str) -> PageSurvey | None:
        """A page that took too long once more, without its figures."""
        options = replace(self._options, figures=False)
        try:
            survey: PageSurvey = self._pages.submit(
                "survey", number, self.profile, options
            ).result()
        except Exception as error:  # as above
            self._warn_lost(number, error)
            return None
        return replace(survey, problem=reason)

    def _warn_lost(self, number: int, error: Exception) -> None:
        self._lost.append((number, str(error) or type(error).__name__))
        self.warn(number, f"cannot be read and is left out; other pages are kept ({error})")

    def warn(self, number: int, message: str) -> None:
        """Say what was left out of a page."""
        warnings.warn(f"{self.source}, page {number}: {message}", RerankWarning, stacklevel=2)

    def _keep(self, number: int, survey: PageSurvey) -> None:
        for index, region in enumerate(survey.regions):
            self.regions[number, index] = region
        self.labels[number], self.sizes[number] = survey.label, survey.size
        self._lines[number] = sum(len(block.lines) for block in survey.blocks)
        for block in survey.blocks:
            self._words |= words_of(block.lines)
        self._kept[number] = zlib.compress(pickle.dumps(survey), 1)

    def _is_textless(self, number: int) -> bool:
        """Without any text; or a picture with nothing but a page number or a running title."""
        if not self._lines[number]:
            return True
        return self._lines[number] <= len(self._furniture[number]) and bool(self.regions_of(number))

    def page(self, number: int) -> PageSurvey:
        """A page without running titles and page numbers, and with hyphenated words whole."""
        survey: PageSurvey = pickle.loads(zlib.decompress(self._kept[number]))  # noqa: S301 - from above
        cleaned = [self._clean(number, block) for block in survey.blocks]
        return replace(survey, blocks=[block for block in cleaned if block])

    def regions_of(self, number: int) -> dict[Key, Region]:
        """The figures of a page."""
        return {key: region for key, region in self.regions.items() if key[0] == number}

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

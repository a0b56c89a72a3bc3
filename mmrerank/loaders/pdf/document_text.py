"""The text of all pages of a PDF, read before any chunk is made: it shows what the pages repeat."""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mmrerank.errors import DocumentError, MissingDependencyError, warn
from mmrerank.loaders.boxes import Box, area
from mmrerank.loaders.pdf.page import Block, ImageKey, PageText, Profile
from mmrerank.loaders.pdf.processes import Pages, in_order
from mmrerank.loaders.pdf.text.lines import make_block, words_of
from mmrerank.loaders.pdf.text.running_heads import EdgeLine, edge_lines, find_running_heads

__all__ = ["DocumentText", "read_text"]

_DEFAULT_BODY_SIZE = 10.0  # points, where no page has text

_REPEATED_SHARE, _REPEATED_PAGES = 0.25, 3  # of the pages, and at least so many pages

_PAGE_SHARE = 0.5  # of its page: an image so large is no logo


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of the pages that can be read, by their numbers from 1, and what they share.

    `captions` has the numbers of the pages on which a label ("figure 3") begins a caption.
    `line_counts` are lines of text as read, `running_heads` the boxes of those lines that other
    pages repeat; `with_heads` are pages without other text, whose lines are not above or below the
    text of any page: they are that text. `words` are the words of the document in small letters.
    """

    profile: Profile
    labels: Mapping[int, str]
    sizes: Mapping[int, tuple[float, float]]
    captions: Mapping[str, list[int]]
    line_counts: Mapping[int, int]
    running_heads: Mapping[int, set[Box]]
    words: Collection[str]
    with_heads: Collection[int]
    compressed: Mapping[int, bytes]

    @property
    def numbers(self) -> list[int]:
        """The pages that can be read."""
        return list(self.compressed)

    def blocks(self, number: int) -> list[Block]:
        """The text of a page without running heads, hyphenated words whole.

        They stay on the pages `with_heads`.
        """
        text: PageText = pickle.loads(zlib.decompress(self.compressed[number]))  # noqa: S301 - ours
        if number in self.with_heads:
            return text.blocks
        cleaned = [self.clean(number, block) for block in text.blocks]
        return [block for block in cleaned if block]

    def clean(self, number: int, block: Block) -> Block | None:
        """A block of a page without running heads, hyphenated words whole; None if empty."""
        lines = [line for line in block.lines if line.box not in self.running_heads[number]]
        hyphenated = any(line.text[-1] in "-\u2010" for line in lines)
        if len(lines) == len(block.lines) and not hyphenated:
            return block
        return make_block(lines, self.words) if lines else None


def read_text(pages: Pages, source: str, numbers: Iterable[int]) -> DocumentText:
    """Read these pages. One that cannot be read is left out with a `RerankWarning`.

    Raises `DocumentError` where no page can be read, and `MissingDependencyError`.
    """
    collected = _Collected()
    failures: list[tuple[int, str]] = []
    for number, future in in_order(numbers, pages.text):
        try:
            collected.add(future.result())
        except MissingDependencyError:
            raise
        except Exception as error:  # PyMuPDF raises many kinds on damaged pages
            failures.append((number, str(error) or type(error).__name__))
            warn(
                f"{source}, page {number}: cannot be read and is left out; "
                f"other pages are kept ({error})"
            )
    if not collected.compressed:
        page, reason = failures[0] if failures else (None, "it has none")
        raise DocumentError(source, f"none of its pages can be read ({reason})", page=page)
    return collected.document_text()


def _is_page(text: PageText, image: Box) -> bool:
    """Whether an image is all that a page shows: without it, nothing of the page would be left."""
    return not text.blocks and area(image) > _PAGE_SHARE * area(text.box)


class _Collected:
    """What is collected page by page."""

    def __init__(self) -> None:
        self.compressed: dict[int, bytes] = {}
        self._labels: dict[int, str] = {}
        self._sizes: dict[int, tuple[float, float]] = {}
        self._captions: dict[str, list[int]] = {}
        self._line_counts: dict[int, int] = {}
        self._edges: dict[int, list[EdgeLine]] = {}
        self._words: set[str] = set()
        self._font_sizes: Counter[float] = Counter()
        self._images: Counter[ImageKey] = Counter()
        self._letters, self._bold_letters = 0, 0

    def add(self, text: PageText) -> None:
        number = text.number
        self._labels[number], self._sizes[number] = text.label, text.size
        self._line_counts[number] = sum(len(block.lines) for block in text.blocks)
        self._edges[number] = edge_lines(text.blocks, text.size)
        self._images.update({key for box, key in text.images if not _is_page(text, box)})
        for block in text.blocks:
            self._font_sizes[block.size] += len(block.text)
            self._words |= words_of(block.lines)
            self._letters += len(block.text)
            self._bold_letters += sum(len(line.text) for line in block.lines if line.bold)
            if block.caption:
                self._captions.setdefault(block.caption.label, []).append(number)
        self.compressed[number] = zlib.compress(pickle.dumps(text), 1)

    def document_text(self) -> DocumentText:
        sizes = self._font_sizes.most_common(1)
        body_size = sizes[0][0] if sizes else _DEFAULT_BODY_SIZE
        least = max(_REPEATED_PAGES, _REPEATED_SHARE * len(self.compressed))
        repeated = frozenset(key for key, count in self._images.items() if count >= least)
        heads = find_running_heads(self._edges, body_size)
        return DocumentText(
            profile=Profile(body_size, repeated, self._bold_letters > 0.5 * self._letters),
            labels=self._labels,
            sizes=self._sizes,
            captions=self._captions,
            line_counts=self._line_counts,
            running_heads=heads,
            words=self._words,
            with_heads=self._pages_of_heads(heads),
            compressed=self.compressed,
        )

    def _pages_of_heads(self, heads: Mapping[int, set[Box]]) -> set[int]:
        """The pages without text but running heads, some of which are on no page with other text."""
        texts = {
            number: {line.text for line in self._edges[number] if line.box in boxes and line.words}
            for number, boxes in heads.items()
        }
        bare = {number for number in heads if self._line_counts[number] <= len(heads[number])}
        known = set().union(*(texts[number] for number in heads if number not in bare))
        return {number for number in bare if texts[number] - known}

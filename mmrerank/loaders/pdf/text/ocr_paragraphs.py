"""The text of a scan: lines read by OCR, ours or another's, joined to paragraphs in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from mmrerank.loaders.boxes import Box, union
from mmrerank.loaders.captions import find_caption
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.lines import make_block
from mmrerank.loaders.pdf.text.reading_order import in_reading_order
from mmrerank.ocr.engine import ReadLine

__all__ = ["layer_blocks", "scan_blocks"]

_MAX_GAP, _MAX_OVERLAP = 0.8, 0.3  # of a line's height, between two lines of one paragraph

_SAME_SIZE = 1.4  # times as high: larger type begins another paragraph

_MAX_SPACE = 1.0  # of a line's height, between two words of one line

_MIN_BELOW = 0.5  # of the narrower line's width is below the other line


def scan_blocks(
    lines: Sequence[ReadLine],
    size: tuple[float, float] = (600.0, 800.0),
    body_size: float = 10.0,
) -> list[Block]:
    """The paragraphs of a page, from lines whose boxes are fractions of the page (0 to 1).

    `size` is the page's width and height in points. Lines of the usual height get the font size
    `body_size`, larger ones a size in proportion.
    """
    texts = [(_scaled(line.box, size), line.text.strip()) for line in lines if line.text.strip()]
    return _paragraphs(_sized(texts, body_size))


def layer_blocks(blocks: Sequence[Block], body_size: float = 10.0) -> list[Block]:
    """The paragraphs of a scan, from the text layer that another program's OCR put under it.

    Such a layer has the right words in the right places, but each word or line may be a block, and
    its font sizes are guesses. Lines of the usual height get the font size `body_size`.
    """
    rows: list[tuple[Box, str]] = []
    for line in sorted(_lines(blocks), key=lambda line: (round(line.box[3]), line.box[0])):
        before = next((i for i, row in enumerate(rows) if _goes_on(row[0], line.box)), None)
        if before is None:
            rows.append((line.box, line.text))
        else:
            box, text = rows[before]
            rows[before] = (union(box, line.box), f"{text} {line.text}")
    return _paragraphs(_sized(rows, body_size))


def _lines(blocks: Sequence[Block]) -> list[Line]:
    return [line for block in blocks for line in block.lines]


def _goes_on(row: Box, box: Box) -> bool:
    """Whether a word or part of a line continues a row."""
    height = min(row[3] - row[1], box[3] - box[1])
    shared = min(row[3], box[3]) - max(row[1], box[1])
    return shared > 0.5 * height and -_MAX_OVERLAP * height < box[0] - row[2] < _MAX_SPACE * height


def _paragraphs(lines: Sequence[Line]) -> list[Block]:
    """The paragraphs of these lines, which are sorted from top to bottom."""
    paragraphs: list[list[Line]] = []
    for line in lines:
        above = [lines for lines in paragraphs if _continues(lines[-1].box, line.box)]
        caption = find_caption(line.text)
        if above and not (caption and caption.sure):
            max(above, key=lambda lines: lines[-1].box[3]).append(line)
        else:
            paragraphs.append([line])
    return in_reading_order([make_block(lines) for lines in paragraphs])


def _sized(texts: Sequence[tuple[Box, str]], body_size: float) -> list[Line]:
    """Lines of these boxes in points and texts, with font sizes, from top to bottom."""
    if not texts:
        return []
    usual = median(box[3] - box[1] for box, _ in texts)
    placed = []
    for box, text in sorted(texts, key=lambda item: item[0][1]):
        larger = (box[3] - box[1]) / max(usual, 0.1)
        placed.append(Line(box, text, body_size * (larger if larger > _SAME_SIZE else 1.0)))
    return placed


def _scaled(box: Box, size: tuple[float, float]) -> Box:
    (x0, y0, x1, y1), (width, height) = box, size
    return (x0 * width, y0 * height, x1 * width, y1 * height)


def _continues(above: Box, box: Box) -> bool:
    """True if a line is the next one of a paragraph."""
    low, high = sorted((above[3] - above[1], box[3] - box[1]))
    gap = box[1] - above[3]
    shared = min(above[2], box[2]) - max(above[0], box[0])
    return (
        -_MAX_OVERLAP * low < gap < _MAX_GAP * low
        and high < _SAME_SIZE * low
        and shared > _MIN_BELOW * min(above[2] - above[0], box[2] - box[0])
    )

"""The text of a scan: lines that OCR has read, put together as paragraphs and in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.lines import make_block
from mmrerank.loaders.pdf.text.reading_order import in_reading_order
from mmrerank.ocr.engine import ReadLine

__all__ = ["scan_blocks"]

_GAP, _OVERLAP = 0.8, 0.3  # of a line's height, between two lines of one paragraph

_ALIKE = 1.4  # times as high: larger type is another paragraph

_BESIDE = 0.5  # of the narrower line's width stands below the other


def scan_blocks(
    lines: Sequence[ReadLine],
    size: tuple[float, float] = (600.0, 800.0),
    body_size: float = 10.0,
) -> list[Block]:
    """The paragraphs of a page of this size in points; lines of the usual height get `body_size`."""
    if not lines:
        return []
    width, height = size
    placed = [
        ((x0 * width, y0 * height, x1 * width, y1 * height), line.text)
        for line in lines
        if line.text.strip()
        for x0, y0, x1, y1 in (line.box,)
    ]
    usual = median(box[3] - box[1] for box, _ in placed) if placed else 0.0
    paragraphs: list[list[Line]] = []
    for box, text in sorted(placed, key=lambda one: one[0][1]):
        larger = (box[3] - box[1]) / max(usual, 0.1)
        line = Line(box, text.strip(), body_size * (larger if larger > _ALIKE else 1.0))
        above = [lines for lines in paragraphs if _goes_on(lines[-1].box, box)]
        if above:
            max(above, key=lambda lines: lines[-1].box[3]).append(line)
        else:
            paragraphs.append([line])
    return in_reading_order([make_block(lines) for lines in paragraphs])


def _goes_on(above: Box, box: Box) -> bool:
    """Whether a line is the next of a paragraph."""
    heights = sorted((above[3] - above[1], box[3] - box[1]))
    gap = box[1] - above[3]
    shared = min(above[2], box[2]) - max(above[0], box[0])
    return (
        -_OVERLAP * heights[0] < gap < _GAP * heights[0]
        and heights[1] < _ALIKE * heights[0]
        and shared > _BESIDE * min(above[2] - above[0], box[2] - box[0])
    )

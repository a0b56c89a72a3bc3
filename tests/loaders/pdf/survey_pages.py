"""Pages as survey reports set them: a bold title, a chart of boxes without axes, a note, two rules.

Each function draws one page and returns the box of the chart with its labels, or None where the
page has shaded boxes but no chart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Box = tuple[float, float, float, float]

BLUE, GOLD, GREY, PALE = (0.2, 0.35, 0.55), (0.85, 0.65, 0.13), (0.6, 0.6, 0.6), (0.9, 0.92, 0.95)
LEFT, TOP, RIGHT = 150.0, 150.0, 470.0
NAMES = ["Total", "Men", "Women", "Ages 18-29", "30-49", "50-64", "65 and older"]
PROSE = (
    "About half of the people who were asked say that belts carry the parts from one hall to the "
    "next, and a third say that they never saw a hall. "
)
TITLE = "Most workers say belts are quieter now than they were"


def _text(page: Any, x: float, y: float, text: str, size: float = 8.0, font: str = "helv") -> None:
    page.insert_text((x, y), text, fontsize=size, fontname=font)


def _frame(page: Any, bottom: float, *, title: str = TITLE) -> None:
    """What stands around a chart: prose, a rule, the title and a subtitle; a note, a rule, prose."""
    page.insert_textbox((72, 40, 540, 100), PROSE * 2, fontsize=10)
    page.draw_line((LEFT, 108), (RIGHT, 108), width=0.6)
    _text(page, LEFT, 122, title, 10, "hebo")
    _text(page, LEFT, 134, "% of workers who say so", 8, "heit")
    _text(page, LEFT, bottom + 22, "Note: Those who did not answer are not shown.", 7)
    _text(page, LEFT, bottom + 31, "Source: Survey of workers, 2-9 May 2024.", 7)
    page.draw_line((LEFT, bottom + 40), (RIGHT, bottom + 40), width=0.6)
    page.insert_textbox((72, bottom + 60, 540, bottom + 150), PROSE * 3, fontsize=10)


def _bars(page: Any, boxes: Sequence[Box], color: tuple[float, ...], *, one_path: bool) -> None:
    """Fill boxes, as one path, as programs write the bars of one series, or each alone."""
    shape = page.new_shape()
    for box in boxes:
        shape.draw_rect(box)
        if not one_path:
            shape.finish(fill=color, color=None)
    if one_path:
        shape.finish(fill=color, color=None)
    shape.commit()


def _name(page: Any, row: int, y: float) -> None:
    _text(page, LEFT, y + 8, NAMES[row], 8)


def bars(page: Any, *, one_path: bool = True) -> Box:
    values = [45, 62, 31, 45, 27, 52, 58]
    boxes = []
    for row, value in enumerate(values):
        y = TOP + 18 * row
        _name(page, row, y)
        boxes.append((LEFT + 90, y, LEFT + 90 + 2.5 * value, y + 10))
        _text(page, LEFT + 93 + 2.5 * value, y + 8, f"{value}%" if row == 0 else str(value))
    _bars(page, boxes, BLUE, one_path=one_path)
    bottom = TOP + 18 * 6 + 10
    _frame(page, bottom)
    return (LEFT, TOP, LEFT + 90 + 2.5 * 62 + 12, bottom)


def bars_of_single_paths(page: Any) -> Box:
    return bars(page, one_path=False)


def stacked(page: Any) -> Box:
    values = [(20, 35, 45), (31, 30, 39), (12, 48, 40), (25, 25, 50), (44, 30, 26)]
    series: list[list[Box]] = [[], [], []]
    for index, head in enumerate(("Better", "About the same", "Worse")):
        _text(page, LEFT + 95 + 75 * index, TOP - 6, head, 8, "hebo")
    for row, shares in enumerate(values):
        y, x = TOP + 20 * row, LEFT + 90
        _name(page, row, y)
        for index, share in enumerate(shares):
            series[index].append((x, y, x + 2.2 * share, y + 11))
            x += 2.2 * share
    for boxes, color in zip(series, (BLUE, GREY, GOLD), strict=True):
        _bars(page, boxes, color, one_path=True)
    for row, shares in enumerate(values):
        x = LEFT + 90
        for share in shares:
            _text(page, x + 1.1 * share - 4, TOP + 20 * row + 8, str(share), 8)
            x += 2.2 * share
    bottom = TOP + 20 * 4 + 11
    _frame(page, bottom)
    return (LEFT, TOP - 14, LEFT + 90 + 220, bottom)


def grouped(page: Any) -> Box:
    boxes: list[list[Box]] = [[], []]
    for row, pair in enumerate([(40, 52), (22, 35), (61, 48), (17, 30)]):
        y = TOP + 44 * row
        _name(page, row, y + 8)
        for index, value in enumerate(pair):
            bar = (LEFT + 90, y + 15 * index, LEFT + 90 + 3 * value, y + 15 * index + 12)
            boxes[index].append(bar)
            _text(page, bar[2] + 3, bar[1] + 9, str(value), 8)
    for series, color in zip(boxes, (BLUE, GOLD), strict=True):
        _bars(page, series, color, one_path=True)
    bottom = TOP + 44 * 3 + 27
    _frame(page, bottom)
    return (LEFT, TOP, LEFT + 90 + 3 * 61 + 12, bottom)


def diverging(page: Any) -> Box:
    less: list[Box] = []
    more: list[Box] = []
    middle = LEFT + 200
    _text(page, middle - 60, TOP - 6, "Disagree", 8, "hebo")
    _text(page, middle + 10, TOP - 6, "Agree", 8, "hebo")
    for row, (no, yes) in enumerate([(30, 60), (42, 50), (55, 41), (21, 74), (63, 32)]):
        y = TOP + 19 * row
        _name(page, row, y)
        less.append((middle - 1.5 * no, y, middle, y + 11))
        more.append((middle, y, middle + 1.5 * yes, y + 11))
        _text(page, middle - 1.5 * no - 11, y + 9, str(no))
        _text(page, middle + 1.5 * yes + 3, y + 9, str(yes))
    _bars(page, less, GOLD, one_path=True)
    _bars(page, more, BLUE, one_path=True)
    bottom = TOP + 19 * 4 + 11
    _frame(page, bottom)
    return (LEFT, TOP - 14, middle + 1.5 * 74 + 12, bottom)


def columns(page: Any) -> Box:
    boxes = []
    base = TOP + 110
    for index, value in enumerate([22, 35, 31, 48, 57, 66]):
        x = LEFT + 10 + 50 * index
        boxes.append((x, base - 1.4 * value, x + 30, base))
        _text(page, x + 10, base - 1.4 * value - 3, str(value))
        _text(page, x + 5, base + 11, str(2018 + index))
    _bars(page, boxes, BLUE, one_path=True)
    _frame(page, base + 12)
    return (LEFT + 10, base - 1.4 * 66 - 11, LEFT + 290, base + 13)


def small_multiples(page: Any) -> Box:
    for panel, head in enumerate(("2004", "2014", "2024")):
        x = LEFT + 90 + 80 * panel
        _text(page, x, TOP - 6, head, 8, "hebo")
        boxes = []
        for row in range(6):
            value = (23 * (row + 1) * (panel + 2)) % 47 + 9
            y = TOP + 16 * row
            boxes.append((x, y, x + value, y + 9))
            _text(page, x + value + 3, y + 8, str(value))
        _bars(page, boxes, (BLUE, GOLD, GREY)[panel], one_path=True)
    for row in range(6):
        _name(page, row, TOP + 16 * row)
    bottom = TOP + 16 * 5 + 9
    _frame(page, bottom)
    return (LEFT, TOP - 14, LEFT + 90 + 160 + 65, bottom)


def dots(page: Any) -> Box:
    _text(page, LEFT + 110, TOP - 6, "Men", 8, "hebo")
    _text(page, LEFT + 230, TOP - 6, "Women", 8, "hebo")
    for row, (one, other) in enumerate([(20, 44), (31, 62), (14, 37), (48, 71), (27, 55)]):
        y = TOP + 22 * row
        _name(page, row, y - 2)
        for value, color in ((one, BLUE), (other, GOLD)):
            x = LEFT + 90 + 2.5 * value
            page.draw_circle((x, y + 4), 4, fill=color, color=None)
            _text(page, x + 7, y + 7, str(value))
    bottom = TOP + 22 * 4 + 8
    _frame(page, bottom)
    return (LEFT, TOP - 14, LEFT + 90 + 2.5 * 71 + 16, bottom)


def shaded_rows(page: Any) -> None:
    """A table: every other row shaded, the head too."""
    for row in range(9):
        y = TOP + 16 * row
        if row % 2 == 0:
            page.draw_rect((LEFT, y, RIGHT, y + 16), fill=GREY if row == 0 else PALE, color=None)
        _text(page, LEFT + 4, y + 11, "Item" if row == 0 else f"Belt {row}")
        for column in range(4):
            _text(page, LEFT + 120 + 50 * column, y + 11, str(17 * (row + column) % 90))
    _frame(page, TOP + 16 * 9)


def shaded_cells(page: Any) -> None:
    """A table: cells in colours, some of them joined."""
    for row in range(6):
        x, y = LEFT, TOP + 20 * row
        for width, color in ((120, PALE), (60, BLUE), (60 if row % 2 else 120, GOLD)):
            page.draw_rect((x, y, x + width - 2, y + 18), fill=color, color=None)
            _text(page, x + 4, y + 12, f"{(13 * row + width) % 80}.5")
            x += width
    _frame(page, TOP + 20 * 6)


def bars_in_cells(page: Any) -> None:
    """A table whose last column shows bars, between its rules."""
    boxes = []
    for row, value in enumerate([45, 62, 31, 12, 27, 52]):
        y = TOP + 18 * row
        page.draw_line((LEFT, y + 14), (RIGHT, y + 14), width=0.4)
        _name(page, row, y)
        for column in range(3):
            _text(page, LEFT + 75 + 45 * column, y + 8, f"{(37 * row + 11 * column) % 97}.2")
        boxes.append((LEFT + 230, y, LEFT + 230 + value, y + 9))
    _bars(page, boxes, BLUE, one_path=True)
    _frame(page, TOP + 18 * 6)


def marked_words(page: Any) -> None:
    """Lines of code on grey boxes of their own length."""
    for row, words in enumerate(["int main() {", "  int x = 1;", "  return x + 41;", "}", "// 2"]):
        y = TOP + 16 * row
        page.draw_rect((LEFT, y, LEFT + 4.9 * len(words), y + 12), fill=PALE, color=None)
        _text(page, LEFT, y + 9, words, 8, "cour")
    _frame(page, TOP + 16 * 5)


def form(page: Any) -> None:
    """Shaded fields of a form."""
    for row, width in enumerate([200, 90, 150, 60, 120]):
        y = TOP + 22 * row
        _text(page, LEFT, y + 10, f"{NAMES[row]}:")
        page.draw_rect((LEFT + 90, y, LEFT + 90 + width, y + 14), fill=PALE, color=None)
    _frame(page, TOP + 22 * 5)


CHARTS: list[Callable[[Any], Box]] = [
    bars,
    bars_of_single_paths,
    stacked,
    grouped,
    diverging,
    columns,
    small_multiples,
    dots,
]
OTHERS: list[Callable[[Any], None]] = [
    shaded_rows,
    shaded_cells,
    bars_in_cells,
    marked_words,
    form,
]

"""A summary as tables, which read well in a terminal and are Markdown as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmrerank.evaluation.significance import Comparison, Interval
from mmrerank.evaluation.summary import Summary, SystemSummary
from mmrerank.terminal import clean

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_summary", "quality_cell"]

_MILLISECONDS = 1e3
_KILOBYTE = 1e3


def print_summary(console: Console, summary: Summary) -> None:
    """Print quality, differences from the first system, time and cost, and quality by type."""
    asked = [one for one in summary.systems if not one.error]
    questions = "1 question" if summary.questions == 1 else f"{summary.questions} questions"
    console.print(f"{clean(summary.data)}: {questions}. In brackets: 95 % intervals.\n")
    _quality(console, summary, asked)
    _differences(console, summary, asked)
    _costs(console, asked)
    if len(summary.types) > 1:
        _types(console, summary, asked)
    for one in summary.systems:
        if one.error:
            text = f"{one.name} failed after {one.answered} of {questions}: {one.error}"
            console.print(clean(text), style="red", markup=False, soft_wrap=True)


def quality_cell(interval: Interval) -> str:
    """A mean with its interval: ".61 (.40-.80)"."""
    return f"{_short(interval.mean)} ({_short(interval.low)}-{_short(interval.high)})"


def _short(value: float, form: str = ".2f") -> str:
    """A number without the zero before the point, so that a table fits into 80 columns."""
    return re.sub(r"^([+-]?)0\.", r"\1.", format(value, form)).replace("1.00", "1.0")


def _quality(console: Console, summary: Summary, systems: Sequence[SystemSummary]) -> None:
    rows = [
        [one.name, *(quality_cell(one.quality[name]) for name in summary.measures)]
        for one in systems
    ]
    _table(console, ["system", *summary.measures], rows)


def _differences(console: Console, summary: Summary, systems: Sequence[SystemSummary]) -> None:
    rows = [
        [one.name, name, *_comparison(own)]
        for one in systems
        for name, own in one.against_first.items()
    ]
    if rows:
        title = f"against {systems[0].name}"
        _table(console, [title, "measure", "difference", "p", "better", "worse", "equal"], rows)


def _comparison(own: Comparison) -> list[str]:
    it = own.difference
    return [
        f"{_short(it.mean, '+.2f')} ({_short(it.low, '+.2f')} to {_short(it.high, '+.2f')})",
        _short(own.p, ".3f"),
        *(str(count) for count in (own.wins, own.losses, own.ties)),
    ]


def _costs(console: Console, systems: Sequence[SystemSummary]) -> None:
    rows = [
        [
            one.name,
            _known(one.p50, _MILLISECONDS, ".0f"),
            _known(one.p95, _MILLISECONDS, ".0f"),
            str(one.requests),
            _known(one.tokens, 1, ",.0f"),
            f"{one.bytes_sent / _KILOBYTE:,.1f}",
            _known(one.cost, 1, ".3g"),
        ]
        for one in systems
    ]
    _table(console, ["system", "p50 ms", "p95 ms", "requests", "tokens", "kB sent", "cost"], rows)


def _known(value: float | None, factor: float, form: str) -> str:
    return "" if value is None else format(value * factor, form)


def _types(console: Console, summary: Summary, systems: Sequence[SystemSummary]) -> None:
    measure = summary.measures[0]
    kinds = [f"{name or 'no type'} ({count})" for name, count in summary.types.items()]
    rows = [
        [one.name, *(_short(one.by_type[name][measure]) for name in summary.types)]
        for one in systems
    ]
    _table(console, [f"{measure} by type", *kinds], rows)


def _table(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as Markdown. Rows are never cut: a narrow terminal breaks the line."""
    from rich.cells import cell_len

    lines = [[clean(cell).replace("|", "/") for cell in row] for row in (names, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    rule = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    for line in (lines[0], rule, *lines[1:]):
        gaps = [width - cell_len(cell) for cell, width in zip(line, widths, strict=True)]
        cells = [line[0] + " " * gaps[0]]
        cells += [" " * gap + cell for cell, gap in zip(line[1:], gaps[1:], strict=True)]
        console.print(f"| {' | '.join(cells)} |", soft_wrap=True, markup=False, emoji=False)
    console.print()

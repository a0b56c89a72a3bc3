"""The one progress bar, on standard error or in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["progress", "progress_bar"]

T = TypeVar("T")


def progress(
    items: Iterable[T], description: str, *, show: bool, unit: str = "done"
) -> Iterable[T]:
    """The items, with a progress bar if `show`; an item counts once the next one is requested.

    Without a known length, the bar has no end and counts the items as `unit`.
    """
    total = len(items) if isinstance(items, Sized) else None
    if not show or total == 0:
        return items
    return _counted(items, description, total, unit)


@contextmanager
def progress_bar(
    show: bool, total: int | None, what: str, *, unit: str = "done"
) -> Iterator[Callable[[int], None] | None]:
    """A progress bar while the `with` block runs.

    Gives a function to call with the number of items that were finished since the last call, or
    None if no bar is drawn: unless `show`, or with a `total` of 0. A `total` of None is unknown.
    """
    if not show or total == 0:
        yield None
        return
    with _make_bar(total, unit) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
        if total is None:
            bar.update(task, total=bar.tasks[0].completed)


def _counted(items: Iterable[T], description: str, total: int | None, unit: str) -> Iterator[T]:
    with progress_bar(True, total, description, unit=unit) as advance:
        for item in items:
            yield item
            if advance is not None:
                advance(1)


def _make_bar(total: int | None, unit: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    what = TextColumn("{task.description}", markup=False)  # a file's name may contain "[red]"
    # In a notebook, rich draws with ipywidgets, and complains where they are missing.
    has_widgets = find_spec("ipywidgets") is not None
    console = Console(stderr=True, force_jupyter=None if has_widgets else False)
    if total is None:
        count = TextColumn(f"{unit}: {{task.completed}}", markup=False)
        return Progress(what, BarColumn(), count, TimeElapsedColumn(), console=console)
    time = TimeRemainingColumn(elapsed_when_finished=True)
    return Progress(what, BarColumn(), MofNCompleteColumn(), time, console=console)

"""Progress bars, on standard error or in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

from mmrerank.optional import require

if TYPE_CHECKING:
    from rich.console import Console

import contextlib
from collections.abc import Callable
from typing import Any

__all__ = ["progress", "progress_bar"]

T = TypeVar("T")


def progress(
    items: Iterable[T], description: str, *, show: bool, unit: str = "done"
) -> Iterable[T]:
    """The items, with a progress bar on standard error (or in the notebook) where `show`.

    Where the number of items is not known beforehand, they are counted as `unit`.
    """
    count = len(items) if isinstance(items, Sized) else None
    if not show or count == 0:
        return items
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if count is None:
        return _counted(items, description, unit, console)
    return track(items, description, total=count, console=console)


def _counted(items: Iterable[T], description: str, unit: str, console: Console) -> Iterator[T]:
    """As rich's `track`, which would show "it/s"."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    what = TextColumn("{task.description}", markup=False)
    count = TextColumn(f"{unit}: {{task.completed}}")
    with Progress(what, BarColumn(), count, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(description, total=None)
        for item in items:
            yield item
            bar.advance(task)
        bar.update(task, total=bar.tasks[0].completed)


@contextlib.contextmanager
def progress_bar(show: bool, total: int, what: str) -> Iterator[Callable[[int], Any] | None]:
    """What to call with a number of finished items; None where no bar is wanted."""
    if not show:
        yield None
        return
    with require("tqdm.auto").tqdm(total=total, desc=what, unit="doc") as bar:
        yield bar.update

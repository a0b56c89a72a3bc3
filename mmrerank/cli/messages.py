"""What the command line says: on standard error, so that standard output has only results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mmrerank.errors import RerankError
from mmrerank.terminal import clean

__all__ = ["counted", "say", "say_error", "say_passed_over", "show_warning"]

_EXAMPLES = 3  # files named for each reason to pass over some

_errors = Console(stderr=True, highlight=False)


def say(line: str, style: str = "") -> None:
    """Print one line on standard error."""
    _errors.print(Text(clean(line), style=style), soft_wrap=True)


def say_error(error: RerankError) -> None:
    """Print an error as one line."""
    say(f"error: {error}", "red")


def say_passed_over(skipped: Sequence[tuple[str, str]]) -> None:
    """One line for each reason to pass over files, from (path or URL, reason), with some names."""
    for reason, count in Counter(reason for _, reason in skipped).most_common():
        names = [Path(path).name for path, why in skipped if why == reason]
        examples = ", ".join(names[:_EXAMPLES]) + (", ..." if count > _EXAMPLES else "")
        say(f"passed over {counted(count, 'file')}: {reason}: {examples}", "yellow")


def show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as one line; takes the place of `warnings.showwarning`."""
    say(f"warning: {message}", "yellow")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: "1 chunk", "2 chunks"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"

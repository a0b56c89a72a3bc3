"""What the command line says: on standard error, so that standard output has only results."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from mmrerank.errors import RerankError
from mmrerank.terminal import clean

__all__ = ["counted", "say", "say_error", "show_warning"]

_errors = Console(stderr=True, highlight=False)


def say(line: str, style: str = "") -> None:
    """Print one line on standard error."""
    _errors.print(Text(clean(line), style=style), soft_wrap=True)


def say_error(error: RerankError) -> None:
    """Print an error as one line."""
    say(f"error: {error}", "red")


def show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as one line; takes the place of `warnings.showwarning`."""
    say(f"warning: {message}", "yellow")


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 chunk", "2 chunks"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

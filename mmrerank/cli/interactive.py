"""`mmrerank search --interactive`: question after question, with everything loaded once."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator

from mmrerank.cli.messages import say, say_error
from mmrerank.errors import RerankError

__all__ = ["converse"]

_ENDS = ("exit", "quit")
_PROMPT = "question> "


def converse(answer: Callable[[str], None], first: str | None = None) -> int:
    """Pass `answer` each question, `first` before those of standard input, one a line.

    It ends with the input, at `exit` or `quit`, and at Ctrl-C in place of a question. An error, or
    Ctrl-C during an answer, ends that answer only. The exit code is 1 if an answer failed.
    """
    failures = 0
    for question in _questions(first):
        try:
            answer(question)
        except RerankError as error:
            say_error(error)
            failures += 1
        except KeyboardInterrupt:
            if not sys.stdin.isatty():  # a script must end; a person asks something else
                raise
            say("interrupted; Ctrl-D ends")
        sys.stdout.flush()  # another program may be waiting for the answer
    return 1 if failures else 0


def _questions(first: str | None) -> Iterator[str]:
    """The questions, without blank ones."""
    if first is not None:
        yield first
    for line in _lines():
        question = line.strip()
        if question.lower() in _ENDS:
            return
        if question:
            yield question


def _lines() -> Iterator[str]:
    """The lines of standard input: with a prompt and editing where a person types them."""
    if not sys.stdin.isatty():
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # one line that is not text ends nothing
        yield from sys.stdin
        return
    with contextlib.suppress(ImportError):  # Windows has none
        import readline  # noqa: F401 - editing and a history, for `input`
    say("one question a line; exit or Ctrl-D ends")
    with contextlib.suppress(EOFError):
        while True:
            yield input(_PROMPT)
    sys.stdout.write("\n")

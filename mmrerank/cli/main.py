"""The command line: one file per command in this folder.

Exit codes: 0 done, 1 something could not be done (standard error says what), 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from mmrerank import __version__
from mmrerank.cli import ask, bulk, demo, explain, files, index, search, serve
from mmrerank.cli import eval as evaluate
from mmrerank.cli.messages import say, say_error, show_warning
from mmrerank.errors import RerankError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit for wrong usage."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal or file that is not UTF-8
        sys.stdout.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            code: int = options.run(options)
    except RerankError as error:
        say_error(error)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends what is still running
        say("interrupted")
        return 130
    except BrokenPipeError:  # the reader of a pipe has ended: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mmrerank",
        description="Search documents by their text and rerank by text and figures.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (index, bulk, search, ask, explain, evaluate, files, serve, demo):
        command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`mmrerank list`, `remove` and `check`: the files of an index."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mmrerank.cli.messages import counted, say
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_lock_timeout,
    add_store,
    add_vectors,
    say_waiting,
)
from mmrerank.terminal import clean

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add the three commands to the subparsers of the command line."""
    listing = commands.add_parser("list", help="list the files of an index")
    add_store(listing)
    listing.set_defaults(run=list_files)
    removing = commands.add_parser("remove", help="remove files from an index, not from the disk")
    removing.add_argument("files", nargs="+", metavar="FILE", help="files, and folders of them")
    add_store(removing)
    add_lock_timeout(removing)
    removing.set_defaults(run=remove_files)
    checking = commands.add_parser("check", help="say what is wrong with an index, and mend it")
    add_store(checking)
    add_lock_timeout(checking)
    add_embedder(checking)
    add_vectors(checking)
    add_image_embedder(checking)
    checking.add_argument("--mend", action="store_true", help="mend what can be mended")
    checking.set_defaults(run=check_index)


def list_files(options: argparse.Namespace) -> int:
    """Print one path a line; the exit code is 0. Raises `StoreError`."""
    from mmrerank.index.index import Index

    with Index(options.store, create=False) as index:
        for record in index.files():
            sys.stdout.write(clean(record.path) + "\n")
    return 0


def remove_files(options: argparse.Namespace) -> int:
    """Remove files; the exit code is 0. Raises `DocumentError` for one that is not in the index."""
    from mmrerank.index.index import Index

    with Index(
        options.store, create=False, lock_timeout=options.lock_timeout, on_wait=say_waiting
    ) as index:
        for path in index.remove(options.files):
            say(f"removed: {path}")
    return 0


def check_index(options: argparse.Namespace) -> int:
    """Say what is wrong; the exit code is 1 if something is and was not mended.

    Raises `StoreError` if there is no index at all. One that has lost its ledger can be mended.
    """
    from mmrerank.index.index import Index
    from mmrerank.retrieval.stores import has_vectors

    is_there = options.vectors is not None or has_vectors(Path(options.store)) is not None
    with Index(
        options.store,
        create=is_there,
        embedder=options.embedder,
        vectors=options.vectors,
        image_embedder=options.image_embedder,
        lock_timeout=options.lock_timeout,
        on_wait=say_waiting,
    ) as index:
        problems = index.check(mend=options.mend)
        for problem in problems:
            say(problem.what, "yellow")
            for path in problem.files:
                say(f"  {path}")
        if not problems:
            say(f"{counted(len(index.files()), 'file')}: nothing is wrong")
        elif options.mend:
            say("mended; index the files named above again, to have them whole")
    return 1 if problems and not options.mend else 0

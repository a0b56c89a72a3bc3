"""`mmrerank index`: put files into an index."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmrerank.base import Reranker
from mmrerank.cli.messages import counted, say, say_error
from mmrerank.cli.options import add_reranker, add_store, selected_reranker
from mmrerank.errors import DocumentError, RerankError

if TYPE_CHECKING:
    from mmrerank.index.index import Index

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("index", help="put files into an index")
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="PDF, PPTX, DOCX, HTML, Markdown, images, and folders of them",
    )
    add_store(command)
    command.add_argument("--password", help="for PDFs that need one")
    command.add_argument(
        "--no-ocr", action="store_true", help="read no words in images now (search will)"
    )
    command.add_argument(
        "--warm",
        action="store_true",
        help="let --reranker read all chunks now, and keep its states beside the index",
    )
    add_reranker(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Index every file; the exit code is 1 if one of them failed.

    Raises `RerankError` if the index or the reranker cannot be used at all.
    """
    from mmrerank.index.index import Index

    index = Index(options.store, create=True)
    files, failures = _files(options.files, options.store)
    count = len(files) + failures
    with selected_reranker(options) if options.warm else contextlib.nullcontext() as reranker:
        for path in files:
            try:
                summary = _index_file(index, path, options, reranker)
            except RerankError as error:
                say_error(error)
                failures += 1
            else:
                say(f"{path}: {summary}")
    if len(index):
        say(f"{options.store}: {counted(len(index), 'chunk')} in all")
    if failures:
        say(f"{failures} of {counted(count, 'file')} could not be indexed", "red")
    return 1 if failures else 0


def _files(paths: Sequence[str], store: str) -> tuple[list[str], int]:
    """The files given, those in the folders given, and the number of folders without any."""
    from mmrerank.loaders.files import LOADERS, FolderLoader

    files: list[str] = []
    empty_folders = 0
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - strings go in and out
            files.append(path)
        elif paths_in_folder := FolderLoader(path, image_root=store).files():
            files += map(str, paths_in_folder)
        else:
            formats = ", ".join(LOADERS)
            say_error(DocumentError(path, f"has no file that can be loaded ({formats})"))
            empty_folders += 1
    return files, empty_folders


def _index_file(
    index: Index, path: str, options: argparse.Namespace, reranker: Reranker | None
) -> str:
    """Index one file and read the words in its images; a summary of what was indexed."""
    from mmrerank.index.index import load_file
    from mmrerank.ocr.reranker import OCRReranker

    chunks = load_file(
        index, path, password=options.password, ocr=False if options.no_ocr else None
    )
    images = index.images(chunks)
    if not options.no_ocr:
        OCRReranker().warm_images(images, show_progress=True)
    index.replace(chunks[0].source, chunks)
    if reranker is not None:
        reranker.warm(index.contents(chunks), show_progress=True)
    return f"{counted(len(chunks), 'chunk')}, {counted(len(images), 'image')}"

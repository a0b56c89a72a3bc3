"""`mmrerank index`: make an index equal to files and folders."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.base import Reranker
from mmrerank.cli.captions import (
    CaptionWatch,
    add_captions,
    caption_images,
    selected_captioner,
)
from mmrerank.cli.messages import counted, say, say_error, say_passed_over
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_lock_timeout,
    add_metadata,
    add_no_ocr,
    add_reranker,
    add_store,
    add_vectors,
    say_waiting,
    selected_reranker,
)
from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.optional import require

if TYPE_CHECKING:
    from mmrerank.index.index import Index
    from mmrerank.index.report import SyncReport

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser(
        "index",
        help="put files and folders into an index, and keep it equal to them",
        description="Reads new and changed files. Of the folders named, files that are gone are "
        "removed from the index. Unchanged files are not read again.",
    )
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="PDF, office, HTML, Markdown, EPUB, EML, text and image files, and folders of them",
    )
    add_store(command)
    add_embedder(command)
    add_vectors(command)
    add_image_embedder(command)
    _add_reading(command)
    add_lock_timeout(command)
    command.add_argument(
        "--watch",
        action="store_true",
        help="go on until Ctrl-C: index again whenever a file changes",
    )
    command.add_argument(
        "--warm",
        action="store_true",
        help="let --reranker read all chunks now, and keep its states beside the index",
    )
    add_reranker(command)
    add_captions(command)
    command.set_defaults(run=run)


def _add_reading(command: argparse.ArgumentParser) -> None:
    """How files are read."""
    command.add_argument("--password", help="for PDFs that need one")
    add_no_ocr(command)
    command.add_argument(
        "--verify", action="store_true", help="compare contents, not sizes and times"
    )
    add_metadata(command, "these files, for search --where")


def run(options: argparse.Namespace) -> int:
    """Index every file; the exit code is 1 if one of them failed.

    Raises `RerankError` if the index or the reranker cannot be used at all.
    """
    from mmrerank.index.index import Index
    from mmrerank.ocr.engine import has_ocr

    if not options.no_ocr and not has_ocr():
        require("rapidocr")  # says what to install, or to do without
    if options.watch:
        require("watchfiles")  # before a long sync, not after it
    given = {} if options.password is None else {"password": options.password}
    with (
        selected_captioner(options) as captioner,
        Index(
            options.store,
            embedder=options.embedder,
            vectors=options.vectors,
            image_embedder=options.image_embedder,
            metadata=lambda _: dict(options.metadata),
            ocr=False if options.no_ocr else None,
            lock_timeout=options.lock_timeout,
            on_wait=say_waiting,
            **given,
        ) as index,
        selected_reranker(options) if options.warm else nullcontext() as reranker,
    ):
        paths = _existing(options.files)
        missing = len(options.files) - len(paths)
        if not paths:
            return 1
        report = index.sync(paths, verify=options.verify, show_progress=True)
        _warm(index, report, reranker)
        failures = _say_report(report, missing)
        if not options.watch:  # else after its first sync, which is at once
            failures += caption_images(index, captioner, dry_run=options.dry_run)
        totals = counted(len(index.files()), "file"), counted(len(index), "entry", "entries")
        say(f"{options.store}: {' and '.join(totals)} in all")
        if options.watch:
            captions = CaptionWatch(index, captioner, dry_run=options.dry_run)
            _keep_in_step(index, paths, report, reranker, captions)
            return 0
    return 1 if failures else 0


def _keep_in_step(
    index: Index,
    paths: Sequence[str],
    before: SyncReport,
    reranker: Reranker | None,
    captions: CaptionWatch,
) -> None:
    """Index again at each change until Ctrl-C, and say what is new."""
    say("watching for changes; Ctrl-C ends it")
    try:
        for report in index.watch(paths, on_error=say_error):
            _warm(index, report, reranker)
            _say_report(_news(report, before))
            captions.caption()
            before = report
    except KeyboardInterrupt:  # the one way to end; within a sync it leaves a whole index too
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends what is still running
    say("stopped watching")


def _news(report: SyncReport, before: SyncReport) -> SyncReport:
    """The report without what the one before it already said."""
    known = {(path, str(error)) for path, error in before.failed}
    return replace(
        report,
        unchanged=[],
        skipped=[one for one in report.skipped if one not in before.skipped],
        failed=[one for one in report.failed if (one[0], str(one[1])) not in known],
    )


def _existing(paths: Sequence[str]) -> list[str]:
    """The paths that exist; the others are reported."""
    existing = [path for path in paths if Path(path).exists()]
    for path in paths:
        if path not in existing:
            say_error(DocumentError(path, "does not exist"))
    return existing


def _warm(index: Index, report: SyncReport, reranker: Reranker | None) -> None:
    """Let the reranker read what is new."""
    if reranker is not None:
        for path in (*report.added, *report.changed):
            reranker.warm(index.contents(index.entries(path)), show_progress=True)


def _say_report(report: SyncReport, missing: int = 0) -> int:
    """Say what was done; how many files could not be indexed, `missing` ones included."""
    changes = {"added": report.added, "changed": report.changed, "removed": report.removed}
    for verb, paths in changes.items():
        for path in paths:
            say(f"{verb}: {path}")
    if report.unchanged:
        say(f"{counted(len(report.unchanged), 'file')} unchanged")
    say_passed_over(report.skipped)
    for path, error in report.failed:
        if isinstance(error, MissingDependencyError):
            say(f"error: {path}: {error}", "red")
        else:
            say_error(error)
    failures = len(report.failed) + missing
    if failures:
        read = (report.added, report.changed, report.unchanged)
        count = failures + sum(map(len, read))
        say(f"{failures} of {counted(count, 'file')} could not be indexed", "red")
    return failures

"""`mmrerank bulk`: many documents into one index at a URL, by many processes on many machines."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from mmrerank.catalog import RERANKERS
from mmrerank.cli.captions import add_caption_form
from mmrerank.cli.messages import counted, say, say_passed_over
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_metadata,
    add_no_ocr,
    make_reranker,
    positive,
)
from mmrerank.errors import InvalidInputError
from mmrerank.ocr.engine import has_ocr
from mmrerank.optional import require

if TYPE_CHECKING:
    from mmrerank.bulk import Step
    from mmrerank.captioning import Captioner
    from mmrerank.index.report import SyncReport

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser(
        "bulk",
        help="put many documents into an index at a URL, by many processes on many machines",
        description="Reads new and changed documents with Ray, on this machine or a cluster, and "
        "removes from the index those that are gone. A document that fails costs no other; they "
        "are listed at the end. A run that was cut off is continued by the next one. Credentials "
        "come from the environment of each machine.",
    )
    command.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, which all machines see at the same path, or a URL: s3://bucket/prefix",
    )
    command.add_argument(
        "--index", required=True, metavar="URL", help="the index's URL: s3://bucket/prefix"
    )
    _add_workers(command)
    add_embedder(command)
    add_image_embedder(command)
    add_no_ocr(command)
    add_metadata(command, "all documents")
    _add_captions(command)
    _add_warming(command)
    command.set_defaults(run=run)


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--address",
        metavar="ADDRESS",
        help="the Ray cluster that this machine is a part of: auto or HOST:6379 "
        "(default: Ray on this machine alone)",
    )
    command.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="processes that read (default: one for each processor)",
    )
    command.add_argument(
        "--gpus", type=float, default=0.0, metavar="N", help="GPUs for each of them (default: 0)"
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long one document may be read (default: 600)",
    )


def _add_captions(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "captions by a vision model",
        "The images of the documents are sent to the model; the key is OPENAI_API_KEY.",
    )
    group.add_argument("--captions", metavar="MODEL", help="let this model describe images")
    group.add_argument("--captions-url", metavar="URL", help="its address, if not OpenAI's")
    add_caption_form(group)


def _add_warming(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "states of a local reranker, kept beside the index: Reuse(remote=URL)"
    )
    group.add_argument(
        "--warm",
        choices=[row.name for row in RERANKERS],
        metavar="NAME",
        help="let this local reranker read all chunks and figures now",
    )
    group.add_argument("--model", metavar="MODEL", help="its model: a path or a hub id")
    group.add_argument(
        "--states",
        choices=("vision", "all"),
        default="vision",
        help="keep what its vision tower makes of images, or all states too (default: vision)",
    )


def run(options: argparse.Namespace) -> int:
    """Do the work; the exit code is 1 if a document failed. Raises `RerankError`."""
    if not options.no_ocr and not has_ocr():
        require("rapidocr")
    from mmrerank.bulk import Workers, bulk

    report = bulk(
        options.source,
        options.index,
        workers=Workers(options.address, options.workers, options.gpus),
        embedder=options.embedder,
        image_embedder=options.image_embedder,
        ocr=not options.no_ocr,
        metadata=dict(options.metadata),
        timeout=options.timeout,
        captions=_captions(options),
        warming=_warming(options),
        show_progress=True,
    )
    return _say_report(report)


def _captions(options: argparse.Namespace) -> Step | None:
    """What captions images. Raises `InvalidInputError` for options without `--captions`."""
    from mmrerank.bulk import Step

    given = (options.captions, options.captions_url, options.caption_dialect, options.language)
    if options.captions is None:
        if options.captions_url or options.language:
            raise InvalidInputError("--captions-url and --language need --captions MODEL")
        return None
    return Step(partial(_make_captioner, *given), repr(given))


def _make_captioner(
    model: str, base_url: str | None, dialect: Any, language: str | None
) -> Captioner:
    from mmrerank.captioning import Captioner, OpenAICaptions

    return Captioner(OpenAICaptions(model, base_url=base_url, dialect=dialect), language=language)


def _warming(options: argparse.Namespace) -> Step | None:
    """What warms documents. Raises `InvalidInputError` for a reranker that keeps no states."""
    from mmrerank.bulk import Step

    if options.warm is None:
        if options.model:
            raise InvalidInputError("--model needs --warm NAME")
        return None
    from mmrerank.local.cache.memory import Reuse

    reuse = Reuse(remote=options.index, remote_states=options.states, memory=64 * 2**20)
    given = options.warm, options.model, options.states
    return Step(partial(make_reranker, options.warm, model=options.model, reuse=reuse), repr(given))


def _say_report(report: SyncReport) -> int:
    """Say what was done, and which documents failed."""
    for verb, names in (
        ("added", report.added),
        ("changed", report.changed),
        ("removed", report.removed),
        ("unchanged", report.unchanged),
    ):
        if names:
            say(f"{verb}: {counted(len(names), 'document')}")
    say_passed_over(report.skipped)
    for _, error in report.failed:
        say(f"failed: {error}", "red")
    if report.failed:
        say(f"{counted(len(report.failed), 'document')} failed", "red")
    return 1 if report.failed else 0

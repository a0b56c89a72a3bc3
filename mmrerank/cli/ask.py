"""`mmrerank ask`: search an index, and let a language model answer from what was found."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from rich.console import Console

from mmrerank.answers.chunks import hit_chunk
from mmrerank.answers.openai_chat import OpenAIChat
from mmrerank.answers.prompt import ImagesMode, PromptBuilder
from mmrerank.answers.rag import Measured
from mmrerank.cli.messages import say
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_no_ocr,
    add_reranker,
    add_store,
    positive,
    selected_reranker,
)
from mmrerank.display.terminal_sources import print_sources
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.terminal import clean

if TYPE_CHECKING:
    from mmrerank.answers.parts import Prompt

__all__ = ["add_command", "run"]

_PREFIX = "reranker-"  # of the reranker's options: --model is the language model here


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser(
        "ask",
        help="let a language model answer a question from an index",
        description="Searches, reranks, and sends the best results with their images to a model "
        "behind OpenAI's API, or an address that speaks it. The key is read from OPENAI_API_KEY.",
    )
    command.add_argument("question")
    add_store(command)
    add_embedder(command)
    add_image_embedder(command)
    command.add_argument("--model", required=True, metavar="NAME", help="the model that answers")
    command.add_argument(
        "--base-url", metavar="URL", help="its address, if not OPENAI_BASE_URL or OpenAI's own"
    )
    command.add_argument(
        "--images",
        choices=get_args(ImagesMode),
        default="auto",
        help="send images, or the words that were read in them (for a model that reads text "
        "only), or none (default: auto, which sends them)",
    )
    for name, default, what in (
        ("--max-images", 8, "images sent, at most"),
        ("--top-n", 5, "results that the model reads"),
        ("--fetch-k", 50, "candidates"),
    ):
        command.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{what} (default: {default})"
        )
    add_reranker(command, _PREFIX)
    add_no_ocr(command, "images that are not known yet")
    command.add_argument("--json", action="store_true", help="print answer and sources as JSON")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the answer as it arrives, then the sources that it cites; the exit code is 0.

    Raises `RerankError` if the index cannot be searched, or the model does not answer.
    """
    measured = Measured()
    usage: dict[str, int] = {}
    with OpenAIChat(options.model, base_url=options.base_url) as chat:
        prompt = _prompt(options, measured)
        pieces: list[str] = []
        with measured.stage("answer"):
            started = time.perf_counter()
            for piece in chat.stream(prompt, usage.update):
                if not pieces:
                    measured.add("first_piece", time.perf_counter() - started)
                pieces.append(piece)
                if not options.json:
                    sys.stdout.write(clean(piece))
                    sys.stdout.flush()
    facts = {
        "timings": measured.timings,
        "usage": usage,
        "rerank_usage": [dataclasses.asdict(one) for one in measured.rerank_usage],
    }
    _show_sources(prompt, "".join(pieces), facts if options.json else None)
    return 0


def _prompt(options: argparse.Namespace, measured: Measured) -> Prompt:
    """The prompt of what the index has about the question."""
    from mmrerank.index.index import Index

    ocr = has_ocr() and not options.no_ocr
    builder = PromptBuilder(
        images=options.images,
        max_images=options.max_images,
        on_image_error="warn",
        reader=ImageReader(default_cache_dir(), ocr=ocr),
    )
    with (
        Index(
            options.store,
            create=False,
            embedder=options.embedder,
            image_embedder=options.image_embedder,
        ) as index,
        selected_reranker(options, _PREFIX) as reranker,
    ):
        with measured.searching():
            hits = index.search(
                options.question, reranker, top_n=options.top_n, fetch_k=options.fetch_k
            )
        if not hits:
            say("nothing was found")
        with measured.stage("prompt"):
            chunks = [hit_chunk(hit, index.image_root) for hit in hits]
            return builder.build(options.question, chunks)


def _show_sources(prompt: Prompt, answer: str, facts: dict[str, Any] | None) -> None:
    """The sources that the answer cites; as JSON, with the answer, if there are `facts` to add."""
    cited = prompt.citations.parse(answer)
    if facts is not None:
        row = {
            "answer": answer,
            "citations": [{"label": c.label, **dataclasses.asdict(c)} for c in cited.citations],
            "unknown": list(cited.unknown),
            **facts,
        }
        sys.stdout.write(json.dumps(row, indent=2) + "\n")
    else:
        sys.stdout.write("\n\n" if cited.citations else "\n")
        print_sources(Console(highlight=False), cited.citations)
    for line in _remarks(cited.unknown, has_sources=bool(cited.citations)):
        say(line, "yellow")


def _remarks(unknown: tuple[str, ...], *, has_sources: bool) -> Iterator[str]:
    if not has_sources:
        yield "the answer cites none of the sources that it was given"
    if unknown:
        yield f"the answer cites what it was not given: {', '.join(unknown)}"

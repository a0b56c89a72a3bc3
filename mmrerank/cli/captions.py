"""`mmrerank index --captions`: what a vision model says of the images of an index."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmrerank.captioning.openai_model import DIALECTS
from mmrerank.cli.messages import counted, say, say_error
from mmrerank.cli.options import positive
from mmrerank.errors import InvalidInputError, RerankError

if TYPE_CHECKING:
    from mmrerank.captioning import Captioner
    from mmrerank.index.captions import CaptionReport
    from mmrerank.index.index import Index

__all__ = [
    "CaptionWatch",
    "add_caption_form",
    "add_captions",
    "caption_images",
    "selected_captioner",
]


def add_captions(command: argparse.ArgumentParser) -> None:
    """`--captions MODEL` and what goes with it; `--base-url` is shared with `--reranker`."""
    group = command.add_argument_group(
        "captions by a vision model",
        "The images of the index are sent to the model, each once; the key is OPENAI_API_KEY. "
        "If it is interrupted, the next call continues.",
    )
    group.add_argument(
        "--captions",
        metavar="MODEL",
        help="let this model describe images; --base-url is its address",
    )
    add_caption_form(group)
    group.add_argument(
        "--caption-budget", type=positive, metavar="N", help="send at most N images in this run"
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="index, then say what captions would cost; send nothing",
    )


def add_caption_form(group: argparse._ArgumentGroup) -> None:
    """`--caption-dialect` and `--language`: how captions are asked for."""
    group.add_argument(
        "--caption-dialect",
        choices=DIALECTS,
        default="openai",
        help="how the server is asked for JSON: text is by the prompt alone (default: openai)",
    )
    group.add_argument(
        "--language", metavar="NAME", help="language of the captions, such as German"
    )


@contextmanager
def selected_captioner(options: argparse.Namespace) -> Iterator[Captioner | None]:
    """The captioner of `--captions`; None without. It takes `--base-url` from the reranker.

    Raises `InvalidInputError` for options without `--captions`, and what `OpenAICaptions` raises.
    """
    if options.captions is None:
        for name in ("language", "caption_budget", "dry_run"):
            if getattr(options, name):
                raise InvalidInputError(f"--{name.replace('_', '-')} needs --captions MODEL")
        yield None
        return
    from mmrerank.captioning import Captioner, OpenAICaptions

    base_url, options.base_url = options.base_url, None
    model = OpenAICaptions(options.captions, base_url=base_url, dialect=options.caption_dialect)
    captioner = Captioner(model, language=options.language, max_images=options.caption_budget)
    try:
        yield captioner
    finally:
        model.close()
        captioner.cache.close()


def caption_images(index: Index, captioner: Captioner | None, *, dry_run: bool) -> int:
    """Ask for captions of the images that have none, or say the cost; returns how many failed."""
    if captioner is None:
        return 0
    if dry_run:
        say(f"captions: {index.caption_cost(captioner)}; nothing was sent")
        return 0
    report = index.caption(captioner, show_progress=True)
    _say_report(report)
    return len(report.failed)


class CaptionWatch:
    """Captions of what is new after each sync of a watch. An error is said, and ends nothing."""

    def __init__(self, index: Index, captioner: Captioner | None, *, dry_run: bool) -> None:
        self._index, self._captioner, self._dry_run = index, captioner, dry_run
        self._said: set[tuple[str, str]] = set()  # failures

    def caption(self) -> None:
        """Ask about images without a caption, those that failed before among them."""
        if self._captioner is None:
            return
        try:
            if self._dry_run:
                caption_images(self._index, self._captioner, dry_run=True)
                return
            report = self._index.caption(self._captioner, show_progress=True)
        except RerankError as error:
            say_error(error)
            return
        failed = [one for one in report.failed if (one[0], str(one[1])) not in self._said]
        if report.written or report.left or failed:
            _say_report(replace(report, unchanged=0, failed=failed))
        self._said.update((ref, str(error)) for ref, error in failed)


def _say_report(report: CaptionReport) -> None:
    say(f"captions: {counted(report.written, 'image')} described by the model")
    if report.unchanged:
        say(f"{counted(report.unchanged, 'image')} had a caption")
    if report.left:
        say(f"{counted(report.left, 'image')} left for the next time", "yellow")
    for reason, count in Counter(str(error) for _, error in report.failed).most_common():
        names = [Path(ref).name for ref, error in report.failed if str(error) == reason]
        say(f"no caption of {counted(count, 'image')} ({names[0]}): {reason}", "red")

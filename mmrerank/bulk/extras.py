"""What may be done with a document beyond its place in the index: captions, and warming."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

from mmrerank.base import Reranker
from mmrerank.bulk.job import CAPTIONS, WARMING, Job
from mmrerank.bulk.marks import Marks, mark_of
from mmrerank.errors import CaptionError, ImageError
from mmrerank.index.captions import caption_rows, generated_captions
from mmrerank.index.lance.storage import Place
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.parts import Parts
from mmrerank.index.writer import Writer
from mmrerank.types import Image

if TYPE_CHECKING:
    from mmrerank.captioning import Captioned, Captioner

__all__ = ["Extras"]


class Extras:
    """Captions and warms documents, and says which marks are to be set for it."""

    def __init__(self, job: Job, parts: Parts, writer: Writer) -> None:
        self._job, self._parts, self._writer = job, parts, writer
        self._place = Place(job.url, job.storage)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @cached_property
    def _captioner(self) -> Captioner:
        return self._job.captioner()

    @cached_property
    def _reranker(self) -> Reranker:
        return self._closing.enter_context(self._job.reranker())

    def do(self, record: FileRecord, entries: Sequence[Entry]) -> tuple[str, dict[str, str]]:
        """What is not marked as done; why something is still left to do, or "", and the marks to be
        set by kind.

        Raises what each other document would raise too: `StoreError`, a model that cannot be used.
        """
        steps = (
            (CAPTIONS, self._job.captions, self._caption),
            (WARMING, self._job.warming, self._warm),
        )
        reasons: list[str] = []
        marks: dict[str, str] = {}
        mark = mark_of(record)
        for kind, step, work in steps:
            if step is None or Marks(self._place, kind, step.settings).has(mark):
                continue
            if reason := work(entries):
                reasons.append(reason)
            else:
                marks[kind] = mark
        return "; ".join(reasons), marks

    def _caption(self, entries: Sequence[Entry]) -> str:
        captioner, images = self._captioner, self._without_caption(entries)
        outcomes = captioner.caption(list(images.values()))
        found = dict(zip(images, outcomes, strict=True))
        self._writer.set_captions(caption_rows(found, captioner.model.name, self._parts.embedder))
        return _left(outcomes)

    def _without_caption(self, entries: Sequence[Entry]) -> dict[str, Image]:
        """The images of a document without a caption by this captioner, by reference."""
        ledger, root = self._parts.ledger, self._parts.image_root
        refs = list(dict.fromkeys(ref for entry in entries for ref in entry.images))
        ledger.fetch_images(entries)
        have = {ref: one.key for ref, one in generated_captions(ledger, refs).items()}
        images = {ref: Image(path=root / ref, root=root) for ref in refs}
        return {r: one for r, one in images.items() if not self._captioner.made(have.get(r), one)}

    def _warm(self, entries: Sequence[Entry]) -> str:
        reranker = self._reranker
        before = _lost(reranker)
        reranker.warm([content for content, _ in self._parts.searcher.contents(list(entries))])
        lost = _lost(reranker) - before
        return f"{lost} of its states could not be written to object storage" if lost else ""


def _left(outcomes: Sequence[Captioned]) -> str:
    """Why images have no caption yet, or ""; a refusal or a damaged image is final."""
    final = (CaptionError, ImageError)
    errors = [one.error for one in outcomes if one.error is not None]
    again = [error for error in errors if not isinstance(error, final)]
    if again:
        return f"no caption of {len(again)} of its images: {again[0]}"
    left = sum(one.caption is None and one.error is None for one in outcomes)
    return f"{left} of its images were not captioned yet" if left else ""


def _lost(reranker: Reranker) -> int:
    """How many states were not written so far."""
    info = getattr(reranker, "cache_info", None)
    return int(info().remote_dropped) if info is not None else 0

"""Drafts of questions from an index, which a person makes into questions.

Nothing is asked of a model. A draft has the caption of a figure or the heading of a section in the
place of the question, the evidence, and a snippet of what stands there. It is marked as a draft, and
`read_questions` refuses it until somebody has written the question and taken the mark out.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmrerank.errors import InvalidInputError
from mmrerank.filesystem import write_atomically
from mmrerank.index.index import Index
from mmrerank.index.ledger import Entry
from mmrerank.ocr.words import loader_facts
from mmrerank.terminal import snippet
from mmrerank.types import Image

__all__ = ["draft_questions", "write_drafts"]

_SNIPPET = 300  # columns
_QUOTE = 80  # characters of a text span


def write_drafts(index: Index, path: Path, count: int) -> int:
    """Write at most `count` drafts to a new file; their number.

    Raises `InvalidInputError` if the file exists, since somebody may have worked on it, or if the
    index has nothing to ask about.
    """
    if path.exists():
        raise InvalidInputError(f"{path} exists already; name another file")
    rows = list(itertools.islice(draft_questions(index), count))
    if not rows:
        raise InvalidInputError("the index has no captions and no headings to draft questions from")
    lines = [
        json.dumps({"id": f"q{number}", **row}, ensure_ascii=False)
        for number, row in enumerate(rows, start=1)
    ]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    return len(rows)


def draft_questions(index: Index) -> Iterator[dict[str, Any]]:
    """Drafts, one of each file in turn, figures before text."""
    paths = [record.path for record in index.files()]
    names = _short_names(paths)
    drafts = [_of_file(index, path, names[path]) for path in paths]
    while drafts:
        following = [(one, next(one, None)) for one in drafts]
        yield from (row for _, row in following if row is not None)
        drafts = [one for one, row in following if row is not None]


def _short_names(paths: Sequence[str]) -> dict[str, str]:
    """The shortest end of each path that no other path has."""
    names: dict[str, str] = {}
    for path in paths:
        parts = Path(path).parts
        ends = (os.path.join(*parts[-n:]) for n in range(1, len(parts) + 1))
        names[path] = next(
            (end for end in ends if sum(Path(p).match(end) for p in paths) == 1), path
        )
    return names


def _of_file(index: Index, path: str, name: str) -> Iterator[dict[str, Any]]:
    entries = index.entries(path)
    figures = (_figure(index, entry, name) for entry in entries if entry.kind == "figure")
    yield from (row for row in figures if row is not None)
    sections: set[str] = set()
    for entry in entries:
        section = str(entry.metadata.get("section") or "").strip()
        if entry.kind != "figure" and section and section not in sections:
            sections.add(section)
            yield _draft(section, "text", _text_evidence(entry, name), entry.text)


def _figure(index: Index, entry: Entry, name: str) -> dict[str, Any] | None:
    """A draft about a figure with a caption; None for one without."""
    image = Image(path=index.image_root / entry.images[0], root=index.image_root)
    caption = " ".join(str(loader_facts(image, entry.path).get("caption") or "").split())
    if not caption:
        return None
    evidence: dict[str, Any] = {"file": name, "figure": caption}
    return _draft(caption, "figure", _with_page(evidence, entry), entry.text)


def _text_evidence(entry: Entry, name: str) -> dict[str, Any]:
    """The page; of a file without pages, the words with which the chunk begins."""
    if entry.page:
        return _with_page({"file": name}, entry)
    return {"file": name, "text": " ".join(entry.text.split())[:_QUOTE]}


def _with_page(evidence: dict[str, Any], entry: Entry) -> dict[str, Any]:
    return {**evidence, "page": entry.page} if entry.page else evidence


def _draft(about: str, kind: str, evidence: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "draft": True,
        "question": about,
        "type": kind,
        "evidence": [evidence],
        "snippet": snippet(text, width=_SNIPPET),
    }

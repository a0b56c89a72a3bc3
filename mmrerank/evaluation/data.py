"""Questions with known evidence, wherever they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mmrerank.types import Content, Image

__all__ = ["EvaluationData", "Evidence", "Question", "document_file", "document_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where an answer stands: a whole file, or one page, figure or text span of it.

    `file` is a file's name, or the end of its path. `page` counts from 1. `figure` is in the
    figure's caption ("Figure 4"), or the name of its image in an index. `text` is in the text of a
    result, whatever its white space. What is given must all hold. `relevance` is at least 1, higher
    for better evidence.
    """

    file: str
    page: int | None = None
    figure: str = ""
    text: str = ""
    relevance: int = 1

    @property
    def id(self) -> str:
        """How runs and qrels name it: "report.pdf#page=4&figure=Figure%204"."""
        parts = {"page": self.page, "figure": self.figure, "text": self.text}
        named = "&".join(f"{key}={quote(str(value))}" for key, value in parts.items() if value)
        return f"{quote(self.file)}#{named}" if named else quote(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, as text, as an image or both, and its evidence.

    `type` groups questions in reports. `within` restricts the search to a file.
    """

    id: str
    question: str
    evidence: Sequence[Evidence]
    type: str = ""
    answer: str = ""
    image: Path | None = None
    within: str | None = None

    @property
    def content(self) -> Content:
        """What is searched for."""
        images = [] if self.image is None else [Image.from_path(self.image)]
        return Content(self.question or None, images)

    @property
    def fingerprint(self) -> str:
        """A hash of all that a ranking depends on; the answer and the type are not part of it."""
        facts: dict[str, Any] = {
            "question": self.question,
            "evidence": [asdict(one) for one in self.evidence],
            "within": self.within,
        }
        if self.image is not None:
            facts["image"] = hashlib.sha256(self.image.read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationData:
    """Questions, and the files that are searched.

    `documents` are files and folders to index; none for an index that is there. In a collection,
    each file is one document, which is named by its id (see `document_file`). `loader_options` say
    how files are read.
    """

    name: str
    questions: Sequence[Question]
    documents: Sequence[Path] = ()
    is_collection: bool = False
    loader_options: Mapping[str, Any] = field(default_factory=dict)

    def unit(self, evidence: Evidence) -> str:
        """How runs and qrels name evidence: in a collection, by the document's own id."""
        return document_id(evidence.file) if self.is_collection else evidence.id

    @property
    def qrels(self) -> dict[str, dict[str, int]]:
        """The relevance of each piece of evidence, by question."""
        return {
            question.id: {self.unit(one): one.relevance for one in question.evidence}
            for question in self.questions
        }


def document_file(name: str, suffix: str) -> str:
    """The name of the file that holds a document of a collection."""
    return quote(name, safe="").replace(".", "%2E") + suffix


def document_id(file: str) -> str:
    """The id of the document of a collection that a file holds."""
    return unquote(Path(file).stem)

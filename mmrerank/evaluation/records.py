"""What a system answered, question by question, kept so that an interrupted evaluation goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmrerank.evaluation.data import Question
from mmrerank.index.hits import Hit, HitImage, HitPart

__all__ = ["Counts", "Record", "Records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the rerankers' calls for one question used; `tokens` is None where nobody counted them."""

    requests: int = 0
    documents: int = 0
    images: int = 0
    bytes_sent: int = 0
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A system's answer to one question.

    `ranking` is that of `ranking_of`. `hits` are the first results as plain data. `seconds` is the
    time of the whole search; `is_first` says that models were loaded in it.
    """

    id: str
    fingerprint: str
    ranking: Sequence[str]
    hits: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0
    is_first: bool = False
    counts: Counts = field(default_factory=Counts)

    def results(self) -> list[Hit]:
        """The first results."""
        return [_hit(row) for row in self.hits]


def _hit(row: Mapping[str, Any]) -> Hit:
    return Hit(
        **{
            **row,
            "images": [
                HitImage(**{**image, "box": _box(image.get("box"))}) for image in row["images"]
            ],
            "parts": [HitPart(**part) for part in row.get("parts", ())],
            "also_in": [(source, page) for source, page in row["also_in"]],
            "box": _box(row.get("box")),
        }
    )


def _box(value: Any) -> Any:
    return tuple(value) if value is not None else None


class Records:
    """The records of one system over one state of the documents: a file of JSON lines.

    Each record is a line that is written whole; a line that a killed process left unfinished is
    passed over.
    """

    def __init__(self, folder: Path, system: str, key: str) -> None:
        name = re.sub(r"[^\w.-]+", "_", system)[:60]
        self.path = folder / f"{name}-{key[:16]}.jsonl"
        self._known: dict[str, Record] = {}
        for line in self._lines():
            try:
                row = json.loads(line)
                record = Record(**{**row, "counts": Counts(**row["counts"])})
            except (ValueError, TypeError, KeyError):  # the end of a file that was cut off
                continue
            self._known[record.id] = record

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines()

    def known(self, question: Question) -> Record | None:
        """The record of a question, unless the question or its evidence has changed since."""
        record = self._known.get(question.id)
        is_same = record is not None and record.fingerprint == question.fingerprint
        return record if is_same else None

    def add(self, record: Record) -> None:
        """Keep a record. Raises OSError."""
        self._known[record.id] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A line feed before each line ends one that was cut off.
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(record), default=str))

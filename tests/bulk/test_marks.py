"""Marks say which documents are done, with which content and settings."""

from __future__ import annotations

from dataclasses import replace

from mmrerank.bulk.marks import Marks, mark_of
from mmrerank.index.lance.storage import Place
from mmrerank.index.ledger import FileRecord


def test_marks(url, storage):
    place = Place(url, storage)
    record = FileRecord("a.pdf", 1, 2, "options", "digest")
    marks = Marks(place, "warming", "m0")
    assert marks.all() == set()
    assert not marks.has(mark_of(record))
    marks.add(mark_of(record))
    marks.add(mark_of(replace(record, modified=3)))  # the same content
    assert marks.all() == {mark_of(record)}
    assert marks.has(mark_of(record))
    assert not marks.has(mark_of(replace(record, digest="other")))
    assert Marks(place, "warming", "another").all() == Marks(place, "captions", "m0").all() == set()
    marks.remove([mark_of(record)])
    assert marks.all() == set()

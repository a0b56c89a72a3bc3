"""Storage that fails in the middle of a sync: an error, and nothing half-written."""

from __future__ import annotations

import dataclasses

import pytest
from helpers import make_texts
from object_storage import gate

from mmrerank import StoreError
from mmrerank.index.index import Index


@pytest.mark.slow
@pytest.mark.parametrize("last", [0, 3])
def test_storage_that_fails_after_some_files(s3_place, tmp_path, monkeypatch, last):
    url, storage = s3_place
    docs = make_texts(tmp_path / "docs", 6, "word")
    monkeypatch.setattr("mmrerank.index.lance.writer._ROWS", 2)  # a commit for each file
    with gate(storage.options["aws_endpoint"]) as way:
        options = {**storage.options, "aws_endpoint": way.endpoint}
        storage = dataclasses.replace(storage, options=options, timeout=2.0)

        def shut(path):
            way.is_shut = way.is_shut or path.name == f"{last}.md"
            return {}

        error = pytest.raises(StoreError, match=r"cannot be (read|written)")
        with Index(url, storage=storage, ocr=False, metadata=shut) as index, error:
            index.sync(docs)
        way.is_shut = False
        with Index(url, storage=storage, ocr=False) as index:
            assert len(index.files()) == last
            assert index.check() == []
            report = index.sync(docs)
            assert len(report.added) == 6 - last
            assert len(index) == len(index.search("granite", top_n=9, fetch_k=9)) == 6
            assert index.check() == []

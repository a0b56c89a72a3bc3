"""Jobs on an index of files, and S3 on loopback whose credentials are in the environment."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest
from object_storage import s3_server

from mmrerank.bulk.actor import DocumentActor
from mmrerank.bulk.job import Job
from mmrerank.bulk.reading import Reading
from mmrerank.bulk.source import open_source
from mmrerank.index.homes import index_home
from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Storage
from mmrerank.index.parts import indexing


@pytest.fixture(scope="session")
def s3():
    with s3_server() as options:
        yield options


@pytest.fixture
def bucket(s3, monkeypatch):
    """`bucket("docs")` is the URL of a new folder of this name."""
    for name, value in s3.items():
        monkeypatch.setenv(name.upper() if name.startswith("aws") else f"AWS_{name.upper()}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return lambda name: f"s3://bucket/{uuid.uuid4().hex}/{name}"


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


@pytest.fixture
def storage(tmp_path):
    return Storage(cache_dir=tmp_path / "cache", retries=1, timeout=10.0)


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/index"


@pytest.fixture
def opened(url, storage):
    """`opened()` is the index as it is now."""
    with ExitStack() as closing:
        yield lambda: closing.enter_context(Index(url, storage=storage, ocr=False, create=False))


@pytest.fixture
def actor(docs, url, storage, tmp_path):
    """`actor(**options)` works on documents in this process."""
    closing = ExitStack()

    def make(source=docs, **options):
        reading = Reading(ocr=False)
        job = Job(
            source=open_source(source, storage),
            url=url,
            storage=storage,
            reading=reading,
            **({"timeout": 60.0, "scratch": str(tmp_path)} | options),
        )
        parts = index_home(url, storage).opened(job.embedder, job.image_embedder, 60.0, None)
        with indexing(parts, reading.reader(parts.image_root), 60.0, None, recover=True):
            pass
        made = DocumentActor(job)
        closing.callback(made.close)
        return made

    with closing:
        yield make


@pytest.fixture
def outcomes():
    """`outcomes(actor)` works on all documents of its source; what became of each, by name."""

    def work(actor):
        found = actor._job.source.listing(exclude=actor._job.url).documents
        columns = {
            "name": [one.name for one in found],
            "size": [one.size for one in found],
            "modified": [one.modified for one in found],
        }
        results = actor(columns)
        rows = zip(*results.values(), strict=True)
        return {name.rpartition("/")[2]: tuple(rest) for name, *rest in rows}

    return work

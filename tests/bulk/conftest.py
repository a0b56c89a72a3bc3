"""Jobs on an index of files, and S3 on loopback whose credentials are in the environment."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest
from object_storage import s3_server

from mmrerank.bulk.actor import DocumentActor, batch_of, columns_of
from mmrerank.bulk.committer import Committer
from mmrerank.bulk.job import CAPTIONS, WARMING, Job, task_of
from mmrerank.bulk.marks import Marks
from mmrerank.bulk.reading import Reading
from mmrerank.bulk.source import open_source
from mmrerank.bulk.staging import StagingArea
from mmrerank.index.homes import index_home
from mmrerank.index.index import Index
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.storage import Place, Storage
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.lance.writer import LanceWriter
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
            **({"timeout": 60.0, "scratch": str(tmp_path), "run": "test"} | options),
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
def worked():
    """`worked(actor)` is the result of an actor for all documents of its source, or those given, as
    one batch."""

    def work(actor, documents=None):
        job = actor._job
        ledger = LanceLedger(Place(job.url, job.storage), job.storage.cache_dir)
        known = {file.path: file for file in ledger.files()}
        found = documents or job.source.listing(exclude=job.url).documents
        rows = columns_of([task_of(one, known.get(one.name), job.reading) for one in found])
        (said,) = actor({name: [row[name] for row in rows] for name in rows[0]})["result"]
        return batch_of({"result": said})

    return work


@pytest.fixture
def committer():
    """`committer(job)` commits what the actors of a job have staged."""

    def make(job):
        place = Place(job.url, job.storage)
        ledger = LanceLedger(place, job.storage.cache_dir)
        writer = LanceWriter(place, ledger, LanceVectors(ledger))
        steps = {CAPTIONS: job.captions, WARMING: job.warming}
        marks = {k: Marks(place, k, one.settings) for k, one in steps.items() if one}
        return Committer(StagingArea(place, job.run), writer, marks)

    return make


@pytest.fixture
def outcomes(worked, committer):
    """`outcomes(actor)` works on all documents of its source, and commits what came of them; the
    status, reason and warnings of each, by name."""

    def work(actor):
        batch = worked(actor)
        commits = committer(actor._job)
        commits.take(batch)
        commits.commit()
        results = batch.results
        return {r.name.rpartition("/")[2]: (r.status, r.reason, r.warnings) for r in results}

    return work

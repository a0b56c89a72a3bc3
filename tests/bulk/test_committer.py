"""What many batches have staged becomes few commits, which may be repeated."""

from __future__ import annotations

import json
from functools import partial

import pytest
from cli_helpers import make_pdf
from helpers import image_file, make_texts

from mmrerank import StoreError
from mmrerank.bulk import Step
from mmrerank.bulk.marks import Marks
from mmrerank.bulk.staging import StagingArea
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.index.lance.table import Table
from mmrerank.testing import LocalChatServer


@pytest.fixture
def pictures(docs):
    for name in ("a", "b"):  # two documents with the same picture
        make_pdf(docs / f"{name}.pdf", f"Hall {name}. See Figure 1.", image=image_file((300, 100)))
    return docs


@pytest.fixture
def batches(actor, worked):
    """Each document as a batch of its own."""

    def make(**options):
        made = actor(**options)
        documents = made._job.source.listing(exclude=made._job.url).documents
        return made._job, [worked(made, [document]) for document in documents]

    return make


def test_batches_within_the_pause_are_one_commit(docs, batches, committer, opened, monkeypatch):
    make_texts(docs, 6, "word")
    job, found = batches()
    merges, merge = [], Table.merge
    monkeypatch.setattr(
        Table, "merge", lambda self, *a, **o: (merges.append(1), merge(self, *a, **o))
    )
    commits = committer(job)
    for batch in found:
        commits.take(batch)
    assert merges == []
    commits.commit()
    assert merges == [1]
    assert len(opened().files()) == 6
    assert opened().check() == []
    commits.commit()
    assert merges == [1]


def test_many_rows_are_committed_at_once(docs, batches, committer, opened, monkeypatch):
    monkeypatch.setattr("mmrerank.bulk.committer._ROWS", 5)
    make_texts(docs, 3, "word")  # of two rows each
    job, (first, second, third) = batches()
    commits = committer(job)
    commits.take(first)
    commits.take(second)
    commits.take(third)
    assert len(opened().files()) == 3


def test_the_pause_grows_with_the_commits(docs, batches, committer, monkeypatch):
    make_texts(docs, 1, "word")
    job, (batch,) = batches()
    now = [0.0]
    monkeypatch.setattr("mmrerank.bulk.committer.time.monotonic", lambda: now[0])
    commits, done = committer(job), []

    def commit(*_):
        done.append(now[0])
        now[0] += 30.0

    monkeypatch.setattr(commits, "_commit", commit)
    for at in (5.0, 11.0, 60.0, 150.0, 162.0):
        now[0] = max(now[0], at)
        commits.take(batch)
    assert done == [11.0, 162.0]  # 41 + four times 30


def test_one_picture_in_several_documents(pictures, batches, committer, opened):
    job, found = batches()
    commits = committer(job)
    for batch in found:
        commits.take(batch)
    commits.commit()
    index = opened()
    (ref,) = index._open().ledger.images()
    assert list(index._open().ledger.pictures([ref])) == [ref]
    assert index._open().ledger.figures_without_picture() == []
    assert index.check() == []


def captioner(server, cache):
    client = OpenAICaptions("teller", base_url=server.base_url, api_key=server.api_key)
    return Captioner(client, cache=cache)


SAID = {"text_in_image": [], "data_points": [], "brief": "A boat.", "detailed": "", "keywords": []}


@pytest.mark.slow
def test_a_failed_commit_is_repeated_and_marks_come_last(
    pictures, batches, committer, opened, tmp_path, monkeypatch
):
    monkeypatch.setattr("mmrerank.bulk.patience._PAUSE", 0.01)
    with LocalChatServer(SAID) as server:
        step = Step(partial(captioner, server, tmp_path / "captions.sqlite3"), "teller")
        job, found = batches(captions=step)
    commits, log = committer(job), []
    merge, add, remove = Table.merge, Marks.add, StagingArea.remove

    def noted(what, method, failures):
        def call(self, *args, **options):
            log.append(what)
            if failures:
                raise failures.pop()
            return method(self, *args, **options)

        return call

    monkeypatch.setattr(Table, "merge", noted("merge", merge, [StoreError("away")]))
    monkeypatch.setattr(Marks, "add", noted("mark", add, [StoreError("away")]))
    monkeypatch.setattr(StagingArea, "remove", noted("remove", remove, []))
    for batch in found:
        commits.take(batch)
    commits.commit()
    assert [log[0], *log[1:4], *log[-3:]] == ["merge"] * 4 + ["mark", "mark", "remove"]
    index = opened()
    assert index.check() == []
    assert len(index.files()) == 2
    (kept,) = index._open().ledger.captions(None)
    assert json.loads(kept[3])["brief"] == "A boat."
    commits.take(found[0])  # whose file is gone: it is not passed over
    with pytest.raises(StoreError, match="cannot be read"):
        commits.commit()


def test_staged_files_that_cannot_be_removed_are_committed_once(
    docs, batches, committer, opened, monkeypatch
):
    make_texts(docs, 2, "word")
    job, (first, second) = batches()
    merges, merge = [], Table.merge
    monkeypatch.setattr(
        Table, "merge", lambda self, *a, **o: (merges.append(1), merge(self, *a, **o))
    )

    def fail(*_):
        raise StoreError("away")

    monkeypatch.setattr(StagingArea, "remove", fail)
    commits = committer(job)
    for batch in (first, second):
        commits.take(batch)
        commits.commit()
    assert merges == [1, 1]
    assert len(opened().files()) == 2

"""What one process does with a batch of documents."""

from __future__ import annotations

import os
import time

import pytest
from cli_helpers import make_pdf
from helpers import image_file, make_texts

from mmrerank import StoreError
from mmrerank.bulk.staging import StagingArea
from mmrerank.index.index import Index


def fill(docs):
    make_texts(docs, 2, "word")
    make_pdf(docs / "a.pdf", "Hall a. See Figure 1.", image=image_file((300, 100), "red"))
    return docs


def test_a_batch_equals_a_sync(actor, outcomes, docs, opened, tmp_path, storage):
    fill(docs)
    assert {name: one[0] for name, one in outcomes(actor()).items()} == dict.fromkeys(
        ["0.md", "1.md", "a.pdf"], "written"
    )
    with Index(f"file://{tmp_path}/other", storage=storage, ocr=False) as other:
        other.sync(docs)
        index = opened()
        assert index.files() == other.files()
        for path in docs.iterdir():
            ours, theirs = index.entries(path), other.entries(path)
            assert [(e.id, e.number, e.text, e.images, e.metadata) for e in ours] == [
                (e.id, e.number, e.text, e.images, e.metadata) for e in theirs
            ]
        assert index.sync(docs).unchanged == sorted(map(str, docs.iterdir()))
        assert index.check() == []


def test_a_document_that_fails_costs_no_other(actor, outcomes, docs, opened):
    fill(docs)
    (docs / "bad.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (docs / "empty.txt").write_text("")
    found = outcomes(actor())
    assert {name for name, one in found.items() if one[0] == "failed"} == {"bad.pdf", "empty.txt"}
    assert "cannot be read as a PDF" in found["bad.pdf"][1]
    assert len(opened().files()) == 3


@pytest.mark.slow
def test_a_batch_is_not_read_twice(actor, outcomes, worked, docs, monkeypatch):
    fill(docs)
    first = actor()
    outcomes(first)
    monkeypatch.setattr(type(first), "_chunks", lambda *_: pytest.fail("read again"))
    assert {one[0] for one in outcomes(actor()).values()} == {"known"}
    assert worked(actor()).staged == {}
    os.utime(docs / "0.md", ns=(5, 5))  # the same content
    assert {one[0] for one in outcomes(actor()).values()} == {"known"}
    assert {one[0] for one in outcomes(actor()).values()} == {"known"}


@pytest.mark.slow
def test_a_changed_document_is_read_again(actor, outcomes, docs, opened):
    fill(docs)
    outcomes(actor())
    (docs / "0.md").write_text("now of basalt, which is dark")
    found = outcomes(actor())
    assert {name: one[0] for name, one in found.items()} == {
        "0.md": "written",
        "1.md": "known",
        "a.pdf": "known",
    }
    assert [entry.text for entry in opened().entries(docs / "0.md")] == [
        "now of basalt, which is dark"
    ]


def test_a_document_that_hangs(actor, outcomes, docs):
    make_texts(docs, 1, "word")
    slow = actor(timeout=0.001)
    begun = time.monotonic()
    assert "took longer than 0.001 s" in outcomes(slow)["0.md"][1]
    assert time.monotonic() - begun < 30


@pytest.mark.slow
def test_documents_on_object_storage_are_named_by_their_url(actor, outcomes, tmp_path, bucket, s3):
    docs, other = bucket("docs"), bucket("docs")
    for place in (docs, other):
        upload(place, make_texts(tmp_path / "texts", 1, "word"))
        upload(place, fill_pdf(tmp_path / "pdfs"))
    assert {one[0] for one in outcomes(actor(docs)).values()} == {"written"}
    assert {one[0] for one in outcomes(actor(other)).values()} == {"written"}
    (url,) = {one._job.url for one in [actor(docs)]}
    storage = actor(docs)._job.storage
    with Index(url, storage=storage, ocr=False) as index:
        names = [file.path for file in index.files()]
        assert names == sorted(f"{place}/{n}" for place in (docs, other) for n in ("0.md", "a.pdf"))
        for hit in index.search("granite hall figure"):
            assert hit.source in names
            assert all(str(tmp_path) not in str(value) for value in hit.metadata.values())
        (figure,) = [e for e in index._open().ledger.entries(f"{docs}/a.pdf") if e.kind == "figure"]
        assert "What the gauge shows" in figure.text
        assert index.check() == []
        ids = [e.id for name in names for e in index._open().ledger.entries(name)]
        assert len(set(ids)) == len(ids)


def fill_pdf(folder):
    folder.mkdir(exist_ok=True)
    make_pdf(folder / "a.pdf", "Hall a. See Figure 1.", image=image_file((300, 100), "red"))
    return folder


def upload(url, folder):
    from mmrerank.object_storage import object_store

    store = object_store(url, {}, timeout=10.0, retries=1, extra="ray", purpose="a test")
    for path in folder.iterdir():
        store.put(path.name, path.read_bytes())


@pytest.mark.slow
def test_local_images_do_not_pile_up(actor, outcomes, docs):
    fill(docs)
    worker = actor()
    outcomes(worker)
    assert list(worker._folder.rglob("*.png")) == []
    worker.close()
    assert not worker._folder.exists()


@pytest.mark.slow
def test_storage_that_stays_away_stops_the_work(actor, worked, docs, monkeypatch):
    fill(docs)
    (docs / "bad.pdf").write_bytes(b"%PDF-1.4 nonsense")
    monkeypatch.setattr("mmrerank.bulk.patience._PAUSE", 0.01)
    tries = []

    def failing(*_):
        tries.append(1)
        raise StoreError("the storage is away")

    monkeypatch.setattr(StagingArea, "write", failing)
    batch = worked(actor())
    found = {r.name.rpartition("/")[2]: (r.status, r.reason) for r in batch.results}
    assert found.pop("bad.pdf")[0] == "failed"
    stopped = ("stopped", "the storage is away")
    assert found == dict.fromkeys(["0.md", "1.md", "a.pdf"], stopped)
    assert (len(tries), batch.staged) == (4, {})


def test_large_documents_are_staged_as_they_come(
    actor, worked, committer, docs, opened, monkeypatch
):
    monkeypatch.setattr("mmrerank.bulk.actor._ROWS", 4)
    make_texts(docs, 5, "word")  # of two rows each
    made = actor()
    batch = worked(made)
    assert sorted(batch.staged.values()) == [2, 4, 4]
    commits = committer(made._job)
    commits.take(batch)
    commits.commit()
    assert len(opened().files()) == 5


def test_warnings_come_back(actor, outcomes, docs):
    (docs / "page.html").write_text("<h1>Hall</h1><p>a long text</p><img src='gone.png'>")
    status, _, warned = outcomes(actor())["page.html"]
    assert status == "written"
    assert isinstance(warned, list)

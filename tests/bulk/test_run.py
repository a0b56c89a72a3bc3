"""Whole runs with a local Ray: kills, failures, reruns, and where it listens."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from bulk_documents import FAILING, fill, objects, upload

from mmrerank import DocumentError, InvalidInputError, Reranker, StoreError
from mmrerank.bulk import Step, Workers, bulk
from mmrerank.index.index import Index

psutil = pytest.importorskip("psutil")

TWO = Workers(count=2)
QUERIES = ["granite of quarry 7", "is hall 12 old?", "page 5 marble of quarry 5"]


def run(source, index, **options):
    return bulk(source, index, **({"workers": TWO, "ocr": False, "timeout": 60.0} | options))


def content(url):
    """All entries of an index, and what searches find, in a form that can be compared."""
    with Index(url, ocr=False, create=False) as index:
        assert index.check() == []
        ledger = index._open().ledger
        entries = {
            file.path: [
                (e.id, e.number, e.kind, e.text, e.images) for e in ledger.entries(file.path)
            ]
            for file in index.files()
        }
        found = {}
        for query, route in itertools.product(QUERIES, ("words", "vectors")):
            hits = index.search(query, routes=[route], top_n=400, fetch_k=400)
            # Many are equally good, in any order; the best is not one of those.
            found[query, route] = [hit.source for hit in hits[:1]], {hit.source for hit in hits}
        images = set(ledger.copies.stored())
    return entries, found, images


@contextlib.contextmanager
def kills(count, pause):
    """Meanwhile, processes of the pipeline are killed at random; how many, as a list."""
    killed, over = [], threading.Event()

    def kill():
        chance = random.Random(7)
        while len(killed) < count and not over.wait(chance.uniform(*pause)):
            found = [p for p in children() if "DocumentActor" in " ".join(p.cmdline() or [""])]
            if found:
                victim = chance.choice(found)
                with contextlib.suppress(psutil.Error):
                    victim.send_signal(signal.SIGKILL)
                    killed.append(victim.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    yield killed
    over.set()
    thread.join()


def staged(url):
    return [one["path"] for some in objects(url).list("staged/") for one in some]


def children():
    return psutil.Process().children(recursive=True)


@pytest.mark.slow
def test_killed_workers_leave_the_index_of_a_clean_run(bucket, tmp_path):
    docs = upload(bucket("docs"), fill(tmp_path / "docs", 300))
    clean, killed = bucket("clean"), bucket("killed")
    report = run(docs, clean)
    assert len(report.added) == 300
    assert {path.rpartition("/")[2] for path, _ in report.failed} == FAILING.keys()
    with kills(8, (0.5, 2.0)) as pids:
        report = run(docs, killed)
    assert len(pids) >= 3
    assert len(report.added) == 300
    assert {path.rpartition("/")[2] for path, _ in report.failed} == FAILING.keys()
    assert content(clean) == content(killed)
    assert not staged(clean)
    assert not staged(killed)

    store = objects(docs)
    store.delete(["3.pdf", "4.md"])
    store.put("7.md", b"Now of basalt.")
    report = run(docs, killed)
    assert report.changed == [f"{docs}/7.md"]
    assert report.removed == [f"{docs}/3.pdf", f"{docs}/4.md"]
    assert (len(report.added), len(report.unchanged)) == (0, 297)
    with Index(killed, ocr=False) as index:
        assert index.search("basalt", routes=["words"])[0].source == f"{docs}/7.md"
        assert len(index.files()) == 298


RUN = """
import sys
from mmrerank.bulk import Workers, bulk
docs, url = sys.argv[1:]
bulk(docs, url, workers=Workers(count=2), ocr=False, timeout=60.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["staged", "committing"])
def test_a_run_whose_own_process_is_killed_is_continued(docs, tmp_path, moment):
    fill(docs, 40)
    url = f"file://{tmp_path}/index"
    wanted = {"staged": "staged/*/*.zip", "committing": "entries.lance/_versions/*"}[moment]
    process = subprocess.Popen([sys.executable, "-c", RUN, docs, url], start_new_session=True)
    deadline = time.monotonic() + 300
    while not list((tmp_path / "index").glob(wanted)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    report = run(docs, url)
    assert len(report.added) + len(report.unchanged) == 40
    assert {Path(path).name for path, _ in report.failed} == FAILING.keys()
    clean = f"file://{tmp_path}/clean"
    run(docs, clean)
    assert content(url) == content(clean)
    assert not staged(clean)
    for path in staged(url):  # of the run that was killed
        os.utime(tmp_path / "index" / path, (1, 1))
    (docs / "1.md").write_text("Now of basalt.")
    assert run(docs, url).changed == [str(docs / "1.md")]
    assert not staged(url)


@pytest.mark.slow
def test_nothing_listens_beyond_this_machine_and_nothing_is_left(docs, url, storage, capfd):
    pytest.importorskip("ray")  # imported before ours, as a notebook may have done
    fill(docs, 30)
    seen, over = set(), threading.Event()

    def look():
        while not over.wait(0.2):
            for process in [psutil.Process(), *children()]:
                with contextlib.suppress(psutil.Error):
                    seen.update(
                        one.laddr.ip
                        for one in process.net_connections("inet")
                        if one.status == psutil.CONN_LISTEN
                    )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        report = run(docs, url, storage=storage)
    finally:
        over.set()
        thread.join()
    assert len(report.added) == 30
    assert seen
    assert seen <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    for _ in range(50):
        if not [p for p in children() if "ray" in p.name()]:
            break
        time.sleep(0.1)
    assert not [p for p in children() if "ray" in p.name()]
    assert capfd.readouterr().out == ""
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"

    report = run(docs, url, storage=storage)  # only what failed is tried again
    assert (len(report.added), len(report.unchanged), len(report.failed)) == (0, 30, 3)


@pytest.mark.slow
def test_a_document_that_ends_its_process_each_time_fails_alone(docs, url, storage):
    fill(docs, 8)

    class Deadly(Reranker):  # a class of this function is sent to the actors with its code
        model, modalities = "deadly", frozenset({"text"})

        def warm(self, documents, *, show_progress=False):
            if any("quarry 4" in one.text for one in documents):
                os._exit(9)

        def _score(self, query, contents):
            return []

    report = run(docs, url, storage=storage, warming=Step(Deadly, "deadly"))
    failed = dict(report.failed)
    assert "ended the process" in str(failed[str(docs / "4.md")])
    assert len(report.added) == 7
    assert failed.keys() == {str(docs / name) for name in ("4.md", *FAILING)}


def test_an_index_in_a_folder_is_refused(docs, tmp_path):
    with pytest.raises(InvalidInputError, match="at a URL"):
        bulk(docs, str(tmp_path / "index"))


def test_a_folder_that_does_not_exist(tmp_path, url, storage):
    with pytest.raises(DocumentError, match="does not exist"):
        bulk(tmp_path / "gone", url, storage=storage)


def test_storage_that_is_away(tmp_path, url, storage, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="cannot be listed"):
        bulk("s3://bucket/docs", url, storage=storage)


def test_embedders_are_given_by_name(docs, url):
    with pytest.raises(InvalidInputError, match="by name"):
        bulk(docs, url, embedder=object())

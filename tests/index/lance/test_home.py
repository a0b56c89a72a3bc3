"""An index at a URL: writers side by side, kills, storage that is away, and what is not shown."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers import make_texts

from mmrerank import StoreError
from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Storage
from mmrerank.ocr.bm25 import TOKENIZER

SYNC = """
import os, pickle, signal, sys, time
from mmrerank.index.index import Index
from mmrerank.index.lance.table import Table
url, docs, step, storage = sys.argv[1:5]
storage = pickle.loads(bytes.fromhex(storage))
if step in ("before", "after"):
    merge = Table.merge
    def killed(self, *args, **options):
        if step == "after":
            merge(self, *args, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    Table.merge = killed
print("ready", flush=True)
Index(url, storage=storage, ocr=False).sync([docs])
"""


def start(place, docs, step="none"):
    """A process that syncs; credentials reach it by the environment, since they are not pickled."""
    url, storage = place
    names = {f"{name}".upper(): value for name, value in storage.options.items()}
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, url, str(docs), step, pickle.dumps(storage).hex()],
        stdout=subprocess.PIPE,
        env={**os.environ, **names},
    )


def opened(place, **options):
    url, storage = place
    return Index(url, storage=storage, ocr=False, **options)


def content(index):
    """All that is in an index, in a form that can be compared."""
    files = [file.path for file in index.files()]
    return {path: [entry.text for entry in index.entries(path)] for path in files}


def test_two_machines_write_at_once_and_nothing_is_lost_or_doubled(place, tmp_path):
    indexes = [opened(place) for _ in range(2)]
    folders = [make_texts(tmp_path / f"docs{i}", 12, f"machine{i}") for i in range(2)]
    errors = []

    def write(index, folder):
        try:
            for path in sorted(folder.iterdir()):
                index.add([path])
            index.sync([*folders])  # both also write what the other one has
        except Exception as error:
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=pair) for pair in zip(indexes, folders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with opened(place, create=False) as index:
        assert len(index.files()) == len(index) == 24
        hits = index.search("granite", top_n=99, fetch_k=99, routes=["words"])
        assert len({hit.source for hit in hits}) == len(hits) == 24
        assert index.check() == []
    for index in indexes:
        index.close()


def test_two_machines_that_begin_with_other_embedders(place, tmp_path):
    class Other:
        def embed_documents(self, texts):
            return [[0.6, 0.8] for _ in texts]

        def embed_query(self, _):
            return [0.6, 0.8]

    docs = make_texts(tmp_path / "docs", 1, "word")
    first, second = opened(place), opened(place, embedder=Other())
    first.sync(docs)
    with pytest.raises(StoreError, match="another embedder"):
        second.sync(docs)
    first.close()
    second.close()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["before", "after"])
def test_a_killed_writer_leaves_whole_files(place, tmp_path, step):
    docs = make_texts(tmp_path / "docs", 5, "word")
    process = start(place, docs, step)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with opened(place) as index:
        assert len(index) == (5 if step == "after" else 0)
        assert index.check() == []
        index.sync(docs)
        assert {path: len(texts) for path, texts in content(index).items()} == {
            str(path): 1 for path in docs.iterdir()
        }


@pytest.mark.slow
def test_kills_at_any_moment(place, tmp_path):
    docs = make_texts(tmp_path / "docs", 40, "word")
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        process = start(place, docs)
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.communicate()
    with opened(place) as index:
        index.sync(docs)
        assert len(content(index)) == len(index) == 40
        assert index.check() == []


class Failing(BaseHTTPRequestHandler):
    """A service in trouble; it repeats the credentials that it was sent."""

    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(str(self.headers).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def failing():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent():
    """A service that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def away():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["away", "failing", "silent"])
def test_storage_in_trouble(request, tmp_path, trouble):
    storage = Storage(
        options={
            "aws_endpoint": f"http://127.0.0.1:{request.getfixturevalue(trouble)}",
            "aws_access_key_id": "an-id-of-a-key",
            "aws_secret_access_key": "hidden",
            "aws_region": "us-east-1",
            "allow_http": "true",
        },
        timeout=1.0,
        retries=1,
        cache_dir=tmp_path,
    )
    begun = time.monotonic()
    with pytest.raises(StoreError, match="s3://bucket/x cannot be read") as caught:
        Index("s3://bucket/x", storage=storage)
    assert time.monotonic() - begun < 30
    assert "hidden" not in str(caught.value)
    assert "an-id-of-a-key" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_credentials_are_not_shown_or_pickled():
    storage = Storage(options={"aws_secret_access_key": "hidden", "aws_region": "r"}, timeout=7.0)
    assert "hidden" not in repr(storage)
    assert b"hidden" not in pickle.dumps(storage)
    copy = pickle.loads(pickle.dumps(storage))
    assert (copy.options, copy.timeout) == ({"aws_region": "r"}, 7.0)


def test_a_fork_is_refused(file_place, tmp_path):
    with opened(file_place) as index:
        index.sync(make_texts(tmp_path / "docs", 1, "word"))
        said = multiprocessing.get_context("fork").SimpleQueue()

        def search():
            try:
                index.search("word")
            except StoreError as error:
                said.put(str(error))

        process = multiprocessing.get_context("fork").Process(target=search)
        process.start()
        process.join(20)
        assert "spawn" in said.get()


def test_words_of_another_tokenizer_are_cut_again(place, tmp_path, monkeypatch):
    docs = make_texts(tmp_path / "docs", 2, "word")
    with monkeypatch.context() as older, opened(place) as index:
        older.setattr("mmrerank.index.indexer.tokenize", lambda _: ["older"])
        index.sync(docs)
        index._open().ledger._place.objects.put("notes/tokenizer", b"0")
    with opened(place) as index:
        assert len(index.search("granite", routes=["words"])) == 2
        assert index._open().ledger.note("tokenizer") == TOKENIZER
        assert len(index.search("granite", routes=["vectors"])) == 2

"""What is Qdrant's own: a folder for one process, and servers that are away, slow or refuse."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from qdrant_client import QdrantClient, models

from mmrerank import InvalidInputError, StoreError
from mmrerank.errors import RerankWarning
from mmrerank.retrieval import qdrant
from mmrerank.retrieval.qdrant import COLLECTION, QdrantStore
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Record

KEY = "a-key-that-is-secret-4711"


def record(name: str, vector=(1.0, 0.0)) -> Record:
    return Record(id=name, vectors={TEXT: vector}, text="t", metadata={"source": "a"})


@pytest.fixture
def store(tmp_path):
    store = QdrantStore(folder=tmp_path / "store")
    yield store
    store.close()


# -- a folder

OTHER = """
import sys
from mmrerank import StoreError
from mmrerank.retrieval.qdrant import QdrantStore
try:
    print(QdrantStore(folder=sys.argv[1]).ids())
except StoreError as error:
    print("StoreError", error)
"""


def other_process(store_folder) -> str:
    command = [sys.executable, "-c", OTHER, str(store_folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_second_process_is_refused_until_the_first_has_closed(store, tmp_path):
    store.upsert([record("1")])
    assert "takes one process at a time" in other_process(tmp_path / "store")
    store.close()
    store.close()
    assert other_process(tmp_path / "store") == "{'1'}\n"
    assert store.ids() == {"1"}  # opened again


# The client leaves the file of its lock open when it is refused.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_of_somebody_else_is_respected(store, tmp_path):
    client = QdrantClient(path=str(tmp_path / "store"))
    try:
        with pytest.raises(StoreError, match="already accessed by another instance"):
            store.ids()
    finally:
        client.close()
    assert store.ids() == set()


def test_threads_take_turns(store):
    store.upsert([record("1")])

    def work(i: int) -> int:
        store.upsert([record(f"t{i}", (float(i), 1.0))])
        return len(store.query([1.0, 0.0], 99))

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(work, range(1, 17))) >= 2
    assert len(store.ids()) == 17


def test_a_named_vector_and_the_payload_are_one_point(store, tmp_path):
    store.upsert([record("é.1")])
    store.update_vectors(IMAGE, {"é.1": [0.0, 0.0, 1.0]})
    store.close()
    client = QdrantClient(path=str(tmp_path / "store"))
    (point,), _ = client.scroll(COLLECTION, with_vectors=True)
    sizes = client.get_collection(COLLECTION).config.params.vectors
    client.close()
    assert point.payload == {"id": "é.1", "text": "t", "metadata": {"source": "a"}}
    assert point.vector == {TEXT: [1.0, 0.0], IMAGE: [0.0, 0.0, 1.0]}
    assert {name: (own.size, own.distance) for name, own in sizes.items()} == {
        TEXT: (2, models.Distance.COSINE),
        IMAGE: (3, models.Distance.COSINE),
    }


def test_a_collection_that_is_not_ours(store, tmp_path):
    client = QdrantClient(path=str(tmp_path / "store"))
    plain = models.VectorParams(size=2, distance=models.Distance.COSINE)
    client.create_collection(COLLECTION, vectors_config=plain)
    client.close()
    with pytest.raises(StoreError, match="not one of mmrerank's"):
        store.upsert([record("1")])


def test_other_dimensions_name_both_numbers(store):
    store.upsert([record("1")])
    with pytest.raises(StoreError, match="have 2 dimensions, this one has 3"):
        store.upsert([record("2", (1.0, 0.0, 0.0))])


def test_too_many_for_a_folder_is_a_warning(store, monkeypatch):
    monkeypatch.setattr(qdrant, "MAX_LOCAL", 3)
    with pytest.warns(RerankWarning, match="4 vectors: Qdrant without a server") as caught:
        store.upsert([record(str(i)) for i in range(4)])
    store.upsert([record("5")])  # a second warning would be an error here
    assert len(caught) == 1
    assert len(store.ids()) == 5


def test_a_folder_that_is_damaged(store, tmp_path):
    store.upsert([record("1")])
    store.close()
    (tmp_path / "store/meta.json").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        store.ids()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"base_url": "http://127.0.0.1", "folder": "here"},
        {"base_url": "127.0.0.1:6333"},
        {"base_url": "http://user:word@127.0.0.1"},
        {"base_url": "http://example.com", "api_key": KEY},
        {"folder": "here", "timeout": 0},
        {"folder": "here", "timeout": float("inf")},
        {"folder": "here", "collection": ""},
    ],
)
def test_options_that_cannot_be_used(options):
    with pytest.raises(InvalidInputError) as caught:
        QdrantStore(**options)
    assert KEY not in str(caught.value)
    assert "word" not in str(caught.value) or "password" in str(caught.value)


# -- a server; a real one is not run here


@contextmanager
def server(answer):
    """An HTTP server that gives each request to `answer(handler)`; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_PUT = do_POST = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()


def reply(status: int, body: bytes):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


USES = {
    "upsert": lambda store: store.upsert([record("1")]),
    "update": lambda store: store.update_vectors(IMAGE, {"1": [1.0]}),
    "delete": lambda store: store.delete(["1"]),
    "ids": lambda store: store.ids(),
    "records": lambda store: store.records(),
    "query": lambda store: store.query([1.0, 0.0], 1),
}


@pytest.mark.parametrize("use", USES)
def test_nobody_listens(use):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(StoreError, match=rf"127.0.0.1:{port} cannot be reached"):
        USES[use](QdrantStore(f"http://127.0.0.1:{port}"))


def test_a_server_that_hangs():
    ended = threading.Event()
    with server(lambda _: ended.wait(20)) as url:
        begun = time.monotonic()
        with pytest.raises(StoreError, match="did not answer within 1 seconds"):
            QdrantStore(url, timeout=0.5).ids()
        assert time.monotonic() - begun < 10
        ended.set()


@pytest.mark.parametrize(
    ("status", "said"), [(401, "refuses the key"), (403, "refuses the key"), (500, "failed: .*500")]
)
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_that_refuses_and_repeats_the_key(status, said):
    with server(reply(status, json.dumps({"status": {"error": f"bad {KEY}"}}).encode())) as url:
        store = QdrantStore(url, api_key=KEY)
        with pytest.raises(StoreError, match=said) as caught:
            store.upsert([record("1")])
    shown = [str(caught.value), repr(store), store.address, repr(vars(store)), repr(caught.value)]
    assert KEY not in " ".join(shown)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"<html>a proxy</html>", b"{}", b"[1]", b""])
def test_a_server_that_is_not_qdrant(body):
    with server(reply(200, body)) as url, pytest.raises(StoreError, match="Qdrant at http"):
        QdrantStore(url).ids()


def test_a_collection_that_was_removed_from_a_server():
    body = json.dumps({"result": {"exists": False}, "status": "ok", "time": 0.1}).encode()
    with server(reply(200, body)) as url:
        with pytest.raises(StoreError, match="has no collection 'mine'"):
            QdrantStore(url, collection="mine").query([1.0, 0.0], 1)
        assert QdrantStore(url, collection="mine").ids() == set()

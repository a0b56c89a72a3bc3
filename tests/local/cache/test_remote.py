"""States on object storage: equal scores, and no query that fails or waits for a storage."""

from __future__ import annotations

import http.server
import threading
import time
from contextlib import contextmanager

import pytest
import torch
from golden_cases import cases, content, load

from mmrerank.errors import InvalidInputError, RerankWarning
from mmrerank.local import Reuse
from mmrerank.local.cache import remote as remote_module
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.cache.remote import RemoteTier
from mmrerank.types import Content

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"


def documents(name: str) -> list[Content]:
    images = [content(d) for d in cases(name)[1]["documents"]]
    return [Content("gravity pulls"), *[d for d in images if "_56" in str(d.images)]]


def entry(fill: int = 1, size: int = 1000) -> CacheEntry:
    return CacheEntry({"kv": torch.full((size,), fill, dtype=torch.uint8)}, {"tokens": 3})


def tier(folder, **options) -> RemoteTier:
    return RemoteTier(f"file://{folder}", {}, **({"limit": 10**9, "timeout": 5.0} | options))


def objects(folder):
    return sorted(path for path in folder.rglob("*.state"))


@pytest.mark.parametrize(("name", "states"), [(M0, "vision"), (M0, "all"), (VL, "vision")])
def test_another_machine_reads_no_image_again(name, states, tmp_path, monkeypatch):
    # The last bits depend on whether a state was computed ahead, with or without a remote tier.
    with load(name, reuse=Reuse()) as plain:
        wanted = [plain.score("q", documents(name)), plain.score("q", documents(name))]
    with load(name, reuse=Reuse()) as plain:
        plain.warm(documents(name))
        wanted.append(plain.score("q", documents(name)))
    reuse = Reuse(remote=f"file://{tmp_path}", remote_states=states)
    with load(name, reuse=reuse) as first:
        first.warm(documents(name))
        assert first.score("q", documents(name)) in wanted
        assert first.cache_info().remote_written == sum(p.stat().st_size for p in objects(tmp_path))
    with load(name, reuse=reuse) as second:
        monkeypatch.setattr(
            type(second._engine.tower), "features", lambda *_: pytest.fail("read again")
        )
        assert second.score("q", documents(name)) in wanted  # equal to the bit
        info = second.cache_info()
        assert info.remote_hits > 0
        assert info.remote_written == 0
        assert (info.misses == 0) == (states == "all" or name == VL)


def test_documents_stay_here_unless_all_states_are_kept(tmp_path):
    with load(M0, reuse=Reuse(remote=f"file://{tmp_path}")) as reranker:
        reranker.warm(["only text"])
        assert objects(tmp_path) == []
    with load(M0, reuse=Reuse(remote=f"file://{tmp_path}", remote_states="all")) as reranker:
        reranker.warm(["only text"])
        assert len(objects(tmp_path)) == 1


def test_a_damaged_object_is_written_again(tmp_path):
    one = tier(tmp_path)
    one.put("ab", entry())
    one.flush()
    (file,) = objects(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    assert one.get(["ab"]) == {}
    assert one.damaged == 1
    one.put("ab", entry())
    one.flush()
    assert file.read_bytes() == whole
    assert list(one.get(["ab", "none"])) == ["ab"]
    one.put("ab", entry())  # is there already: not an error
    one.close()
    assert (one.errors, one.dropped, one.written) == (0, 0, 2 * len(whole))


def test_the_oldest_objects_go_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_module, "_RECOUNT", 0.0)
    with_limit = tier(tmp_path, limit=3000)
    for i in range(12):
        with_limit.put(f"{i:02}", CacheEntry({"kv": torch.randn(100)}))
        with_limit.flush()
        time.sleep(0.01)  # the times of files differ
    with_limit.put("big", CacheEntry({"kv": torch.randn(9000)}))
    with_limit.close()
    assert 0 < sum(path.stat().st_size for path in objects(tmp_path)) <= 3000
    assert objects(tmp_path)[-1].name == "11.state"
    assert with_limit.evictions > 0


def test_what_waits_is_bounded_and_warming_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_module, "_WAITING", 5000)
    go_on = threading.Event()
    slow = tier(tmp_path)
    write = slow._write
    monkeypatch.setattr(slow, "_write", lambda *one: (go_on.wait(10), write(*one)))
    for i in range(20):
        slow.put(f"{i:02}", entry())
    assert 0 < slow._queued <= 5000
    assert slow.dropped > 10
    go_on.set()
    dropped = slow.dropped
    with slow.patiently():
        for i in range(20, 40):
            slow.put(f"{i:02}", entry())
    assert slow.dropped == dropped
    assert {f"{i:02}.state" for i in range(20, 40)} <= {path.name for path in objects(tmp_path)}
    slow.close()
    slow.close()
    slow.put("late", entry())
    assert slow.dropped == dropped + 1


@contextmanager
def storage(answer):
    """An endpoint like S3's; `answer(handler)` answers each request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def do_PUT(self):
            answer(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {
                "aws_endpoint": f"http://127.0.0.1:{server.server_port}",
                "aws_region": "us-east-1",
                "allow_http": "true",
                "aws_skip_signature": "true",
            }
        finally:
            server.shutdown()
            thread.join()


def refuse(handler):
    handler.send_error(403, "Forbidden")


def hang(handler):
    time.sleep(1.5)


@pytest.mark.parametrize("answer", [refuse, hang])
def test_a_storage_that_fails_or_is_slow_costs_little_once(answer):
    with storage(answer) as options:
        one = RemoteTier("s3://bucket/states", options, limit=10**9, timeout=0.5)
        begun = time.monotonic()
        with pytest.warns(RerankWarning, match="computed here"):
            assert one.get([f"{i}" for i in range(40)]) == {}
        assert time.monotonic() - begun < 1.2
        begun = time.monotonic()
        assert one.get([f"{i}" for i in range(40)]) == {}  # left alone for a while
        one.put("a", entry())
        one.close()
        assert time.monotonic() - begun < 0.3
        assert one.dropped == 1
        assert one.errors > 0


def test_a_storage_that_comes_back_is_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_module, "_PAUSE", 0.05)
    one = tier(tmp_path)
    one._fail("for the test")
    with pytest.warns(RerankWarning, match="for the test"):
        one.put("a", entry())
    time.sleep(0.06)
    one.put("a", entry())
    one.close()
    assert len(objects(tmp_path)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"remote": "ftp://host/x"},
        {"remote": "s3://user:password@bucket/x"},
        {"remote": "s3://bucket", "remote_options": {"aws_secret_access_key": "x"}},
        {"remote": "s3://bucket", "remote_timeout": 0},
        {"remote": "s3://bucket", "remote_states": "some"},
        {"remote_bytes": -1},
    ],
)
def test_settings_that_cannot_be_used(wrong):
    with pytest.raises(InvalidInputError):
        Reuse(**wrong)


@pytest.mark.slow
def test_s3(tmp_path, monkeypatch):
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        options = {"aws_endpoint": endpoint, "aws_region": "us-east-1", "allow_http": "true"}
        reuse = Reuse(remote="s3://bucket/cache", remote_options=options, remote_states="all")
        with load(M0, reuse=reuse) as first:
            first.warm(documents(M0))
            wanted = first.score("q", documents(M0))
        with load(M0, reuse=reuse) as second:
            assert second.score("q", documents(M0)) == wanted
            info = second.cache_info()
            assert (info.misses, info.remote_hits) == (0, len(documents(M0)))
    finally:
        server.stop()

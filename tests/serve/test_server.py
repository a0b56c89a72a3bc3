"""The process: where it listens, how it starts and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running import Running

from mmrerank.errors import ModelLoadError, RerankError, RerankWarning
from mmrerank.serve.server import listen
from mmrerank.testing import FakeReranker

GOOD = {"query": "turbine torque", "documents": ["turbine torque", "pump"]}


def test_open_to_others_without_keys_is_warned_of():
    with pytest.warns(RerankWarning, match="no key"):
        listen("0.0.0.0", 0, has_keys=False).close()
    listen("0.0.0.0", 0, has_keys=True).close()
    listen("localhost", 0, has_keys=False).close()


def test_an_address_that_is_taken():
    with listen("127.0.0.1", 0, has_keys=True) as taken, pytest.raises(RerankError, match="listen"):
        listen("127.0.0.1", taken.getsockname()[1], has_keys=True)
    with pytest.raises(RerankError, match="65535"):
        listen("127.0.0.1", 99_999, has_keys=True)


def test_a_model_that_cannot_be_loaded_ends_the_server():
    def load() -> FakeReranker:
        raise ModelLoadError("no such model")

    running = Running(load)
    running._thread.join(20)
    assert isinstance(running.error, ModelLoadError)


def test_draining_answers_what_was_accepted(serve, gated):
    running = serve(gated)
    with ThreadPoolExecutor(8) as pool:
        accepted = [
            pool.submit(httpx.post, f"{running.url}/v1/rerank", json=GOOD, timeout=30)
            for _ in range(8)
        ]
        running.wait_until(lambda: running.service.scheduler.stats().requests == 8)
        running.server.stop()
        running.wait_until(lambda: running.service.is_draining)
        assert httpx.get(f"{running.url}/ready").status_code == 503
        assert httpx.get(f"{running.url}/health").status_code == 200
        refused = httpx.post(f"{running.url}/v1/rerank", json=GOOD)
        assert refused.status_code == 503
        assert refused.json()["detail"]["code"] == "draining"
        gated.gate.set()
        assert [one.result().status_code for one in accepted] == [200] * 8
    running._thread.join(20)
    assert not running._thread.is_alive()


def test_draining_has_a_limit(serve, gated):
    running = serve(gated, drain_seconds=0.3)
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(httpx.post, f"{running.url}/v1/rerank", json=GOOD, timeout=30)
        assert gated.entered.wait(10)
        running.server.stop()
        assert accepted.result().status_code == 503
        gated.gate.set()


@pytest.mark.slow
def test_sigterm_under_load_loses_no_accepted_request(started):
    process = started("ocr", "--drain-seconds", "60")
    url = process.ready()
    answers, lost, stop = [], [], threading.Event()

    def client() -> None:
        with httpx.Client(base_url=url, timeout=60) as http:
            while not stop.is_set():
                try:
                    answers.append(http.post("/v1/rerank", json=GOOD))
                except httpx.ConnectError:  # it does not listen any more: not accepted
                    return
                except httpx.TransportError as error:
                    lost.append(error)
                    return

    threads = [threading.Thread(target=client) for _ in range(16)]
    for thread in threads:
        thread.start()
    while len(answers) < 100:
        assert process.process.poll() is None
    assert process.end(signal.SIGTERM) == 0
    stop.set()
    for thread in threads:
        thread.join()
    events = [json.loads(line) for line in process.logs.splitlines()]
    assert {one.status_code for one in answers} <= {200, 503}
    scores = [
        one.json()["results"][0]["relevance_score"] for one in answers if one.status_code == 200
    ]
    assert set(scores) == {scores[0]}
    accepted = [one for one in events if one["event"] == "request" and one.get("status") == 200]
    assert len([one for one in accepted if one["path"] == "/v1/rerank"]) == len(scores)
    assert next(one for one in events if one["event"] == "drained")["all_answered"]
    assert not [
        one for one in lost if not isinstance(one, httpx.RemoteProtocolError | httpx.ReadError)
    ]
    # A connection that is idle is closed at the end, perhaps just as its client sends on it.
    assert len(lost) <= len(threads)


@pytest.mark.slow
def test_logs_have_counts_only(started, tmp_path):
    (tmp_path / "keys").write_text("a-secret-key\n", encoding="utf-8")
    process = started("ocr", "--keys", str(tmp_path / "keys"))
    url = process.ready()
    headers = {"Authorization": "Bearer a-secret-key"}
    httpx.post(f"{url}/v1/rerank?q=secret", json=GOOD, headers=headers)
    httpx.post(f"{url}/v1/rerank", json=GOOD, headers={"Authorization": "Bearer secret-guess"})
    httpx.post(f"{url}/v1/rerank", json={"query": "secret"}, headers=headers)
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        connection.sendall(b"secret\r\n\r\n")
        connection.settimeout(10)
        connection.recv(1000)
    assert process.end() == 0
    assert "secret" not in process.logs + process.messages
    assert "turbine" not in process.logs + process.messages
    rows = [json.loads(line) for line in process.logs.splitlines()]
    first = next(row for row in rows if row["event"] == "request" and row["status"] == 200)
    assert first["documents"] == 2
    assert first["path"] == "/v1/rerank"


@pytest.mark.slow
def test_wrong_usage_and_errors(started, tmp_path):
    wrong = started("no-such-model")
    assert wrong.process.wait(60) == 2
    assert "no-such-model" in wrong.messages
    missing = started(f"jina-m0={tmp_path / 'none'}")
    assert missing.process.wait(120) == 1
    assert "error: " in missing.messages
    assert "Traceback" not in missing.messages
    keys = started("ocr", "--keys", str(tmp_path / "none"))
    assert keys.process.wait(60) == 1
    assert "cannot be read" in keys.messages

"""What a server says of itself: asked once, with the key, without failing where it is missing."""

from __future__ import annotations

import asyncio
import copy
import pickle
import time

import pytest
from calling import make, scores_of

from mmrerank import APIConnectionError, VLLMReranker
from mmrerank.http.server_facts import parse_version
from mmrerank.testing import LocalRerankServer
from mmrerank.testing.faults import Reply

TEXTS = [f"turbine {i}" for i in range(200)]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_many_batches_ask_once(mode):
    with LocalRerankServer(dialect="vllm", latency=0.02) as server, make("vllm", server) as made:
        assert len(scores_of(made, mode, "turbine", TEXTS)) == 200
        scores_of(made, mode, "turbine", TEXTS)
        assert server.lookups == ["/version"]
        assert len(server.requests) == 8


async def test_an_answer_found_in_one_loop_serves_others():
    with LocalRerankServer(dialect="vllm") as server, make("vllm", server) as made:
        await asyncio.gather(*(made.ascore("turbine", TEXTS[:3]) for _ in range(5)))
        await asyncio.to_thread(made.score, "turbine", TEXTS[:3])
        assert server.lookups == ["/version"]


class Odd(LocalRerankServer):
    """Answers GET requests with the replies in `replies`, the last one for ever."""

    def look_up(self, path, headers):
        self.lookups.append(path)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.mark.parametrize("reply", [Reply(404), Reply(401), Reply(501), Reply(200, b"<html>"),
                                   Reply(200, b"[1]"), Reply(200, b"null"), Reply(200, b"[" * 9999)])  # fmt: skip
def test_a_missing_endpoint_fails_nothing_and_is_not_asked_again(reply):
    with Odd(dialect="vllm") as server, make("vllm", server) as made:
        server.replies = [reply]
        for _ in range(2):
            assert made.score("turbine", ["turbine"]) == [1.0]
        assert len(server.lookups) == 1


def test_an_endpoint_that_fails_for_now_is_asked_again():
    with Odd(dialect="vllm") as server, make("vllm", server, max_retries=0) as made:
        server.replies = [Reply(503), Reply(200, b'{"version": "0.33.0"}')]
        for _ in range(3):
            assert made.score("turbine", ["turbine"]) == [1.0]
        assert len(server.lookups) == 2


class Silent(LocalRerankServer):
    """Takes GET requests and never answers them."""

    def look_up(self, path, headers):
        self.lookups.append(path)
        self.stopping.wait(30)
        return Reply(404)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_endpoint_that_hangs_costs_seconds_once(mode, monkeypatch):
    monkeypatch.setattr("mmrerank.http.connection._QUESTION_SECONDS", 0.3)
    with Silent(dialect="vllm") as server, make("vllm", server, deadline=10) as made:
        assert scores_of(made, mode, "turbine", ["turbine"]) == [1.0]
        started = time.monotonic()
        assert scores_of(made, mode, "turbine", ["turbine"]) == [1.0]
        assert time.monotonic() - started < 0.3
        assert server.lookups == ["/version"]


def test_an_endpoint_that_asks_for_a_pause_delays_no_scores():
    with Odd(dialect="vllm") as server, make("vllm", server, deadline=5) as made:
        server.replies = [Reply(503, b"", {"Retry-After": "50"})]
        assert made.score("turbine", ["turbine"]) == [1.0]


def test_a_server_that_is_down_is_a_connection_error():
    with pytest.raises(APIConnectionError):
        VLLMReranker(base_url="http://127.0.0.1:1", max_retries=0).score("q", ["x"])


def test_copies_ask_for_themselves():
    with LocalRerankServer(dialect="vllm", needs_key=False) as server, make("vllm", server) as made:
        made.score("q", ["x"])
        for one in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert one.score("q", ["x"]) == made.score("q", ["x"])
            one.close()
        assert len(server.lookups) == 3


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.13.1.dev12+gabc", (0, 13, 1)),
        ("0.33", (0, 33, 0)),
        ("v1.2.3", (1, 2, 3)),
        ("9" * 5000, None),
        ("dev", None),
        (None, None),
    ],
)
def test_a_version_is_three_numbers(text, version):
    assert parse_version(text) == version

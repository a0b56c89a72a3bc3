"""One call's end does not break its neighbours, whose clients are their own."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx
import pytest
from calling import MANY, RIGHT, reranker_for, wait_until

from mmrerank import APIError, APITimeoutError, InvalidInputError
from mmrerank.http.clients import Clients, make_client
from mmrerank.testing import LocalRerankServer


def scores_in_threads(reranker, count, is_over):
    """Starts threads that score until `is_over(found)`; what they get or raise comes into the list."""
    found = []

    def work():
        while not is_over(found):
            try:
                found.append(reranker.score("turbine x", MANY))
            except Exception as error:  # any raw error is what is looked for
                found.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, found


@pytest.mark.parametrize("fault", ["slow", "slow_head"])
def test_a_stuck_call_breaks_no_other(fault):
    late = []
    with (
        LocalRerankServer(latency=0.05, faults=[fault]) as server,
        reranker_for(server, max_concurrency=8, deadline=0.4, max_retries=0) as reranker,
    ):

        def stuck():
            try:
                reranker.score("turbine x", ["x"])
            except APITimeoutError as error:
                late.append(error)

        first = threading.Thread(target=stuck)
        first.start()
        assert wait_until(lambda: server.requests)
        reranker.deadline = 20
        threads, found = scores_in_threads(reranker, 4, lambda _: late)
        for thread in (first, *threads):
            thread.join()
    assert len(late) == 1
    assert found == [RIGHT] * max(1, len(found))


def test_closing_during_a_call_breaks_no_call():
    with LocalRerankServer(latency=0.05) as server:
        reranker = reranker_for(server, max_retries=0)
        threads, found = scores_in_threads(reranker, 3, lambda found: len(found) >= 9)
        while any(thread.is_alive() for thread in threads):
            reranker.close()
            time.sleep(0.01)
        assert found == [RIGHT] * max(1, len(found))
        reranker.close()
        assert wait_until(lambda: server.connections == 0)


def test_leaving_async_with_during_a_call_breaks_no_call():
    async def run(server):
        reranker = reranker_for(server, max_retries=0)
        async with reranker:
            calls = [asyncio.create_task(reranker.ascore("turbine x", MANY)) for _ in range(3)]
            await asyncio.to_thread(wait_until, lambda: len(server.requests) >= 3)
        return await asyncio.gather(*calls)

    with LocalRerankServer(latency=0.05) as server:
        assert asyncio.run(run(server)) == [RIGHT] * 3
        assert wait_until(lambda: server.connections == 0)


def test_a_client_of_ones_own_that_is_closed_is_a_typed_error(server):
    client = httpx.Client()
    client.close()
    with pytest.raises(APIError, match="client has been closed"):
        reranker_for(server, client=client).score("x", ["x"])


def test_clients_are_used_again_and_at_most_so_many_are_kept():
    clients = Clients(1)
    with clients.client(httpx.Client) as first, clients.client(httpx.Client) as second:
        assert first is not second
    assert (first.is_closed, second.is_closed) == (True, False)
    with clients.client(httpx.Client) as again:
        assert again is second
        clients.close()
        assert not again.is_closed
    assert again.is_closed
    with clients.client(httpx.Client) as last:
        pass
    del clients
    assert last.is_closed


def test_a_client_that_cannot_be_made():
    with pytest.raises(InvalidInputError, match="socksio"):
        make_client(httpx.Client, {"proxy": "socks5://host:1"})

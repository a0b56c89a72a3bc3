"""Many tasks get from one scheduler what each would get from the library."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch
from golden_cases import CLASSES, GOLDEN, golden_image, load, slow

from mmrerank import JinaM0Reranker, JinaReranker, OCRReranker
from mmrerank.errors import (
    DrainingError,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    QueueFullError,
    RequestTooLargeError,
    RerankWarning,
)
from mmrerank.local import Reuse
from mmrerank.local.compute.decoder import Decoder
from mmrerank.serve.queue import FairQueue
from mmrerank.serve.scheduler import Scheduler
from mmrerank.testing import FakeReranker, LocalRerankServer
from mmrerank.types import Content, Image

M0 = "jina-reranker-m0"
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(8)]
PICTURE = Content("both", [golden_image("0_56x56.png")])
QUERIES = ["?", "what is torque", "how much of it does the motor need", "\n\nodd"]
PATIENCE = 30  # seconds that a test waits for what should come at once


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Gated(JinaM0Reranker):
    """The real model, which waits before each batch while the gate is closed."""

    def __init__(self, **options) -> None:
        super().__init__(str(GOLDEN / M0), device="cpu", **options)
        self.batches: list[list] = []
        self.arrived, self._gate = threading.Semaphore(0), threading.Semaphore(0)
        self.closed = True

    def score_pairs(self, pairs, step=None):
        if self.closed:
            self.batches.append(list(pairs))
            self.arrived.release()
            assert self._gate.acquire(timeout=PATIENCE)
        return super().score_pairs(pairs, step)

    def open(self) -> None:
        self.closed = False
        self._gate.release()

    async def until_it_waits(self) -> None:
        assert await asyncio.to_thread(self.arrived.acquire, timeout=PATIENCE)

    async def next_batch(self) -> None:
        """Let the batch that waits be computed, until the next one waits."""
        self._gate.release()
        await self.until_it_waits()

    def items(self, batch: int) -> list[str | None]:
        return [pair.item.text for pair in self.batches[batch]]


@pytest.fixture
def gated():
    made = []

    def make(**options) -> Gated:
        made.append(Gated(**options))
        return made[-1]

    yield make
    for reranker in made:
        reranker.open()
        reranker.close()


@asynccontextmanager
async def serving(reranker, **limits):
    scheduler = Scheduler(reranker, **limits)
    scheduler.start()
    try:
        yield scheduler
    finally:
        if isinstance(reranker, Gated):
            reranker.open()
        await scheduler.drain(PATIENCE)


async def waiting(scheduler: Scheduler, *calls) -> list[asyncio.Task]:
    """Tasks whose requests are in the queue now."""
    tasks = []
    for call in calls:
        tasks.append(asyncio.create_task(scheduler.submit(*call)))
        count = len(scheduler._requests) + 1
        async with asyncio.timeout(PATIENCE):
            while len(scheduler._requests) < count:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
    return tasks


def scores(scored_request) -> list[float]:
    return [scored.score for scored in scored_request.scored]


@pytest.mark.parametrize("name", [M0, *slow(*(name for name in CLASSES if name != M0))])
async def test_under_load_every_answer_is_that_of_the_library(name):
    documents = TEXTS if name == "qwen3-reranker" else [*TEXTS, PICTURE]
    calls = [(QUERIES[i % 4], documents[i % 5 : i % 5 + 1 + i % 6]) for i in range(64)]
    used, reported = [], []
    with load(name, on_usage=used.append) as library:
        wanted = [library._scored(*call)[1] for call in calls]
    with load(name, max_batch_tokens=300, on_usage=reported.append) as reranker:
        async with serving(reranker) as scheduler:
            answers = await asyncio.gather(*[scheduler.submit(*call) for call in calls])
            stats = scheduler.stats()
    for found, expected in zip(answers, wanted, strict=True):
        assert scores(found) == pytest.approx([one.score for one in expected], abs=1e-6, rel=0)
        assert [len(one.parts) for one in found.scored] == [len(one.parts) for one in expected]
    assert [found.usage for found in answers] == used
    assert sorted(map(repr, reported)) == sorted(map(repr, used))
    assert (stats.answered, stats.requests, stats.queue_tokens) == (64, 0, 0)
    assert stats.batches < 64


async def test_read_documents_get_the_same_bits(gated):
    reranker = gated()
    reranker.warm(TEXTS)
    calls = [(QUERIES[i % 4], TEXTS[i % 4 : i % 4 + 2 + i % 3]) for i in range(20)]
    reranker.closed = False
    wanted = [reranker.score(*call) for call in calls]
    reranker.closed = True
    async with serving(reranker) as scheduler:
        tasks = await waiting(scheduler, *calls)
        reranker.open()
        answers = [scores(await task) for task in tasks]
    assert answers == wanted


async def test_what_waits_is_one_batch(gated):
    """Of several queries, without a timer: it gathers while another batch is computed."""
    reranker = gated()
    reranker.warm(TEXTS)
    async with serving(reranker) as scheduler:
        await waiting(scheduler, ("first", TEXTS[:1]))
        await reranker.until_it_waits()
        assert len(reranker.batches) == 1
        assert scheduler.stats().in_flight == 1
        await waiting(scheduler, *[(query, TEXTS[:2]) for query in QUERIES])
        assert scheduler.stats().requests == 5
        await reranker.next_batch()
        assert len({pair.query for pair in reranker.batches[1]}) == 4
        assert len(reranker.batches[1]) == 8


async def test_read_documents_go_first(gated):
    reranker = gated()
    reranker.warm(TEXTS[:2])
    async with serving(reranker) as scheduler:
        await waiting(scheduler, ("first", TEXTS[:1]))
        await reranker.until_it_waits()
        tasks = await waiting(scheduler, ("q", TEXTS[2:4]), ("q", TEXTS[:3]))
        await reranker.next_batch()
        assert set(reranker.items(1)) == set(TEXTS[:2])
        await reranker.next_batch()
        assert set(reranker.items(2)) == {TEXTS[2], TEXTS[3]}
        reranker.open()
        await asyncio.gather(*tasks)


async def test_a_large_request_blocks_nobody(gated):
    reranker = gated(max_batch_tokens=100)
    async with serving(reranker) as scheduler:
        (large,) = await waiting(scheduler, ("q", [f"large {i}" for i in range(200)]))
        await reranker.until_it_waits()
        (small,) = await waiting(scheduler, ("?", ["small"]))
        await reranker.next_batch()
        assert "small" in reranker.items(1)
        await reranker.next_batch()
        assert len(scores(await asyncio.wait_for(small, PATIENCE))) == 1
        assert not large.done()
        assert scheduler.stats().queue_tokens > 1000
        reranker.open()
        assert len(scores(await asyncio.wait_for(large, PATIENCE))) == 200


async def test_a_document_that_two_requests_want_is_read_once(gated):
    reranker = gated()
    async with serving(reranker) as scheduler:
        tasks = await waiting(scheduler, ("first", [TEXTS[0]]))
        await reranker.until_it_waits()
        tasks += await waiting(scheduler, ("a", [TEXTS[5]]), ("b", [TEXTS[5]]), ("c", [TEXTS[5]]))
        await reranker.next_batch()
        assert [pair.query.text for pair in reranker.batches[1]] == ["a"]
        await reranker.next_batch()  # now it is read, and both others are one batch
        assert [pair.query.text for pair in reranker.batches[2]] == ["b", "c"]
        reranker.open()
        await asyncio.gather(*tasks)
        assert reranker.cache_info().entries == 2


async def test_a_client_that_leaves_takes_its_work_along(gated):
    reranker = gated()
    async with serving(reranker) as scheduler:
        await waiting(scheduler, ("first", [TEXTS[0]]))
        await reranker.until_it_waits()
        gone, other = await waiting(scheduler, ("q", TEXTS[1:5]), ("q", [TEXTS[6]]))
        before = scheduler.stats().queue_tokens
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert scheduler.stats().queue_tokens < before / 2
        assert scheduler.stats().cancelled == 1
        await reranker.next_batch()
        assert reranker.items(1) == [TEXTS[6]]
        reranker.open()
        await other
    assert scheduler.stats().queue_tokens == 0


async def test_a_client_that_leaves_in_the_middle_of_its_batch(gated):
    reranker = gated()
    async with serving(reranker) as scheduler:
        (gone,) = await waiting(scheduler, ("q", TEXTS[:2]))
        await reranker.until_it_waits()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        (other,) = await waiting(scheduler, ("q", TEXTS[:2]))
        reranker.open()
        assert scores(await other) == pytest.approx(reranker.score("q", TEXTS[:2]), abs=1e-6)
        stats = scheduler.stats()
        assert (stats.answered, stats.cancelled, stats.queue_tokens) == (1, 1, 0)


async def test_clients_that_leave_while_their_request_is_planned(monkeypatch):
    with load(M0) as reranker:
        async with serving(reranker) as scheduler:
            entered, leave = threading.Event(), threading.Event()
            plan = scheduler._work.plan

            def late(*args):
                entered.set()
                assert leave.wait(PATIENCE)
                return plan(*args)

            monkeypatch.setattr(scheduler._work, "plan", late)
            task = asyncio.create_task(scheduler.submit("q", [*TEXTS, PICTURE]))
            assert await asyncio.to_thread(entered.wait, PATIENCE)
            assert scheduler.stats().queue_tokens > 0
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            leave.set()
            assert scheduler.stats().queue_tokens == 0
    assert scheduler.stats().batches == 0


def damaged(folder: Path) -> Content:
    """An image whose size can be read, and whose pixels cannot."""
    path = folder / "damaged.png"
    path.write_bytes((GOLDEN / "images" / "1_300x200.png").read_bytes()[:-40])
    return Content(images=[Image.from_path(path)])


async def test_a_poisoned_document_fails_its_own_request_alone(gated, tmp_path):
    reranker = gated()
    async with serving(reranker) as scheduler:
        tasks = await waiting(scheduler, ("first", [TEXTS[0]]))
        await reranker.until_it_waits()
        calls = [(f"q{i}", [TEXTS[i], TEXTS[i + 1]]) for i in range(5)]
        tasks += await waiting(scheduler, *calls[:3], ("q", [TEXTS[7], damaged(tmp_path)]))
        tasks += await waiting(scheduler, *calls[3:])
        reranker.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(one, ImageError) for one in answers] == [False] * 4 + [True] + [
            False
        ] * 2
        for call, found in zip(calls, [*answers[1:4], *answers[5:]], strict=True):
            assert scores(found) == pytest.approx(reranker.score(*call), abs=1e-6)
        assert scheduler.stats().failed == 1


async def test_an_image_that_is_not_there_fails_before_it_waits(tmp_path):
    gone = Content(images=[Image.from_path(tmp_path / "gone.png")])
    with load(M0) as reranker:
        async with serving(reranker) as scheduler:
            with pytest.raises(ImageError):
                await scheduler.submit("q", [gone])
            stats = scheduler.stats()
            assert (stats.failed, stats.requests, stats.batches) == (1, 0, 0)
            assert len(scores(await scheduler.submit("q", TEXTS[:2]))) == 2


async def test_a_score_that_is_not_finite_fails_its_own_request(gated, monkeypatch):
    reranker = gated()
    compute = reranker._engine.head

    def head(hidden):
        out = compute(hidden)
        return torch.where(torch.arange(len(out)) == 0, torch.nan, out)  # of the longest document

    async with serving(reranker) as scheduler:
        await waiting(scheduler, ("first", [TEXTS[0]]))
        await reranker.until_it_waits()
        good, bad = await waiting(scheduler, ("q", [TEXTS[1]]), ("q", [TEXTS[7]]))
        await reranker.next_batch()
        assert len(reranker.batches[1]) == 2
        monkeypatch.setattr(reranker._engine, "head", head)
        reranker.open()
        with pytest.raises(InvalidResponseError, match="no finite score"):
            await bad
        assert len(scores(await good)) == 1


async def test_out_of_memory_halves_the_batch_and_the_queue_goes_on(monkeypatch):
    with load(M0) as library:
        wanted = [library.score(query, TEXTS) for query in QUERIES]
    walk = Decoder._walk

    def scarce(self, *args):
        if args[0].embeddings.shape[0] > 200:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return walk(self, *args)

    with load(M0) as reranker:
        monkeypatch.setattr(Decoder, "_walk", scarce)
        async with serving(reranker) as scheduler:
            with pytest.warns(RerankWarning, match="out of memory"):
                answers = await asyncio.gather(*[scheduler.submit(q, TEXTS) for q in QUERIES])
            for found, expected in zip(answers, wanted, strict=True):
                assert scores(found) == pytest.approx(expected, abs=1e-6)
            assert reranker.max_batch_tokens <= 200


async def test_a_full_queue_refuses_and_says_for_how_long(gated):
    reranker = gated()
    async with serving(reranker, max_queue_tokens=100) as scheduler:
        tasks = await waiting(scheduler, ("q", ["a b c d " * 30]))
        with pytest.raises(QueueFullError) as caught:
            await scheduler.submit("q", ["a b c d " * 30])
        assert caught.value.retry_after >= 1
        with pytest.raises(RequestTooLargeError):
            await scheduler.submit("q", ["a b c d " * 60])
        tasks += await waiting(scheduler, ("q", ["short"]))
        reranker.open()
        await asyncio.gather(*tasks)
        assert len(scores(await scheduler.submit("q", ["a b c d " * 30]))) == 1
        assert scheduler.stats().failed == 0


async def test_a_queue_of_too_many_seconds_refuses(gated):
    reranker = gated()
    async with serving(reranker, max_queue_seconds=0.2) as scheduler:
        first, waits = await waiting(scheduler, ("q", TEXTS[:4]), ("q", TEXTS[4:]))
        await reranker.until_it_waits()
        await asyncio.sleep(0.5)  # the batch takes that long, and so will the next
        await reranker.next_batch()
        await first
        with pytest.raises(QueueFullError, match="work for") as caught:
            await scheduler.submit("q", TEXTS)
        assert caught.value.retry_after >= 1
        reranker.open()
        await waits


async def test_draining_finishes_what_was_accepted(gated):
    reranker = gated()
    async with serving(reranker) as scheduler:
        assert scheduler.is_ready
        tasks = await waiting(scheduler, *[(query, TEXTS) for query in QUERIES])
        drain = asyncio.create_task(scheduler.drain(PATIENCE))
        await asyncio.sleep(0)
        assert not scheduler.is_ready
        with pytest.raises(DrainingError):
            await scheduler.submit("q", TEXTS)
        reranker.open()
        assert [len(scores(one)) for one in await asyncio.gather(*tasks)] == [len(TEXTS)] * 4
        assert await drain is True
        assert await scheduler.drain(0) is True
        await asyncio.to_thread(scheduler._thread.join, PATIENCE)
        assert not scheduler._thread.is_alive()


async def test_draining_ends_with_its_limit(gated):
    reranker = gated()
    async with serving(reranker) as scheduler:
        tasks = await waiting(scheduler, *[(query, TEXTS) for query in QUERIES])
        assert await scheduler.drain(0.1) is False
        for one in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(one, DrainingError)
        assert scheduler.stats().requests == 0


async def test_requests_of_several_event_loops(gated):
    reranker = gated()
    reranker.open()
    wanted = reranker.score("?", TEXTS[:1])
    async with serving(reranker) as scheduler:

        def ask():
            return scores(asyncio.run(scheduler.submit("?", TEXTS[:1])))

        found = await asyncio.gather(*[asyncio.to_thread(ask) for _ in range(3)])
    assert found == [pytest.approx(wanted, abs=1e-6, rel=0)] * 3


async def test_nothing_is_taken_before_the_start():
    scheduler = Scheduler(FakeReranker())
    assert not scheduler.is_ready
    with pytest.raises(DrainingError):
        await scheduler.submit("q", ["d"])
    assert await scheduler.drain(0) is True


async def test_bad_input_is_refused_and_empty_input_is_not():
    async with serving(FakeReranker()) as scheduler:
        with pytest.raises(InvalidInputError, match="query is empty"):
            await scheduler.submit(" ", ["d"])
        with pytest.raises(InvalidInputError, match="documents"):
            await scheduler.submit("q", "d")
        assert (await scheduler.submit("q", [])).scored == []
    with load(M0) as reranker:
        async with serving(reranker) as scheduler:
            assert (await scheduler.submit("q", [])).scored == []
            assert scores(await scheduler.submit("q", [""])) == pytest.approx(
                reranker.score("q", [""]), abs=1e-6
            )


@pytest.mark.parametrize("reuse", [False, Reuse(memory=0)], ids=["none", "no room"])
async def test_without_cached_states(reuse):
    with load(M0, reuse=reuse) as reranker:
        wanted = [reranker.score(query, TEXTS) for query in QUERIES]
        async with serving(reranker) as scheduler:
            answers = await asyncio.gather(*[scheduler.submit(q, TEXTS) for q in QUERIES])
    for found, expected in zip(answers, wanted, strict=True):
        assert scores(found) == pytest.approx(expected, abs=1e-6)


async def test_other_rerankers_answer_one_request_after_the_other():
    documents = [*TEXTS, Content("both", [golden_image("0_56x56.png")])]
    fake = FakeReranker()
    for reranker in (fake, OCRReranker()):
        async with serving(reranker) as scheduler:
            answers = await asyncio.gather(*[scheduler.submit(q, TEXTS) for q in QUERIES])
            assert [scores(one) for one in answers] == [reranker.score(q, TEXTS) for q in QUERIES]
            assert answers[0].usage.documents == len(TEXTS)
            assert scheduler.stats().batches == 4
    (answer,) = [await run_one(fake, "both", documents)]
    wanted = fake._scored("both", documents)[1]
    assert answer.scored == wanted


async def run_one(reranker, query, documents):
    async with serving(reranker) as scheduler:
        return await scheduler.submit(query, documents)


async def test_services_are_awaited_together():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        wanted = reranker.score("torque", TEXTS)
        async with serving(reranker) as scheduler:
            answers = await asyncio.gather(*[scheduler.submit("torque", TEXTS) for _ in range(8)])
            assert [scores(one) for one in answers] == [wanted] * 8
            assert answers[0].usage.requests == 1
            assert scheduler.stats().batches == 0


async def test_a_service_that_does_not_answer_is_left():
    """By a client that leaves, and by the end of the server."""
    with LocalRerankServer(faults=["timeout"] * 4) as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url, timeout=PATIENCE)
        scheduler = Scheduler(reranker)
        scheduler.start()
        gone, left = (asyncio.create_task(scheduler.submit("q", ["d"])) for _ in range(2))
        await asyncio.sleep(0.1)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert scheduler.stats().requests == 1
        assert await scheduler.drain(0.1) is False
        with pytest.raises(DrainingError):
            await left
        assert not scheduler._tasks


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant
async def test_nobody_waits_for_a_worker_that_ended(monkeypatch):
    def fails(*_):
        raise RuntimeError("a mistake in the queue")

    monkeypatch.setattr(FairQueue, "done", fails)
    scheduler = Scheduler(FakeReranker())
    scheduler.start()
    with pytest.raises(DrainingError):
        await asyncio.wait_for(scheduler.submit("q", ["d"]), PATIENCE)
    assert not scheduler.is_ready
    scheduler._thread.join(PATIENCE)  # its error is noticed within this test


@pytest.mark.slow
async def test_clients_that_leave_and_documents_that_fail_for_a_while(tmp_path):
    """Sixty-four clients at once: every answer is right, no request is lost, nothing is left."""
    chance = random.Random(0)
    documents = [*map(Content, TEXTS), PICTURE]
    bad = damaged(tmp_path)
    with load(M0, reuse=False) as plain:
        wanted = {q: dict(zip(documents, plain.score(q, documents), strict=True)) for q in QUERIES}
    outcomes = Counter()

    async def client(scheduler: Scheduler) -> None:
        query, chosen = chance.choice(QUERIES), chance.sample(documents, chance.randint(1, 6))
        fails, leaves = chance.random() < 0.1, chance.random() < 0.2
        task = asyncio.create_task(scheduler.submit(query, [*chosen, bad] if fails else chosen))
        if leaves:
            await asyncio.sleep(chance.random() / 10)
            task.cancel()
        try:
            found = scores(await task)
        except asyncio.CancelledError:
            outcomes["left"] += 1
        except ImageError:
            assert fails
            outcomes["failed"] += 1
        else:
            assert not fails
            expected = [wanted[query][document] for document in chosen]
            assert found == pytest.approx(expected, abs=1e-6, rel=0)
            outcomes["answered"] += 1

    reuse = Reuse(memory=60_000)  # too little for all, so that states are evicted and read again
    with load(M0, reuse=reuse, max_batch_tokens=200) as reranker:
        async with serving(reranker) as scheduler:
            end = time.monotonic() + 10
            while time.monotonic() < end:
                await asyncio.gather(*[client(scheduler) for _ in range(64)])
            stats = scheduler.stats()
            assert (stats.requests, stats.queue_tokens) == (0, 0)
            assert not scheduler._queue._unread
            assert not scheduler._queue._turns
        assert stats.answered == outcomes["answered"]
        assert stats.failed == outcomes["failed"]
        assert stats.cancelled == outcomes["left"]
        assert min(outcomes.values()) > 0
        assert stats.cache.evictions > 0

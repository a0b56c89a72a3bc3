"""The only code that waits: performs the steps of batches, with threads or with tasks.

A batch is a generator (`BatchSteps`) that yields the steps it needs and is sent their outcomes.
All logic is in the batch, retries included; the two drivers here send, wait, and run several
batches at once.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import httpx

from mmrerank.http.bounds import Bounds
from mmrerank.http.sending import post, post_async
from mmrerank.http.wire import BatchSteps, Outcome, Pause, Step
from mmrerank.threads import run_all, run_in_thread

__all__ = ["drive", "drive_async"]

T = TypeVar("T")

# Seconds after the deadline in which requests may still fail by themselves, with their own errors.
_GRACE = 0.5


class _StoppedError(Exception):
    """Another batch of the same call has failed, so this one's results are not needed."""


def drive(
    batches: Sequence[BatchSteps[T]],
    client: httpx.Client,
    bounds: Bounds,
    on_stuck: Callable[[], None],
) -> list[list[T]]:
    """Run the batches in threads; their results, in the order of `batches`.

    Raises the first `APIError` of any batch at once: batches that have not begun or that pause
    are dropped, and answers to running requests are ignored. `on_stuck` is called when a request
    outlives the deadline (as when its answer arrives byte by byte, each in time): it should close
    the client's connections. Nobody waits for the threads that are left then.
    """
    stop = threading.Event()
    try:
        jobs = [functools.partial(_run, batch, client, bounds, stop) for batch in batches]
        futures = run_all(jobs, bounds.workers, stop)
        done, running = wait(futures, bounds.seconds_left() + _GRACE, FIRST_EXCEPTION)
        for future in done:
            future.result()  # raises the first error
        if running:
            on_stuck()
            raise bounds.deadline_error()
        return [future.result() for future in futures]
    finally:  # also when this thread is interrupted
        stop.set()


async def drive_async(
    batches: Sequence[BatchSteps[T]], client: httpx.AsyncClient, bounds: Bounds
) -> list[list[T]]:
    """As `drive`, with tasks. Cancelling it, or an error in one batch, cancels the others."""
    gate = asyncio.Semaphore(bounds.workers)

    async def run(batch: BatchSteps[T]) -> list[T]:
        async with gate:
            return await _run_async(batch, client, bounds)

    tasks = [asyncio.create_task(run(batch)) for batch in batches]
    try:
        async with asyncio.timeout(bounds.seconds_left() + _GRACE):
            return await asyncio.gather(*tasks)
    except TimeoutError:
        raise bounds.deadline_error() from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _run(
    batch: BatchSteps[T], client: httpx.Client, bounds: Bounds, stop: threading.Event
) -> list[T]:
    outcome: Outcome = None
    with _slot(bounds):
        while not stop.is_set():
            step = _next_step(batch, outcome)
            if isinstance(step, list):
                return step
            if isinstance(step, Pause):
                stop.wait(step.seconds)
                outcome = None
            else:
                outcome = post(client, step, bounds)
    raise _StoppedError


async def _run_async(batch: BatchSteps[T], client: httpx.AsyncClient, bounds: Bounds) -> list[T]:
    outcome: Outcome = None
    async with _slot_async(bounds):
        while True:
            # In a thread, since a batch shrinks and encodes its images before its first step.
            thread = run_in_thread(functools.partial(_next_step, batch, outcome))
            step = await asyncio.wrap_future(thread)
            if isinstance(step, list):
                return step
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                outcome = None
            else:
                outcome = await post_async(client, step, bounds)


def _next_step(batch: BatchSteps[T], outcome: Outcome) -> Step | list[T]:
    """What the batch wants next, or its results once it has ended."""
    try:
        return batch.send(outcome)
    except StopIteration as stop:
        results: list[T] = stop.value
        return results


@contextmanager
def _slot(bounds: Bounds) -> Iterator[None]:
    future = bounds.slots.request()
    with _withdrawn_on_error(bounds, future):
        future.result(bounds.seconds_left())
    try:
        yield
    finally:
        bounds.slots.release()


@asynccontextmanager
async def _slot_async(bounds: Bounds) -> AsyncIterator[None]:
    future = bounds.slots.request()
    with _withdrawn_on_error(bounds, future):
        await asyncio.wait_for(asyncio.wrap_future(future), bounds.seconds_left())
    try:
        yield
    finally:
        bounds.slots.release()


@contextmanager
def _withdrawn_on_error(bounds: Bounds, future: Future[None]) -> Iterator[None]:
    """Leave the queue for a slot when waiting for it ends in a timeout, a cancellation, ..."""
    try:
        yield
    except TimeoutError:
        bounds.slots.withdraw(future)
        raise bounds.deadline_error() from None
    except BaseException:
        bounds.slots.withdraw(future)
        raise

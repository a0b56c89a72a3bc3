"""The only code that waits: performs the steps of batches, with threads or with tasks.

A batch is a generator (`BatchSteps`) that yields the steps it needs and is sent their outcomes.
All logic is in the batch, retries included; the two drivers here send, wait, and run several
batches at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx

from mmrerank.errors import APIConnectionError, APIError, APITimeoutError, InvalidResponseError
from mmrerank.http.limits import Slots
from mmrerank.http.wire import BatchSteps, Outcome, Pause, Request, Response, Step

__all__ = ["Bounds", "drive", "drive_async"]

_MAX_ANSWER = 64 * 2**20  # bytes; a service that echoes images must not fill the memory

# Seconds after the deadline in which requests may still fail by themselves, with their own errors.
_GRACE = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the batches of one call keep to. `model` is named in errors.

    At most `workers` batches run at once, each with one of `slots`, which all calls share.
    `deadline` is a time of `time.monotonic`.
    """

    model: str
    slots: Slots
    workers: int
    deadline: float

    def seconds_left(self) -> float:
        """Until the deadline; 0 after it."""
        return max(0.0, self.deadline - time.monotonic())

    def deadline_error(self) -> APITimeoutError:
        """To be raised when the deadline has passed."""
        return APITimeoutError(f"{self.model}: the call did not end before its deadline")

    def check_answer(self, content: bytearray) -> None:
        """Raise an `APIError` if the answer so far is too long, or the deadline has passed."""
        if len(content) > _MAX_ANSWER:
            raise InvalidResponseError(
                f"{self.model}: the answer is longer than {_MAX_ANSWER} bytes"
            )
        if time.monotonic() > self.deadline:
            raise self.deadline_error()


class _StoppedError(Exception):
    """Another batch of the same call has failed, so this one's scores are not needed."""


def drive(
    batches: Sequence[BatchSteps],
    client: httpx.Client,
    bounds: Bounds,
    on_stuck: Callable[[], None],
) -> list[list[float]]:
    """Run the batches in threads; their scores, in the order of `batches`.

    Raises the first `APIError` of any batch at once: batches that have not begun or that pause
    are dropped, and answers to running requests are ignored. `on_stuck` is called when a request
    outlives the deadline (as when its answer arrives byte by byte, each in time): it should close
    the client's connections.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(min(bounds.workers, len(batches)), "mmrerank")
    try:
        futures = [pool.submit(_run, batch, client, bounds, stop) for batch in batches]
        done, running = wait(futures, bounds.seconds_left() + _GRACE, FIRST_EXCEPTION)
        for future in done:
            future.result()  # raises the first error
        if running:
            on_stuck()
            raise bounds.deadline_error()
        return [future.result() for future in futures]
    finally:  # also when this thread is interrupted
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


async def drive_async(
    batches: Sequence[BatchSteps], client: httpx.AsyncClient, bounds: Bounds
) -> list[list[float]]:
    """As `drive`, with tasks. Cancelling it, or an error in one batch, cancels the others."""
    gate = asyncio.Semaphore(bounds.workers)

    async def run(batch: BatchSteps) -> list[float]:
        async with gate:
            return await _run_async(batch, client, bounds)

    tasks = [asyncio.create_task(run(batch)) for batch in batches]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _run(
    batch: BatchSteps, client: httpx.Client, bounds: Bounds, stop: threading.Event
) -> list[float]:
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
                outcome = _post(client, step, bounds)
    raise _StoppedError


async def _run_async(batch: BatchSteps, client: httpx.AsyncClient, bounds: Bounds) -> list[float]:
    outcome: Outcome = None
    async with _slot_async(bounds):
        while True:
            # In a thread, since a batch shrinks and encodes its images before its first step.
            step = await asyncio.to_thread(_next_step, batch, outcome)
            if isinstance(step, list):
                return step
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                outcome = None
            else:
                outcome = await _post_async(client, step, bounds)


def _next_step(batch: BatchSteps, outcome: Outcome) -> Step | list[float]:
    """What the batch wants next, or its scores once it has ended."""
    try:
        return batch.send(outcome)
    except StopIteration as stop:
        scores: list[float] = stop.value
        return scores


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


def _post(client: httpx.Client, step: Request, bounds: Bounds) -> Response | APIError:
    request = _build(client, step, bounds)
    try:
        answer = client.send(request, stream=True, follow_redirects=False)
        try:
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                bounds.check_answer(content)
        finally:
            answer.close()
            _break_cycle(answer)
    except (httpx.HTTPError, httpx.StreamError) as error:
        return _connection_error(error, bounds.model)
    except APIError as error:
        return error
    return _response(answer, bytes(content))


async def _post_async(
    client: httpx.AsyncClient, step: Request, bounds: Bounds
) -> Response | APIError:
    request = _build(client, step, bounds)
    try:
        async with asyncio.timeout(bounds.seconds_left()):
            answer = await client.send(request, stream=True, follow_redirects=False)
            try:
                content = bytearray()
                async for piece in answer.aiter_bytes():
                    content += piece
                    bounds.check_answer(content)
            finally:
                await answer.aclose()
                _break_cycle(answer)
    except (httpx.HTTPError, httpx.StreamError) as error:
        return _connection_error(error, bounds.model)
    except TimeoutError:
        return bounds.deadline_error()
    except APIError as error:
        return error
    return _response(answer, bytes(content))


def _build(
    client: httpx.Client | httpx.AsyncClient, step: Request, bounds: Bounds
) -> httpx.Request:
    """The httpx request, with the client's own timeouts, none of them beyond the deadline."""
    left = bounds.seconds_left()
    timeouts = {
        name: left if seconds is None else min(left, seconds)
        for name, seconds in client.timeout.as_dict().items()
    }
    return client.build_request(
        step.method,
        step.url,
        headers=step.headers,
        content=step.content,
        timeout=httpx.Timeout(**timeouts),
    )


def _response(answer: httpx.Response, content: bytes) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, headers, content)


def _break_cycle(answer: httpx.Response) -> None:
    """Break httpx's reference cycle of response and stream, which would keep the request's body,
    and so its images, in memory until the garbage collector runs.
    """
    answer.stream = httpx.ByteStream(b"")


def _connection_error(error: httpx.HTTPError | httpx.StreamError, model: str) -> APIError:
    """An error of httpx as one of ours. Its text names host and cause, never headers."""
    kind = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"{model}: the service did not answer in time ({kind})")
    return APIConnectionError(f"{model}: the service could not be reached: {error or kind}")

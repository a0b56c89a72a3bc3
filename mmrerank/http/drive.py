"""The only code that waits: drives calls, synchronously or asynchronously.

A call is a generator that yields what it needs (a `Request` to send, a `Pause` to make) and is
sent what came of it (a `Response`, or the `APIError` that prevented one; None after a pause).
It holds all logic, retries included; the two drivers below hold none, and fan calls out.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager

import httpx

from mmrerank.errors import APIConnectionError, APIError, APITimeoutError, InvalidResponseError
from mmrerank.http.limits import Slots
from mmrerank.http.wire import Call, Pause, Request, Response, Step

__all__ = ["drive", "drive_async"]

_MAX_ANSWER = 64 * 2**20  # bytes; a service that echoes images must not fill the memory

_GRACE = (
    0.5  # seconds after the deadline for requests to end by themselves, with errors of their own
)


class _StoppedError(Exception):
    """Another call of the same fan-out has failed; this one's outcome is of no use."""


def drive(
    calls: Sequence[Call],
    client: httpx.Client,
    slots: Slots,
    workers: int,
    deadline: float,
    on_stuck: Callable[[], None],
) -> list[list[float]]:
    """Run the calls, at most `workers` of them at once; their results in the calls' order.

    `deadline` is a time of `time.monotonic`. The first error is raised at once: calls that have
    not begun or that pause are dropped, and what a running request still brings is not looked at.
    `on_stuck` is called where a request outlives the deadline, as one does whose answer comes in
    single bytes, each in time: it should close the client's connections.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(min(workers, len(calls)), "mmrerank")
    try:
        futures = [pool.submit(_run, call, client, slots, deadline, stop) for call in calls]
        done, running = wait(futures, _left(deadline) + _GRACE, FIRST_EXCEPTION)
        for future in done:
            future.result()  # raises what failed first
        if running:
            on_stuck()
            raise _late()
        return [future.result() for future in futures]
    finally:  # also when this thread is interrupted
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


async def drive_async(
    calls: Sequence[Call], client: httpx.AsyncClient, slots: Slots, workers: int, deadline: float
) -> list[list[float]]:
    """As `drive`, with tasks. Cancelling it, or an error in one call, cancels the others."""
    gate = asyncio.Semaphore(workers)

    async def one(call: Call) -> list[float]:
        async with gate:
            return await _run_async(call, client, slots, deadline)

    tasks = [asyncio.create_task(one(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _run(
    call: Call, client: httpx.Client, slots: Slots, deadline: float, stop: threading.Event
) -> list[float]:
    answer: Response | APIError | None = None
    with _slot(slots, deadline):
        while not stop.is_set():
            step = _step(call, answer)
            if isinstance(step, list):
                return step
            if isinstance(step, Pause):
                stop.wait(step.seconds)
                answer = None
            else:
                answer = _post(client, step, deadline)
    raise _StoppedError


async def _run_async(
    call: Call, client: httpx.AsyncClient, slots: Slots, deadline: float
) -> list[float]:
    answer: Response | APIError | None = None
    async with _slot_async(slots, deadline):
        while True:
            # In a thread, since a call shrinks and encodes images before it asks for anything.
            step = await asyncio.to_thread(_step, call, answer)
            if isinstance(step, list):
                return step
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await _post_async(client, step, deadline)


def _step(call: Call, answer: Response | APIError | None) -> Step | list[float]:
    """What the call wants next, or its scores once it has ended."""
    try:
        return call.send(answer)
    except StopIteration as stop:
        scores: list[float] = stop.value
        return scores


@contextmanager
def _slot(slots: Slots, deadline: float) -> Iterator[None]:
    asked = slots.ask()
    try:
        asked.result(_left(deadline))
    except TimeoutError:
        slots.withdraw(asked)
        raise _late() from None
    except BaseException:
        slots.withdraw(asked)
        raise
    try:
        yield
    finally:
        slots.give_back()


@asynccontextmanager
async def _slot_async(slots: Slots, deadline: float) -> AsyncIterator[None]:
    asked = slots.ask()
    try:
        await asyncio.wait_for(asyncio.wrap_future(asked), _left(deadline))
    except TimeoutError:
        slots.withdraw(asked)
        raise _late() from None
    except BaseException:  # cancelled
        slots.withdraw(asked)
        raise
    try:
        yield
    finally:
        slots.give_back()


def _post(client: httpx.Client, step: Request, deadline: float) -> Response | APIError:
    request = _build(client, step, deadline)
    try:
        got = client.send(request, stream=True, follow_redirects=False)
        try:
            content = bytearray()
            for piece in got.iter_bytes():
                content += piece
                _check(content, deadline)
        finally:
            got.close()
            _let_go(got)
    except (httpx.HTTPError, httpx.StreamError) as error:
        return _failure(error)
    except APIError as error:
        return error
    return _response(got, bytes(content))


async def _post_async(
    client: httpx.AsyncClient, step: Request, deadline: float
) -> Response | APIError:
    request = _build(client, step, deadline)
    try:
        async with asyncio.timeout(_left(deadline)):
            got = await client.send(request, stream=True, follow_redirects=False)
            try:
                content = bytearray()
                async for piece in got.aiter_bytes():
                    content += piece
                    _check(content, deadline)
            finally:
                await got.aclose()
                _let_go(got)
    except (httpx.HTTPError, httpx.StreamError) as error:
        return _failure(error)
    except TimeoutError:
        return _late()
    except APIError as error:
        return error
    return _response(got, bytes(content))


def _build(
    client: httpx.Client | httpx.AsyncClient, step: Request, deadline: float
) -> httpx.Request:
    """The client's own timeouts hold, none beyond the deadline."""
    left = _left(deadline)
    timeouts = {
        name: left if seconds is None else min(left, seconds)
        for name, seconds in client.timeout.as_dict().items()
    }
    return client.build_request(
        "POST",
        step.url,
        headers=step.headers,
        content=step.content,
        timeout=httpx.Timeout(**timeouts),
    )


def _check(content: bytearray, deadline: float) -> None:
    if len(content) > _MAX_ANSWER:
        raise InvalidResponseError(f"the answer is longer than {_MAX_ANSWER} bytes")
    if time.monotonic() > deadline:
        raise _late()


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _late() -> APITimeoutError:
    return APITimeoutError("the call did not end before its deadline")


def _response(got: httpx.Response, content: bytes) -> Response:
    headers = {name.lower(): value for name, value in got.headers.items()}
    return Response(got.status_code, headers, content)


def _let_go(got: httpx.Response) -> None:
    """Break httpx's cycle of response and stream: it holds the request's body, and so its images,
    until the garbage collector finds it.
    """
    got.stream = httpx.ByteStream(b"")


def _failure(error: httpx.HTTPError | httpx.StreamError) -> APIError:
    """What httpx could not do, as our error. Its text names host and cause, never headers."""
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"the service did not answer in time ({type(error).__name__})")
    return APIConnectionError(f"the service could not be reached: {error or type(error).__name__}")

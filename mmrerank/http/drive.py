"""The only code that waits: drives calls, synchronously or asynchronously.

A call is a generator that yields what it needs (a `Request` to send, a `Pause` to make) and is
sent what came of it (a `Response`, or the `APIError` that prevented one; None after a pause).
It holds all logic, retries included; the two drivers below hold none, and fan calls out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import httpx

from mmrerank.errors import APIConnectionError, APIError, APITimeoutError

__all__ = ["Call", "Pause", "Request", "Response", "drive", "drive_async"]


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. Headers and body stay out of its repr: they hold the key and the images."""

    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds before going on."""

    seconds: float


Call = Generator[Request | Pause, Response | APIError | None, list[float]]


def drive(calls: Sequence[Call], client: httpx.Client, max_concurrency: int) -> list[list[float]]:
    """Run the calls, at most `max_concurrency` at once; their results in the calls' order.

    The first error is raised; calls that have not begun are dropped then.
    """
    if len(calls) == 1:
        return [_run(calls[0], client)]
    with ThreadPoolExecutor(max_workers=max(1, min(max_concurrency, len(calls)))) as pool:
        futures = [pool.submit(_run, call, client) for call in calls]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()  # raises what failed, before any that was cancelled
        return [future.result() for future in futures]


async def drive_async(
    calls: Sequence[Call], client: httpx.AsyncClient, max_concurrency: int
) -> list[list[float]]:
    """As `drive`, with tasks. Cancelling it, or an error in one call, cancels the others."""
    gate = asyncio.Semaphore(max(1, max_concurrency))

    async def one(call: Call) -> list[float]:
        async with gate:
            return await _run_async(call, client)

    tasks = [asyncio.create_task(one(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _run(call: Call, client: httpx.Client) -> list[float]:
    answer: Response | APIError | None = None
    while True:
        step = _step(call, answer)
        if isinstance(step, list):
            return step
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            answer = None
            continue
        try:
            got = client.post(step.url, headers=step.headers, content=step.content)
            answer = _response(got)
        except httpx.HTTPError as error:
            answer = _failure(error)


async def _run_async(call: Call, client: httpx.AsyncClient) -> list[float]:
    answer: Response | APIError | None = None
    while True:
        # In a thread, since a call shrinks and encodes its images before it asks for anything.
        step = await asyncio.to_thread(_step, call, answer)
        if isinstance(step, list):
            return step
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            answer = None
            continue
        try:
            got = await client.post(step.url, headers=step.headers, content=step.content)
            answer = _response(got)
        except httpx.HTTPError as error:
            answer = _failure(error)


def _step(call: Call, answer: Response | APIError | None) -> Request | Pause | list[float]:
    """What the call wants next, or its scores once it has ended."""
    try:
        return call.send(answer)
    except StopIteration as stop:
        scores: list[float] = stop.value
        return scores


def _response(got: httpx.Response) -> Response:
    headers = {name.lower(): value for name, value in got.headers.items()}
    return Response(got.status_code, headers, got.content)


def _failure(error: httpx.HTTPError) -> APIError:
    """What httpx could not do, as our error. Its text names host and cause, never headers."""
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"the service did not answer in time ({type(error).__name__})")
    return APIConnectionError(f"the service could not be reached: {error or type(error).__name__}")

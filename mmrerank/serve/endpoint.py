"""What all paths share: keys, errors in their own form, counts and logs."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from mmrerank.serve.logs import log_event, log_failure
from mmrerank.serve.problems import Problem, RefusedError, problem_of
from mmrerank.serve.service import Service

__all__ = ["Counts", "Endpoint", "plain_error", "unless_gone"]

T = TypeVar("T")

Counts = dict[str, int]
"""What a request was about: documents, images, tokens, bytes."""

Handler = Callable[[Request, Counts], Awaitable[Response]]
ErrorForm = Callable[[Problem, str], tuple[int, dict[str, Any]] | Response]

_GONE = 499  # nobody reads it; logs and metrics have it


def plain_error(problem: Problem, request_id: str) -> tuple[int, dict[str, Any]]:
    """The form of an error on a path that is nobody's dialect."""
    body = {"message": problem.message, "code": problem.code, "request_id": request_id}
    return problem.status, {"error": body}


class Endpoint:
    """One path of the server, and an ASGI application. With `is_public`, it asks for no key."""

    def __init__(
        self,
        service: Service,
        path: str,
        handler: Handler,
        error_form: ErrorForm = plain_error,
        *,
        is_public: bool = False,
    ) -> None:
        self._service, self._path, self._handler = service, path, handler
        self._error_form, self._is_public = error_form, is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as an ASGI application."""
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer to a request, whatever goes wrong with it."""
        begun, request_id, counts = time.perf_counter(), uuid.uuid4().hex, Counts()
        request.state.id = request_id
        code = None
        try:
            self._check_key(request)
            response = await self._handler(request, counts)
        except ClientDisconnect:
            response, code = Response(status_code=_GONE), "client_left"
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 500:
                log_failure("failed", error)
            response, code = self._error(problem, request_id), problem.code
        response.headers["X-Request-ID"] = request_id
        seconds = time.perf_counter() - begun
        self._service.metrics.count(self._path, response.status_code, seconds, counts)
        facts = {"error": code} if code else {}
        log_event(
            "request",
            id=request_id,
            path=self._path,
            status=response.status_code,
            seconds=round(seconds, 6),
            **counts,
            **facts,
        )
        return response

    def _check_key(self, request: Request) -> None:
        keys = self._service.settings.keys
        if not self._is_public and not keys.accept(request.headers.get("authorization")):
            raise RefusedError(401, "unauthorized", "a key is needed, or the key is unknown")

    def _error(self, problem: Problem, request_id: str) -> Response:
        written = self._error_form(problem, request_id)
        response = (
            written if isinstance(written, Response) else JSONResponse(written[1], written[0])
        )
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, round(problem.retry_after)))
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="mmrerank", Bearer'
        return response


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled if the client leaves.

    Call it after the body was read. Raises starlette's `ClientDisconnect`.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_wait_until_gone(request))
    gone.add_done_callback(lambda _: task.cancel())  # does nothing if it is done
    try:
        return await task
    except asyncio.CancelledError:
        if gone.done():
            raise ClientDisconnect from None
        raise
    finally:
        gone.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

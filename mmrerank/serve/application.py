"""FastAPI, which the requests that come most often pass by."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Application"]


class Application(FastAPI):
    """FastAPI, but for some paths whose endpoints need none of its layers: it would take longer
    than reading the request. FastAPI still describes these paths, and answers other methods.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._direct: dict[tuple[str, str], ASGIApp] = {}

    def answer_directly(self, method: str, path: str, endpoint: ASGIApp) -> None:
        """Let `endpoint` answer this method of exactly this path."""
        self._direct[method, path] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as an ASGI application."""
        is_http = scope["type"] == "http"
        direct = self._direct.get((scope["method"], scope["path"])) if is_http else None
        await (super().__call__ if direct is None else direct)(scope, receive, send)

"""The application: all paths of a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from mmrerank import __version__
from mmrerank.serve.application import Application
from mmrerank.serve.routes import documentation, rerank, search, status
from mmrerank.serve.service import Service

__all__ = ["make_app"]


def make_app(service: Service) -> FastAPI:
    """The ASGI application of a service, which loads its model once the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.ensure_future(service.load())
        yield
        loading.cancel()
        await service.close()

    app = Application(
        title="mmrerank",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its pages load scripts from another host
        redoc_url=None,
        openapi_url=None,
    )
    rerank.add_routes(app, service)
    status.add_routes(app, service)
    if service.has_index:
        search.add_routes(app, service)
    documentation.add_routes(app, service)
    return app

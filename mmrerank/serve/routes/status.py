"""Is the server there, is it ready, what does it serve, and what has it done."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from mmrerank.serve.endpoint import Counts, Endpoint
from mmrerank.serve.service import Service

__all__ = ["add_routes"]


def add_routes(app: FastAPI, service: Service) -> None:
    """`/health` and `/ready`, for which no key is needed, `/v1/models` and `/metrics`."""

    async def health(request: Request, counts: Counts) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request, counts: Counts) -> Response:
        _ = service.scheduler  # refuses with 503 until the model is loaded
        return JSONResponse({"status": "ready"})

    async def models(request: Request, counts: Counts) -> Response:
        row = {"id": service.settings.name, "object": "model", "owned_by": "mmrerank"}
        return JSONResponse({"object": "list", "data": [row]})

    async def metrics(request: Request, counts: Counts) -> Response:
        text, media_type = service.metrics.text()
        return Response(text, media_type=media_type)

    for path, handler, is_public, summary in (
        ("/health", health, True, "Whether the server is there"),
        ("/ready", ready, True, "Whether requests are taken: 503 while loading and draining"),
        ("/v1/models", models, False, "The model that is served"),
        ("/metrics", metrics, False, "Counts, for Prometheus"),
    ):
        endpoint = Endpoint(service, path, handler, is_public=is_public)
        app.add_api_route(
            path, endpoint.answer, methods=["GET"], summary=summary, response_model=None
        )

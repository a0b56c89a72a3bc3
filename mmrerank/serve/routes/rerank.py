"""Reranking, in the form of the dialect that a client speaks."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mmrerank.base import rank
from mmrerank.serve.application import Application
from mmrerank.serve.contents import read_contents
from mmrerank.serve.dialects.base import Call, Dialect
from mmrerank.serve.dialects.cohere import Cohere
from mmrerank.serve.dialects.jina import Jina
from mmrerank.serve.endpoint import Counts, Endpoint, unless_gone
from mmrerank.serve.service import Service, off_loop
from mmrerank.types import Content

__all__ = ["add_routes"]

_ALWAYS_OFF_LOOP = 2**62
"""As the size of what may open URLs or images."""


def add_routes(app: Application, service: Service) -> None:
    """`/v1/rerank` as Jina has it, `/v2/rerank` as Cohere has it."""
    for dialect in (Jina(), Cohere()):
        _add(app, service, dialect)


def _add(app: Application, service: Service, dialect: Dialect) -> None:
    async def handle(request: Request, counts: Counts) -> Response:
        return await _rerank(service, dialect, request, counts)

    endpoint = Endpoint(service, dialect.path, handle, dialect.error)
    app.answer_directly("POST", dialect.path, endpoint)
    schema = dialect.request.model_json_schema(ref_template="#/components/schemas/{model}")
    app.add_api_route(
        dialect.path,
        endpoint.answer,
        methods=["POST"],
        name=f"rerank_{dialect.name}",
        summary=f"Rerank documents, as {dialect.name.title()} has it",
        response_model=None,
        responses={200: {"model": dialect.response}},
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}
        },
    )


async def _rerank(service: Service, dialect: Dialect, request: Request, counts: Counts) -> Response:
    with service.open():
        async with service.bodies.read(request) as body:
            size = len(body)
            counts["bytes"] = size
            call = await off_loop(size, lambda: dialect.read(body))
            query, documents = await _contents(service, call)
            counts["documents"] = len(documents)
            counts["images"] = sum(len(one.images) for one in (query, *documents))
            answer = await unless_gone(request, service.scheduler.submit(query, documents))
            counts["tokens"] = answer.usage.total_tokens or 0
            results = rank(documents, answer.scored, top_n=call.top_n)
            tokens, request_id = counts["tokens"], request.state.id
            return await off_loop(
                size if call.echo else 0,
                lambda: JSONResponse(
                    dialect.write(
                        call,
                        results,
                        model=service.settings.name,
                        tokens=tokens,
                        request_id=request_id,
                    )
                ),
            )


async def _contents(service: Service, call: Call) -> tuple[Content, list[Content]]:
    has_images = any(
        not isinstance(item, str) and "image" in item for item in (call.query, *call.documents)
    )
    modalities = service.scheduler.reranker.modalities
    return await off_loop(
        _ALWAYS_OFF_LOOP if has_images else 0,
        lambda: read_contents(call, service.settings, modalities),
    )

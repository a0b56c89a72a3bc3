"""What the server can be asked, for programs and for people, without a script or another host."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from mmrerank.display.markup import Node, element
from mmrerank.display.page import document
from mmrerank.serve.endpoint import Counts, Endpoint
from mmrerank.serve.pages import page_response
from mmrerank.serve.service import Service

__all__ = ["add_routes"]


def add_routes(app: FastAPI, service: Service) -> None:
    """`/openapi.json`, and `/docs` with the same as a page."""

    async def schema(request: Request, counts: Counts) -> Response:
        return JSONResponse(app.openapi())

    async def page(request: Request, counts: Counts) -> Response:
        return page_response(_page(app.openapi()))

    for path, handler in (("/openapi.json", schema), ("/docs", page)):
        endpoint = Endpoint(service, path, handler)
        app.add_api_route(path, endpoint.answer, methods=["GET"], include_in_schema=False)


def _page(schema: dict[str, Any]) -> str:
    title = f"{schema['info']['title']} {schema['info']['version']}"
    operations = [
        node
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        for node in _operation(method, path, operation)
    ]
    program = element("a", "/openapi.json", href="/openapi.json")
    return document(
        title, element("h1", title), element("p", "For programs: ", program), *operations
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[Node]:
    nodes: list[Node] = [
        element("h2", element("code", f"{method.upper()} {path}")),
        element("p", operation.get("summary", "")),
    ]
    if (body := operation.get("requestBody")) is not None:
        text = json.dumps(body["content"]["application/json"]["schema"], indent=2)
        summary = element("summary", f"The JSON of {path}", style="summary")
        nodes.append(
            element("details", summary, element("pre", text, style="whole"), style="details")
        )
    return nodes

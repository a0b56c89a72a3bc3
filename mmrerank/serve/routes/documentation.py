"""What the server can be asked, for programs and for people, without a script or another host."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from mmrerank.serve.endpoint import Counts, Endpoint
from mmrerank.serve.service import Service

__all__ = ["add_routes"]

_STYLE = """
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: auto; padding: 1rem }
pre { overflow-x: auto; border: 1px solid; padding: .75rem }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def add_routes(app: FastAPI, service: Service) -> None:
    """`/openapi.json`, and `/docs` with the same as a page."""

    async def schema(request: Request, counts: Counts) -> Response:
        return JSONResponse(app.openapi())

    async def page(request: Request, counts: Counts) -> Response:
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(_page(app.openapi()), headers=headers)

    for path, handler in (("/openapi.json", schema), ("/docs", page)):
        endpoint = Endpoint(service, path, handler)
        app.add_api_route(path, endpoint.answer, methods=["GET"], include_in_schema=False)


def _page(schema: dict[str, Any]) -> str:
    paths = [
        _operation(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f"{''.join(paths)}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation.get('summary', ''))}</p>",
    ]
    body = operation.get("requestBody")
    if body is not None:
        text = json.dumps(body["content"]["application/json"]["schema"], indent=2)
        parts.append(
            "<details><summary>The request's JSON</summary>"
            f'<pre tabindex="0">{escape(text)}</pre></details>'
        )
    return "".join(parts)

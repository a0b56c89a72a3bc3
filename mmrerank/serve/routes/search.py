"""Searching the server's index: for programs, and as a page for people."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from mmrerank.display.cards import Card
from mmrerank.display.markup import Node, element
from mmrerank.display.page import document
from mmrerank.errors import InvalidInputError
from mmrerank.index.filters import parse_where
from mmrerank.index.hits import Hit, HitImage
from mmrerank.index.search import SearchSettings
from mmrerank.serve.endpoint import Counts, Endpoint, unless_gone
from mmrerank.serve.pages import page_response
from mmrerank.serve.problems import Problem
from mmrerank.serve.search import in_thread
from mmrerank.serve.service import Service

__all__ = ["add_routes"]

_ON_PAGE = 10  # results

_LONGEST_QUERY = 2000  # characters, of the page: it stands in an address


class SearchRequest(BaseModel):
    """A search. `where` has conditions such as `file=NAME` or `page=2-4`, as on the command line.

    Without `routes`, all routes that the index has.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    query: str
    top_n: Annotated[int, Field(ge=1, le=100)] = 5
    fetch_k: Annotated[int, Field(ge=1, le=1000)] = 50
    where: list[str] = []
    routes: Annotated[list[str], Field(min_length=1)] | None = None


def add_routes(app: FastAPI, service: Service) -> None:
    """`/v1/search`, and `/` with a search box and its results."""

    async def search(request: Request, counts: Counts) -> Response:
        with service.open():
            async with service.bodies.read(request) as body:
                return await _search(service, request, bytes(body), counts)

    async def page(request: Request, counts: Counts) -> Response:
        with service.open():
            return await _page(service, request, counts)

    schema = SearchRequest.model_json_schema()
    app.add_api_route(
        "/v1/search",
        Endpoint(service, "/v1/search", search).answer,
        methods=["POST"],
        summary="Search the index, and rerank what was found",
        response_model=None,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": schema}}}},
    )
    app.add_api_route(
        "/",
        Endpoint(service, "/", page, _error_page).answer,
        methods=["GET"],
        include_in_schema=False,
    )


async def _search(service: Service, request: Request, body: bytes, counts: Counts) -> Response:
    given = SearchRequest.model_validate_json(body)
    settings = SearchSettings(
        top_n=given.top_n,
        fetch_k=given.fetch_k,
        where=parse_where(given.where) if given.where else None,
        routes=given.routes,
    )
    stages = await unless_gone(request, service.searches.stages(given.query, settings))
    counts["documents"] = len(stages.results)
    rows = {
        "found": [_row(hit) for hit in stages.found],
        "results": [_row(hit) for hit in stages.results],
        "search_time": stages.search_time,
        "rerank_time": stages.rerank_time,
    }
    return JSONResponse(rows)


def _row(hit: Hit) -> dict[str, Any]:
    """A result as JSON: nothing of it names a folder of this machine but its source."""
    names = "rank score is_scored retrieval_rank retrieval_score source page text kind best_image"
    lists = "matched_in_text matched_in_image matched_in_caption also_in"
    return {
        **{name: getattr(hit, name) for name in names.split()},
        **{name: list(getattr(hit, name)) for name in lists.split()},
        "routes": dict(hit.routes),
        "images": [_image_row(image) for image in hit.images],
    }


def _image_row(image: HitImage) -> dict[str, Any]:
    names = "path page caption kind generated_caption generated_by"
    return {name: getattr(image, name) for name in names.split()}


# -- the page


async def _page(service: Service, request: Request, counts: Counts) -> Response:
    query = request.query_params.get("q", "")
    wants_pages = "pages" in request.query_params
    form = _form(query, wants_pages)
    if not query.strip():
        title = f"Search with {service.settings.name}"
        return page_response(document(title, element("h1", title), form, form_action="'self'"))
    if len(query) > _LONGEST_QUERY:
        raise InvalidInputError(f"a query of this page has at most {_LONGEST_QUERY} characters")
    searches = service.searches
    found = await unless_gone(
        request,
        searches.page(
            query,
            SearchSettings(top_n=_ON_PAGE),
            pages=wants_pages,
            explained=_rank(request.query_params.get("explain")),
        ),
    )
    counts["documents"] = len(found.cards)

    def link(card: Card) -> Node:
        if not searches.can_explain or card.explanation is not None:
            return None
        pages = {"pages": "1"} if wants_pages else {}
        address = f"?{urlencode({'q': query, 'explain': card.rank, **pages})}"
        return element("p", element("a", f"Explain the score of result {card.rank}", href=address))

    return page_response(
        await in_thread(lambda: found.html(form, after_card=link, form_action="'self'"))
    )


def _rank(value: str | None) -> int | None:
    """The rank to explain. Raises `InvalidInputError` for one that is none."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or not 1 <= int(value[:4]) <= _ON_PAGE:
        raise InvalidInputError(f"a rank of this page is from 1 to {_ON_PAGE}")
    return int(value)


def _form(query: str, wants_pages: bool) -> Node:
    return element(
        "form",
        element(
            "input",
            type="search",
            name="q",
            value=query,
            aria_label="Your question",
            placeholder="Your question",
            dir="auto",
            style="search-box",
        ),
        element("button", "Search", type="submit", style="button"),
        element(
            "label",
            element("input", type="checkbox", name="pages", value="1", checked=wants_pages),
            "Show pages",
            style="search-option",
        ),
        style="search",
        role="search",
        action="/",
        method="get",
    )


def _error_page(problem: Problem, request_id: str) -> Response:
    title = "This does not work"
    body = (element("h1", title), element("p", problem.message), _form("", False))
    return page_response(document(title, *body, form_action="'self'"), problem.status)

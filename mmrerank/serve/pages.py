"""Pages for people, as answers: with headers that let them load nothing and be framed by nobody."""

from __future__ import annotations

from fastapi import Response
from fastapi.responses import HTMLResponse

from mmrerank.display.styles import SHEET_HASH

__all__ = ["page_response"]

_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{SHEET_HASH}'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page_response(page: str, status: int = 200) -> Response:
    """The answer with a page of `mmrerank.display.page.document`."""
    return HTMLResponse(page, status, headers=_HEADERS)

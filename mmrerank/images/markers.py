"""Markers: the places of images in running text, so that a text splitter keeps them in place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ["cut_markers", "marked_refs", "marker", "resolve_markers", "with_markers"]

_MARKER = re.compile(r"\[\[img:[0-9a-f]{16}\]\]")

_MARKER_AND_SPACE = re.compile(r" ?\[\[img:[0-9a-f]{16}\]\]")


def marker(ref: str) -> str:
    """The text that marks an image's place in running text, so that splitters keep it in place.

    64 bits of a hash: the same reference always has the same marker, so ids stay deterministic.
    """
    return f"[[img:{hashlib.sha256(ref.encode()).hexdigest()[:16]}]]"


def marked_refs(text: str, refs: Iterable[str]) -> list[str]:
    """Those of the parent document's own `refs` whose markers are in `text`, in text order.

    A marker of any other reference is ignored: text is untrusted.
    """
    refs_by_marker = {marker(ref): ref for ref in refs}
    markers = dict.fromkeys(match[0] for match in _MARKER.finditer(text))
    return [refs_by_marker[mark] for mark in markers if mark in refs_by_marker]


def cut_markers(text: str) -> str:
    """The text without its markers."""
    return _MARKER_AND_SPACE.sub("", text)


def with_markers(text: str, places: Iterable[tuple[int, str]]) -> str:
    """The text with a marker at each place (an offset in characters and a reference)."""
    for at, ref in sorted(set(places), reverse=True):
        before = " " if text[:at] and not text[:at][-1].isspace() else ""
        text = f"{text[:at]}{before}{marker(ref)}{text[at:]}"
    return text


def resolve_markers(text: str, refs: Iterable[str]) -> tuple[str, list[str]]:
    """A piece of a document's text without markers, and those of the document's `refs` in it."""
    return cut_markers(text), marked_refs(text, refs)

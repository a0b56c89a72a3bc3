"""Which evidence the results of a search show, as a ranking that measures can read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from urllib.parse import quote

from mmrerank.evaluation.data import EvaluationData, Evidence, Question, document_id
from mmrerank.index.hits import Hit

__all__ = ["is_file", "ranking_of", "shows"]

Place = tuple[str, int | None]
"""The path of a file and a page of it."""


def is_file(path: str, name: str) -> bool:
    """Whether a path is this file, or ends in this name or in these folders and this name."""
    parts, wanted = Path(path).parts, PurePath(name).parts
    return bool(wanted) and parts[-len(wanted) :] == wanted


def _same_document(path: str, name: str) -> bool:
    return document_id(path) == document_id(name)


def ranking_of(hits: Sequence[Hit], question: Question, data: EvaluationData) -> list[str]:
    """The evidence and the other places that results show, in their order, each once.

    A result that shows evidence takes a place for each piece that no earlier one showed. Another
    takes one place, unless it shows only pages that were there before: so ten chunks of one page
    are one place, as a reader who has seen the page would count them.
    """
    is_same = _same_document if data.is_collection else is_file
    ranking: dict[str, None] = {}
    seen: set[Place] = set()
    for hit in hits:
        places = _places(hit)
        shown = [data.unit(one) for one in question.evidence if shows(hit, one, is_same)]
        new = [place for place in places if place not in seen]
        if fresh := [unit for unit in shown if unit not in ranking]:
            ranking.update(dict.fromkeys(fresh))
        elif new and not shown:
            ranking[_other(hit, new[0], data)] = None
        seen.update(places)
    return list(ranking)


def _places(hit: Hit) -> list[Place]:
    """The page of the text and that of the best image; a chunk of a file without pages is its own."""
    if hit.page is None:
        return [(f"{hit.source}#{hit.id}", None)]
    pages = [hit.page, *(i.page for i in hit.images if i.path == hit.best_image and i.page)]
    return [(hit.source, page) for page in dict.fromkeys(pages)]


def _other(hit: Hit, place: Place, data: EvaluationData) -> str:
    """How a run names a place that shows no evidence. It never equals the name of evidence."""
    if data.is_collection:
        return data.unit(Evidence(file=hit.source))
    name, page = quote(hit.source), place[1]
    return f"{name}#other-page={page}" if page else f"{name}#other={quote(hit.id)}"


def shows(hit: Hit, evidence: Evidence, is_same: Callable[[str, str], bool] = is_file) -> bool:
    """Whether a result shows a piece of evidence, itself or in a copy that it stands for.

    `is_same` says whether a path is the evidence's file.
    """
    if evidence.figure:
        return is_same(hit.source, evidence.file) and _has_figure(hit, evidence)
    pages = [(hit.source, hit.page), *hit.also_in]
    pages += [(hit.source, image.page) for image in hit.images if image.path == hit.best_image]
    is_there = any(
        is_same(source, evidence.file) and evidence.page in (None, page) for source, page in pages
    )
    return is_there and _plain(evidence.text) in _plain(hit.text)


def _has_figure(hit: Hit, evidence: Evidence) -> bool:
    figure = _plain(evidence.figure)
    whole = re.compile(rf"(?<!\w){re.escape(figure)}(?!\w)")
    return any(
        evidence.page in (None, image.page)
        and (image.path == evidence.figure or whole.search(_plain(image.caption)))
        for image in hit.images
    )


def _plain(text: str) -> str:
    """Text by which two texts are compared: white space, case and width of letters do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

"""The results of a search: figures merged with the text that cites them, and why each was found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmrerank.index.captions import GeneratedCaption, generated_captions
from mmrerank.index.duplicates import Found, originals
from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.hits import Hit, HitImage
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.loaders.base import BOX_KEY
from mmrerank.loaders.boxes import read_box
from mmrerank.ocr.bm25 import tokenize
from mmrerank.ocr.words import loader_facts
from mmrerank.types import Content, Image

__all__ = ["Results"]

_JOINTS = re.compile(r"[-/_.:,;]+")


class Results:
    """Makes results of ranked entries."""

    def __init__(self, ledger: Ledger, image_root: Path) -> None:
        self._ledger, self._image_root = ledger, image_root

    def hits(
        self,
        query: Content,
        candidates: Sequence[Found],
        ranked: Sequence[Ranked[Entry]],
        top_n: int,
    ) -> list[Hit]:
        """The best `top_n` results: figures are joined to their text, matched words are found."""
        refs = list(dict.fromkeys(ref for found in candidates for ref in found.entry.images))
        copies = originals(refs, self._ledger.pictures(refs))
        ranked = one_per_figure(ranked, copies)[:top_n]
        self._ledger.fetch_images([one.entry for one in ranked])
        captions = self._captions(ranked)
        in_images = self._ledger.texts_of_images(
            [one.best_image for one in ranked if one.best_image]
        )
        words = {word: set(tokenize(word)) for word in (query.text or "").split()}
        return [
            replace(
                self._hit(rank, one, candidates[one.candidate], captions),
                **_matches(words, one, in_images, captions),
            )
            for rank, one in enumerate(ranked, start=1)
        ]

    def _captions(self, ranked: Sequence[Ranked[Entry]]) -> dict[str, GeneratedCaption]:
        """The generated captions of all images that the results show."""
        refs = [ref for one in ranked for ref in (*one.entry.images, one.best_image or "")]
        return generated_captions(self._ledger, list(dict.fromkeys(refs)))

    def _hit(
        self,
        rank: int,
        one: Ranked[Entry],
        found: Found,
        captions: Mapping[str, GeneratedCaption],
    ) -> Hit:
        entry = one.entry
        shown: Mapping[str, None] = dict.fromkeys(
            [*entry.images, *([one.best_image] if one.best_image else [])]
        )
        return Hit(
            rank=rank,
            score=float(one.score),
            retrieval_rank=one.candidate + 1,
            retrieval_score=float(found.score),
            source=entry.path,
            page=entry.page or None,
            text=entry.text,
            box=read_box(entry.metadata.get(BOX_KEY)),
            images=[self._hit_image(ref, entry.path, captions.get(ref)) for ref in shown],
            best_image=one.best_image,
            kind=entry.kind,
            routes=found.ranks,
            also_in=_other_places(one, found),
            id=entry.id,
            metadata=entry.metadata,
            is_scored=one.is_scored,
        )

    def _hit_image(self, ref: str, source: str, generated: GeneratedCaption | None) -> HitImage:
        facts = loader_facts(Image(path=self._image_root / ref, root=self._image_root), source)
        page = facts.get("page")
        return HitImage(
            path=ref,
            page=page if isinstance(page, int) and page > 0 else None,
            caption=str(facts.get("caption") or ""),
            file=str(self._image_root / ref),
            box=read_box(facts.get("box")),
            kind=str(facts.get("kind") or ""),
            generated_caption=generated.caption.text if generated is not None else "",
            generated_by=generated.model if generated is not None else "",
        )


def _other_places(one: Ranked[Entry], found: Found) -> list[tuple[str, int | None]]:
    """The files and pages of entries with the same text, and of other files with the same picture."""
    elsewhere = [other for other in one.also_in if other.path != one.entry.path]
    places = dict.fromkeys(
        (other.path, other.page or None) for other in (*found.also_in, *elsewhere)
    )
    return [place for place in places if place != (one.entry.path, one.entry.page or None)]


def _matches(
    words: Mapping[str, set[str]],
    one: Ranked[Entry],
    in_images: Mapping[str, str],
    captions: Mapping[str, GeneratedCaption],
) -> dict[str, Any]:
    """The words of a query in the text, in the best image and in its generated caption."""
    image = one.best_image or ""
    # The text of a figure's entry is the words of the image.
    text = "" if one.entry.kind == "figure" else one.entry.words
    generated = captions[image].caption.text if image in captions else ""
    return {
        "matched_in_text": _matched(words, set(text.split())),
        "matched_in_image": _matched(words, set(tokenize(in_images.get(image, "")))),
        "matched_in_caption": _matched(words, set(tokenize(generated))),
    }


def _matched(words: Mapping[str, set[str]], tokens: set[str]) -> list[str]:
    """The words of a query, as they are written there, that have a token among `tokens`."""
    matched: list[str] = []
    for word, own in words.items():
        pieces = [word] if own <= tokens else _JOINTS.split(word)  # of 4471-C, perhaps the C only
        matched += [p.strip("?!.,;:\"'()[]") for p in pieces if not tokens.isdisjoint(_tokens(p))]
    return list(dict.fromkeys(matched))


@lru_cache(maxsize=1024)
def _tokens(piece: str) -> frozenset[str]:
    """The tokens of a piece of a query, which each result is compared with."""
    return frozenset(tokenize(piece))

"""The results of a search: figures joined to their text, and why each is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
        captions = self._captions(ranked)
        return [
            replace(
                self._hit(rank, one, candidates[one.candidate], captions),
                **self._matches(query, one, captions),
            )
            for rank, one in enumerate(ranked, start=1)
        ]

    def _matches(
        self, query: Content, one: Ranked[Entry], captions: Mapping[str, GeneratedCaption]
    ) -> dict[str, Any]:
        """The words of the query in the text, the best image, and what a model said of it."""
        words = {word: set(tokenize(word)) for word in (query.text or "").split()}
        image = one.best_image or ""
        # The text of a figure's entry is the words of the image.
        text = "" if one.entry.kind == "figure" else one.entry.words
        in_image = self._ledger.texts_of_images([image]).get(image, "") if image else ""
        said = captions[image].caption.text if image in captions else ""
        return {
            "matched_in_text": _matched(words, set(text.split())),
            "matched_in_image": _matched(words, set(tokenize(in_image))),
            "matched_in_caption": _matched(words, set(tokenize(said))),
        }

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

    def _hit_image(self, ref: str, source: str, said: GeneratedCaption | None) -> HitImage:
        facts = loader_facts(Image(path=self._image_root / ref, root=self._image_root), source)
        page = facts.get("page")
        return HitImage(
            path=ref,
            page=page if isinstance(page, int) and page > 0 else None,
            caption=str(facts.get("caption") or ""),
            file=str(self._image_root / ref),
            box=read_box(facts.get("box")),
            kind=str(facts.get("kind") or ""),
            generated_caption=said.caption.text if said is not None else "",
            generated_by=said.model if said is not None else "",
        )


def _other_places(one: Ranked[Entry], found: Found) -> list[tuple[str, int | None]]:
    """The files and pages of entries with the same text, and of other files with the same picture."""
    elsewhere = [other for other in one.also_in if other.path != one.entry.path]
    places = dict.fromkeys(
        (other.path, other.page or None) for other in (*found.also_in, *elsewhere)
    )
    return [place for place in places if place != (one.entry.path, one.entry.page or None)]


def _matched(words: Mapping[str, set[str]], tokens: set[str]) -> list[str]:
    """Those words of a query, as it has them, of which a token is among `tokens`."""
    matched: list[str] = []
    for word, own in words.items():
        pieces = [word] if own <= tokens else _JOINTS.split(word)  # of 4471-C, perhaps the C only
        matched += [p.strip("?!.,;:\"'()[]") for p in pieces if tokens & set(tokenize(p))]
    return list(dict.fromkeys(matched))

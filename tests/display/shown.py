"""Results as tests show them, also those of somebody who means harm."""

from __future__ import annotations

from pathlib import Path

import pymupdf
from helpers import png

from mmrerank.display.cards import Card, CardImage, CardPart
from mmrerank.explanation import ExplainedPart, Explanation, ImageMap, WordWeight
from mmrerank.index.hits import HitImage
from mmrerank.types import Image

QUERY = "torque of the turbine"

HOSTILE = [
    "<script>document.title = 'owned'</script>",
    "</p></article></main><h1>owned</h1>",
    '"><img src=x onerror="document.title = 1">',
    "'><svg onload=document.title=1><a href=javascript:alert(1)>x</a></svg>",
    '<iframe src="https://example.org/"></iframe><link rel=stylesheet href=//example.org/a.css>',
    '<img src="https://example.org/pixel.png"><meta http-equiv=refresh content="0;url=//example.org">',
    "data:text/html,<script>alert(1)</script> javascript:alert(1)",
    "<style>body { display: none }</style> &lt;b&gt; &#x3c;b&#x3e; &amp;",
    "\x1b]0;owned\x07\x1b[2J\x9b5n \x00 \ufffe \ud800 \r\n",
    "\u202egnp.exe\u202c \u2066\u2067\u061c\u200f\u200b\ufeff gpj.\u2028fdp",
    "{{ 7 * 7 }} ${7*7} <%= 7 * 7 %> {% raw %} ]]> <!-- --> <![CDATA[",
]


def card(text: str = "The torque of the turbine.", **known: object) -> Card:
    """A card with one image, the best, unless told otherwise."""
    facts = HitImage("f.png", 3, "Figure 1: The gauge.", box=(72.0, 90.0, 300.0, 240.0))
    fields: dict[str, object] = {
        "rank": 1,
        "score": 0.75,
        "retrieval_rank": 4,
        "routes": {"words": 2, "vectors": 9},
        "source": "/data/report.pdf",
        "page": 3,
        "section": "2 Machines",
        "images": [CardImage(facts, Image.from_bytes(png("torque")))],
        "best_image": 0,
        "parts": [CardPart("text", 0.25), CardPart("image", 0.75, 0)],
        "also_in": [("/data/copy.pdf", 7)],
        **known,
    }
    return Card(text=text, **fields)


def hostile_card(text: str, rank: int = 1) -> Card:
    """A card that has `text` wherever a document can put it."""
    facts = HitImage(
        text, 3, text, text, (0.0, 0.0, 9.0, 9.0), text, generated_caption=text, generated_by=text
    )
    return Card(
        rank=rank,
        text=text,
        score=0.5,
        retrieval_rank=2,
        routes={text: 1},
        parts=[CardPart("text", 0.25), CardPart("image", 0.75, 0)],
        title=text,
        source=text,
        can_open_source=True,
        page=3,
        page_label=text,
        section=text,
        kind=text,
        images=[
            CardImage(facts, Image.from_bytes(png("torque"))),
            CardImage(facts, None, text),
        ],
        best_image=0,
        matched_in_text=[text],
        matched_in_image=[text],
        matched_in_caption=[text],
        also_in=[(text, 1)],
    )


def pdf_file(path: Path) -> Path:
    """A PDF of three pages."""
    document = pymupdf.open()
    for number in (1, 2, 3):
        document.new_page().insert_text((72, 72), f"This is page {number}.")
    document.save(path)
    return path


def explanation(**known: object) -> Explanation:
    """An explanation of `card()`: two words of the query, words of the text, a map of the image."""
    words = [("The", 0.01), ("torque", 0.4), ("of", 0.0), ("the", -0.02), ("turbine.", -0.1)]
    fields: dict[str, object] = {
        "model": "m0",
        "method": "integrated_gradients",
        "score": 0.75,
        "output": 1.25,
        "baseline": 0.25,
        "gap": 0.1,
        "query": word_weights(QUERY, [("torque", 0.3), ("turbine", -0.05)]),
        "document": word_weights("The torque of the turbine.", words),
        "images": (
            ImageMap(
                image=0, rows=2, columns=3, width=400, height=120,
                weights=((0.1, 0.4, -0.2), (0.0, 0.01, 0.05)),
            ),
        ),
        "parts": (ExplainedPart(kind="image", score=0.75, share=1.0, image=0),),
        **known,
    }  # fmt: skip
    return Explanation(**fields)


def word_weights(text: str, weights: list[tuple[str, float]]) -> tuple[WordWeight, ...]:
    """Words of a text, in order, with their weights."""
    words: list[WordWeight] = []
    for word, weight in weights:
        start = text.index(word, words[-1].end if words else 0)
        words.append(WordWeight(text=word, start=start, end=start + len(word), weight=weight))
    return tuple(words)

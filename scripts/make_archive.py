"""Write the documents that the demo report is searched among: `python scripts/make_archive.py [DIR]`.

Two runs give the same bytes.
"""

from __future__ import annotations

import argparse
import io
import random
import re
from collections.abc import Iterator
from pathlib import Path

import report_scan
from archive_text import CARDS, DOCUMENTS, EVERYWHERE, WORDS
from make_report import BODY_STYLE, CAPTION_STYLE, HEADING_STYLES
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "mmrerank" / "demo" / "archive"
PARAGRAPHS = 12  # in a section
CARD_WIDTH = 300  # points
CARD_FILE = "loan-cards"


def paragraph(rng: random.Random, own: list[str], everywhere: list[str]) -> str:
    """Sentences of one document and sentences that any may have, in any order."""
    chosen = rng.sample(own, 3) + rng.sample(everywhere, 3)
    rng.shuffle(chosen)
    return " ".join(filled(rng, template) for template in chosen)


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n")]


def filled(rng: random.Random, template: str) -> str:
    """A sentence in which no word is taken twice."""
    used: set[str] = set()

    def word(place: re.Match[str]) -> str:
        left = [word for word in WORDS[place[1]].split("|") if word not in used]
        used.add(chosen := rng.choice(left))
        return chosen

    sentence = re.sub(r"\{(\w+)\}", word, template)
    return re.sub(r"(?<![-\w])([Aa]) (?=[aeiou])(?!unit\b)", r"\1n ", sentence)


def document(name: str) -> Iterator[Flowable]:
    """Title and sections of one document."""
    title, headings, text = DOCUMENTS[name]
    rng = random.Random(name)
    yield Paragraph(title, HEADING_STYLES[0])
    for heading in headings.split("|"):
        yield Paragraph(heading, HEADING_STYLES[1])
        for _ in range(PARAGRAPHS):
            yield Paragraph(paragraph(rng, lines(text), lines(EVERYWHERE)), BODY_STYLE)


def cards() -> Iterator[Flowable]:
    """The scanned loan cards, each with a caption that does not say what is on it."""
    yield Paragraph("Loan cards of other drawings", HEADING_STYLES[0])
    for number, words in enumerate(CARDS, start=1):
        card = report_scan.index_card(report_scan.card_lines(*words))
        scan = Image(card, CARD_WIDTH, CARD_WIDTH * 632 / 842)
        caption = f"<b>Figure {number}:</b> A scanned loan card of the drawing office."
        yield KeepTogether([scan, Paragraph(caption, CAPTION_STYLE), Spacer(0, 6)])


def write(path: Path, title: str, content: Iterator[Flowable]) -> None:
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, title=title, author="mmrerank", invariant=1).build(
        list(content)
    )
    path.write_bytes(out.getvalue())
    print(f"{path}: {path.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the demo's archive.")
    parser.add_argument("out", nargs="?", type=Path, default=DEFAULT_OUT)
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    rl_config.useA85 = 0  # scans as they are, not a quarter larger as text
    for name, (title, *_) in DOCUMENTS.items():
        write(folder / f"{name}.pdf", title, document(name))
    write(folder / f"{CARD_FILE}.pdf", "Loan cards", cards())


if __name__ == "__main__":
    main()

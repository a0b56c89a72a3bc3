"""Take the screenshots of docs/images from the demo's documents, with Debian's Chromium."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from mmrerank import OCRReranker, demo
from mmrerank.display import show
from mmrerank.index import Index

FOLDER = Path(__file__).parent.parent / "docs" / "images"
QUESTION = "On which shelf and in which box is drawing 4471-C?"
COLORS = 96  # of a palette: a third of the bytes
MOST_BYTES = 150_000


def page_file(folder: Path) -> Path:
    """The results of one question, the first one explained, as a page."""
    with Index(folder / "store") as index:
        index.sync([demo.REPORT, demo.ARCHIVE])
        stages = index.stages(QUESTION, OCRReranker(), top_n=2)
    return show(stages, QUESTION).explained(OCRReranker()).save(folder / "page.html")


def write(picture: bytes, name: str) -> None:
    """Write a screenshot as a small PNG file."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        small = image.convert("RGB").quantize(
            COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        small.save(buffer, "PNG", optimize=True)
    if len(buffer.getvalue()) > MOST_BYTES:
        sys.exit(f"{name} has {len(buffer.getvalue())} bytes")
    (FOLDER / name).write_bytes(buffer.getvalue())


def take(page: Page, file: Path) -> None:
    """The first card, and its explanation."""
    page.goto(file.as_uri())
    card = page.locator("article").first
    write(card.screenshot(), "card.png")
    explanation = card.locator("details", has_text="What made this score")
    explanation.locator("summary").click()
    write(explanation.screenshot(), "explanation.png")


def main() -> None:
    """Both screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = page_file(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 820, "height": 900})
        take(page, file)
        browser.close()


if __name__ == "__main__":
    main()

"""Documents without labels: does every numbered caption have a figure, and every mention a link?

    python benchmarks/captions.py FILE.pdf... [--dpi 60]

Captions are lines of the text layer that begin with "Figure N:" or "Figure N.", matched by a pattern
that the loader does not use; mentions are "Figure N" in a chunk, of figures that the loader returns.
The PDFs' own links are switched off. results/figures.md has the results. A caption counts as found
if any figure has its number: look at the crops (in `--out`) to see whether it is the right one.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import warnings
from pathlib import Path

import pymupdf

from mmrerank.loaders.pdf.loader import PDFLoader

NUMBER = r"\s*((?:[A-Z]\.?)?\d+(?:[.\-]\d+)*)"
CAPTION = re.compile(rf"^\s*(?:Figure|Fig\.|FIGURE){NUMBER}\s*[:.]", re.MULTILINE)
MENTION = re.compile(rf"(?:[Ff]igures?|Figs?\.){NUMBER}")


def judge(path: Path, root: Path, dpi: int) -> dict[str, object]:
    with pymupdf.open(path) as document:
        captions = {m[1] for page in document for m in CAPTION.finditer(page.get_text())}
        pages = document.page_count
    began = time.process_time()
    loader = PDFLoader(path, image_root=root, workers=0, dpi=dpi, ocr=False, destinations=False)
    chunks = loader.load()
    seconds = time.process_time() - began
    figures = {link.figure.ref: link.figure for chunk in chunks for link in chunk.links}
    labels = {figure.label.removeprefix("figure ") for figure in figures.values() if figure.label}
    linked = [
        any(link.figure.label == f"figure {mention[1]}" for link in chunk.links)
        for chunk in chunks
        for mention in MENTION.finditer(chunk.text)
        if mention[1] in labels
    ]
    return {
        "pages": pages,
        "captions": len(captions),
        "found": len(captions & labels),
        "missed": sorted(captions - labels),
        "mentions": len(linked),
        "linked": sum(linked),
        "figures without a number": sum(not figure.label for figure in figures.values()),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--dpi", type=int, default=60)
    parser.add_argument("--out", type=Path, help="keep the crops here")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    totals: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in options.files:
            row = judge(path, (options.out or Path(scratch)) / path.stem, options.dpi)
            print(path.name, row, flush=True)
            for name, value in row.items():
                if isinstance(value, (int, float)):
                    totals[name] = totals.get(name, 0) + value
    print(f"{len(options.files)} files", totals)


if __name__ == "__main__":
    main()

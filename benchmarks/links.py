"""A sample of links between chunks and figures, to be judged by eye: benchmarks/results/links.md.

    python benchmarks/links.py FILE.pdf... [--count 100] [--kind reference]

The PDFs' own links are switched off. Each row shows the words before the place where the text
mentions the figure, and the figure's caption.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from pathlib import Path

from mmrerank.images.markers import marker
from mmrerank.loaders.pdf.loader import PDFLoader


def links(path: Path) -> list[tuple[str, ...]]:
    rows = []
    with tempfile.TemporaryDirectory() as root:
        loader = PDFLoader(path, image_root=root, destinations=False, markers=True, dpi=30)
        for chunk in loader.lazy_load():
            for link in chunk.links:
                at = chunk.text.find(marker(link.figure.ref))
                words = re.sub(r"\s*\[\[img:\w+\]\]", "", chunk.text[max(at - 70, 0) : at])
                caption = link.figure.caption or f"(no caption, {link.figure.kind})"
                place = f"p. {chunk.page} -> p. {link.figure.page}"
                rows.append((path.stem, place, link.kind, words, caption[:60]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--kind", help="links of this kind only: reference, caption, column, ...")
    options = parser.parse_args()
    rows = [row for path in options.files for row in links(path)]
    rows = [row for row in rows if options.kind in (None, row[2])]
    sample = sorted(random.Random(5).sample(range(len(rows)), min(options.count, len(rows))))
    print(
        "| # | file | pages | kind | words before | figure | right |\n|---|---|---|---|---|---|---|"
    )
    for number, index in enumerate(sample, 1):
        cells = [" ".join(cell.split()).replace("|", "/") for cell in rows[index]]
        print(f"| {number} | " + " | ".join(cells) + " | |")


if __name__ == "__main__":
    main()

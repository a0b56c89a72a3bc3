"""The titles of a PDF's own outline: how many does the loader give as sections?

    python benchmarks/sections.py FILE.pdf... [--pages 20] [--missed] [--json FILE]

Truth is the outline (bookmarks) that the author's program wrote; captions, and titles that do not stand
on the page they name, are left out. A title is found if a section of a chunk on its page or the next contains it,
compared by letters and digits and without the number before it. "Blind" is the same without the
outline: headings by type alone, as in documents that have none. "Sections" are the different
headings that the loader gives, and "in outline" those among them that the outline has too.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import pymupdf

from mmrerank.loaders.base import Chunk
from mmrerank.loaders.pdf.loader import PDFLoader

NUMBER = re.compile(r"^\s*(?:(?:[A-Z]\.)?\d+(?:\.\d+)*|[A-Z]|[IVX]+)(?:[.):]\s*|\s+)(?=\S)")
CAPTION = re.compile(r"\s*(?:figure|fig\.|table)\s*\d", re.IGNORECASE)
MIN_TITLES = 4


def plain(title: str) -> str:
    return "".join(re.findall(r"[^\W_]+", NUMBER.sub("", title))).casefold()


def outline_titles(path: Path, pages: int) -> list[tuple[int, str]]:
    """Page and title of the outline's entries that stand on their pages."""
    with pymupdf.open(path) as document:
        words: dict[int, str] = {}
        found = []
        for _, title, page in document.get_toc():
            if (
                not 1 <= page <= min(pages, document.page_count)
                or not plain(title)
                or CAPTION.match(title)
            ):
                continue
            if page not in words:
                words[page] = "".join(re.findall(r"[^\W_]+", document[page - 1].get_text()))
            if plain(title) in words[page].casefold():
                found.append((page, title))
        return found


def load(path: Path, pages: int) -> list[Chunk]:
    with pymupdf.open(path) as document:
        numbers = range(1, min(pages, document.page_count) + 1)
    with tempfile.TemporaryDirectory() as root:
        return PDFLoader(path, image_root=root, workers=0, dpi=20, ocr=False, pages=numbers).load()


def load_blind(path: Path, pages: int) -> list[Chunk]:
    """The chunks of the same file without its outline."""
    with tempfile.TemporaryDirectory() as folder, pymupdf.open(path) as document:
        document.set_toc([])
        document.save(Path(folder) / path.name)
        return load(Path(folder) / path.name, pages)


def headings(chunks: Iterable[Chunk]) -> dict[int, set[str]]:
    pages: dict[int, set[str]] = {}
    for chunk in chunks:
        pages.setdefault(chunk.page, set()).update(map(plain, chunk.section.split(" > ")))
    return pages


def is_found(title: tuple[int, str], found: dict[int, set[str]]) -> bool:
    page, wanted = title[0], plain(title[1])
    near = found.get(page, set()) | found.get(page + 1, set())
    return any(wanted in heading for heading in near)


def judge(path: Path, pages: int) -> dict[str, object] | None:
    titles = outline_titles(path, pages)
    if len(titles) < MIN_TITLES:
        return None
    found, blind = headings(load(path, pages)), headings(load_blind(path, pages))
    sections = {heading for near in blind.values() for heading in near if heading}
    known = {plain(title) for _, title in titles}
    return {
        "titles": len(titles),
        "found": sum(is_found(title, found) for title in titles),
        "blind": sum(is_found(title, blind) for title in titles),
        "sections": len(sections),
        "in outline": sum(any(title in heading for title in known) for heading in sections),
        "missed": [title for title in titles if not is_found(title, found)],
        "missed blind": [title for title in titles if not is_found(title, blind)],
        "extra": sorted(s for s in sections if not any(title in s for title in known)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=20, help="of each file")
    parser.add_argument("--missed", action="store_true", help="print titles that were not found")
    parser.add_argument("--json", type=Path, help="write all rows here")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = {}
    for path in options.files:
        if row := judge(path, options.pages):
            rows[path.name] = row
            shown = {k: v for k, v in row.items() if options.missed or not isinstance(v, list)}
            print(path.name, shown, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False))
    names = ("titles", "found", "blind", "sections", "in outline")
    totals = {name: sum(int(str(row[name])) for row in rows.values()) for name in names}
    print(f"{len(rows)} files", totals)


if __name__ == "__main__":
    main()

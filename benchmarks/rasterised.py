"""How well figures inside pictures are found: labelled pages, drawn as scans and slides that are one image.

    python benchmarks/rasterised.py PDF_FOLDER [--labels benchmarks/labels/mixed.json] [--misses]
    python benchmarks/rasterised.py PDF_FOLDER --ground uneven

PDF_FOLDER holds the labelled files; those that are missing are left out. Their labelled pages
become pictures (`rasterised_pages.py`), which the loader reads by OCR: about three seconds of
processor time a page the first time, kept in the OCR cache (`MMRERANK_CACHE`) for the next.
The files are split in two by their names' order: what was tuned was tuned on the first half alone.
A third group, of pages drawn by `figure_pages.py`, needs no files. Hits as in `figures.py`;
"boxes a page" are the figures found inside, the page itself not counted. `--ground` puts the pages
on a shaded slide, light or dark, or on a scan that is lit unevenly; OCR reads them anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from figure_pages import make_pages
from figures import Boxes, LabelledFile, evaluate, print_misses, summary
from rasterised_pages import Ground, rasterise

from mmrerank.loaders.pdf.loader import PDFLoader

HERE = Path(__file__).parent
DRAWN_PAGES = 3  # of each kind


def inside(path: Path, pages: list[int]) -> Boxes:
    """The figures inside the pages of a PDF of pictures."""
    boxes: Boxes = {page: [] for page in pages}
    with tempfile.TemporaryDirectory() as root:
        for figure in PDFLoader(path, image_root=root).figures():
            if figure.kind != "page":
                boxes[figure.page].append(figure.box)
    return boxes


def rasterised(
    files: dict[str, LabelledFile], folder: Path, ground: Ground
) -> dict[str, LabelledFile]:
    """The labelled pages of these files as pictures in `folder`, with their labels."""
    made = {}
    for name, (path, labels) in files.items():
        target = folder / f"{name}.pdf"
        if placed := rasterise(path, labels, target, ground):
            made[name] = target, placed
    return made


def drawn(folder: Path) -> dict[str, LabelledFile]:
    """The first pages of each kind that `figure_pages.py` draws, with their labels."""
    files = {}
    for name, labels in make_pages(folder).items():
        first = sorted({label["page"] for label in labels})[:DRAWN_PAGES]
        kept = [label for label in labels if label["page"] in first]
        files[name] = folder / f"{name}.pdf", kept
    return files


def groups(options: argparse.Namespace, scratch: Path) -> dict[str, dict[str, LabelledFile]]:
    """The labelled files by group."""
    labels = json.loads(options.labels.read_text())
    paths = {name: options.folder / f"{name}.pdf" for name in sorted(labels)}
    there = {name: (path, labels[name]) for name, path in paths.items() if path.exists()}
    (scratch / "drawn").mkdir()
    files = rasterised(there, scratch, options.ground)
    names = sorted(files)
    own = {f"drawn-{name}": file for name, file in drawn(scratch / "drawn").items()}
    return {
        "development": {name: files[name] for name in names[0::2]},
        "kept": {name: files[name] for name in names[1::2]},
        "drawn": rasterised(own, scratch, options.ground),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", type=Path, default=HERE / "labels" / "mixed.json")
    parser.add_argument("--misses", action="store_true", help="list what is missed or too much")
    parser.add_argument("--ground", choices=["", "light", "dark", "uneven"], default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, files in groups(options, Path(folder)).items():
            if not files:
                continue
            judged = evaluate(files, inside)
            row = summary(judged)
            print(f"{name:12}", "  ".join(f"{key} {value}" for key, value in row.items()))
            if options.misses:
                print_misses(judged)


if __name__ == "__main__":
    main()

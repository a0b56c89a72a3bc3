"""How well figures are found: labelled boxes beside those of this loader and of pymupdf4llm.

    python benchmarks/figures.py PDF_FOLDER [--peer] [--json results.json] [--misses]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/manuals.json [--sure]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/tables.json --tables

PDF_FOLDER holds the labelled real files; those that are missing are left out and named. Pages of
brochures, slides, papers and reports are drawn by `figure_pages.py`. `--labels` uses the labels of
another file instead, `--sure` leaves out those that the labeller doubted. A figure is hit where the
best box covers at least half of the label, or overlaps it with an IoU of 0.5. "boxes" is the number
of boxes that touch a label, on average.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from figure_pages import make_pages

from mmrerank.loaders.boxes import Box, area, overlap
from mmrerank.loaders.pdf.loader import PDFLoader

HERE = Path(__file__).parent
Boxes = dict[int, list[Box]]
LabelledFile = tuple[Path, list[dict]]


def ours(path: Path, pages: list[int], *, tables: bool = False) -> Boxes:
    with tempfile.TemporaryDirectory() as root:
        loader = PDFLoader(path, image_root=root, workers=0, tables=tables, ocr=False)
        with loader.open() as (document, _):
            return {
                page: [region.box for region in document.regions(page).values()] for page in pages
            }


def peer(path: Path, pages: list[int], *, tables: bool = False) -> Boxes:
    import pymupdf4llm

    kind = "table" if tables else "picture"

    with contextlib.redirect_stdout(io.StringIO()):
        chunks = pymupdf4llm.to_markdown(
            str(path), pages=[page - 1 for page in pages], page_chunks=True, use_ocr=False
        )
    return {
        page: [tuple(box["bbox"]) for box in chunk["page_boxes"] if box["class"] == kind]
        for page, chunk in zip(pages, chunks, strict=True)
    }


def iou(first: Box, second: Box) -> float:
    shared = area(overlap(first, second))
    return shared / (area(first) + area(second) - shared)


def judge(label: dict, boxes: Iterable[Box]) -> dict:
    """Whether a label is hit, the best IoU, and how many boxes touch it."""
    wanted: Box = tuple(label["box"])
    touching = [box for box in boxes if area(overlap(box, wanted)) > 0.02 * area(wanted)]
    best = max((iou(box, wanted) for box in touching), default=0.0)
    covered = max((area(overlap(box, wanted)) / area(wanted) for box in touching), default=0.0)
    return {"hit": covered >= 0.5 or best >= 0.5, "iou": round(best, 3), "boxes": len(touching)}


def evaluate(
    files: dict[str, LabelledFile], find: Callable[[Path, list[int]], Boxes]
) -> list[dict]:
    judged = []
    for name, (path, labels) in files.items():
        pages = sorted({label["page"] for label in labels})
        boxes = find(path, pages)
        judged += [
            {"file": name, **label, **judge(label, boxes[label["page"]])} for label in labels
        ]
        extra = [
            (page, [round(value) for value in box])
            for page in pages
            for box in boxes[page]
            if all(
                area(overlap(box, tuple(label["box"]))) < 0.02 * area(box)
                for label in labels
                if label["page"] == page
            )
        ]
        judged.append({"file": name, "extra": extra})
    return judged


def summary(judged: list[dict]) -> dict:
    rows = [row for row in judged if "hit" in row]
    count = len(rows)
    return {
        "labels": count,
        "hit": round(sum(row["hit"] for row in rows) / count, 3),
        "iou>=0.5": round(sum(row["iou"] >= 0.5 for row in rows) / count, 3),
        "mean iou": round(sum(row["iou"] for row in rows) / count, 3),
        "boxes": round(sum(row["boxes"] for row in rows) / count, 2),
        "extra": sum(len(row["extra"]) for row in judged if "extra" in row),
    }


def by_file(judged: list[dict]) -> dict[str, dict]:
    names = dict.fromkeys(row["file"] for row in judged)
    rows = {name: summary([row for row in judged if row["file"] == name]) for name in names}
    return {**rows, "all": summary(judged)}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", action="store_true", help="pymupdf4llm too")
    parser.add_argument("--misses", action="store_true", help="list what is missed or too much")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--labels", type=Path, help="a file of labels in place of the usual ones")
    parser.add_argument("--sure", action="store_true", help="without doubtful labels")
    parser.add_argument("--tables", action="store_true", help="the labels are of tables")
    return parser.parse_args()


def labelled_files(options: argparse.Namespace, scratch: Path) -> dict[str, LabelledFile]:
    """The real files that are there, and the pages drawn into `scratch`, with their labels."""
    real = json.loads((options.labels or HERE / "figure_labels.json").read_text())
    if options.sure:
        real = {
            name: [label for label in labels if not label.get("unsure")]
            for name, labels in real.items()
        }
    files: dict[str, LabelledFile] = {}
    for name, labels in real.items():
        path = options.folder / f"{name}.pdf"
        if labels and path.exists():
            files[name] = path, labels
        elif labels:
            print(f"{path.name} is not there: left out")
    drawn = {} if options.labels else make_pages(scratch)
    return files | {name: (scratch / f"{name}.pdf", labels) for name, labels in drawn.items()}


def print_results(results: dict[str, dict[str, dict]]) -> None:
    for name, rows in results.items():
        print(f"\n{name}")
        for file, row in rows.items():
            print(f"  {file:16}", "  ".join(f"{key} {value}" for key, value in row.items()))


def print_misses(judged: list[dict]) -> None:
    for row in judged:
        if row.get("extra") or row.get("iou", 1.0) < 0.5 or row.get("boxes", 1) > 1:
            print(row)


def main() -> None:
    options = read_options()
    finders = {"mmrerank": ours, **({"pymupdf4llm": peer} if options.peer else {})}
    with tempfile.TemporaryDirectory() as folder:
        files = labelled_files(options, Path(folder))
        judged = {
            name: evaluate(files, partial(find, tables=options.tables))
            for name, find in finders.items()
        }
    results = {name: by_file(rows) for name, rows in judged.items()}
    print_results(results)
    if options.misses:
        print_misses(judged["mmrerank"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How well figures are found: labelled boxes beside those of this loader and of pymupdf4llm.

    python benchmarks/figures.py PDF_FOLDER [--peer] [--json results.json] [--misses]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/manuals.json [--sure]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/tables.json --tables

PDF_FOLDER holds the labelled real files; those that are missing are left out and named. Pages of
brochures, slides, papers and reports are drawn by `figure_pages.py`; with `--labels` the labels of
that file are used instead, with `--sure` without those that the labeller doubted. A figure is hit where the
best box covers at least half of the label, or overlaps it with an IoU of 0.5. "boxes" counts the
boxes that touch a label, for each label.
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
        found = pymupdf4llm.to_markdown(
            str(path), pages=[page - 1 for page in pages], page_chunks=True, use_ocr=False
        )
    return {
        page: [tuple(box["bbox"]) for box in chunk["page_boxes"] if box["class"] == kind]
        for page, chunk in zip(pages, found, strict=True)
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
    files: dict[str, tuple[Path, list[dict]]], find: Callable[[Path, list[int]], Boxes]
) -> list[dict]:
    judged = []
    for name, (path, labels) in files.items():
        pages = sorted({label["page"] for label in labels})
        found = find(path, pages)
        judged += [{"file": name, **one, **judge(one, found[one["page"]])} for one in labels]
        extra = [
            (page, [round(value) for value in box])
            for page in pages
            for box in found[page]
            if all(
                area(overlap(box, tuple(one["box"]))) < 0.02 * area(box)
                for one in labels
                if one["page"] == page
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", action="store_true", help="pymupdf4llm too")
    parser.add_argument("--misses", action="store_true", help="list what is missed or too much")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--labels", type=Path, help="a file of labels in place of the usual ones")
    parser.add_argument("--sure", action="store_true", help="without doubtful labels")
    parser.add_argument("--tables", action="store_true", help="the labels are of tables")
    options = parser.parse_args()
    real = json.loads((options.labels or HERE / "figure_labels.json").read_text())
    if options.sure:
        real = {name: [one for one in of if not one.get("unsure")] for name, of in real.items()}
        real = {name: of for name, of in real.items() if of}
    with tempfile.TemporaryDirectory() as folder:
        drawn = {} if options.labels else make_pages(Path(folder))
        files = {name: (options.folder / f"{name}.pdf", labels) for name, labels in real.items()}
        for name in [name for name, (path, _) in files.items() if not path.exists()]:
            print(f"{name}.pdf is not there: left out")
            del files[name]
        files |= {name: (Path(folder) / f"{name}.pdf", labels) for name, labels in drawn.items()}
        finders = {"mmrerank": ours, **({"pymupdf4llm": peer} if options.peer else {})}
        judged = {
            name: evaluate(files, partial(find, tables=options.tables))
            for name, find in finders.items()
        }
    results = {name: by_file(rows) for name, rows in judged.items()}
    for name, rows in results.items():
        print(f"\n{name}")
        for file, row in rows.items():
            print(f"  {file:16}", "  ".join(f"{key} {value}" for key, value in row.items()))
    if options.misses:
        for row in judged["mmrerank"]:
            if row.get("extra") or row.get("iou", 1.0) < 0.5 or row.get("boxes", 1) > 1:
                print(row)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

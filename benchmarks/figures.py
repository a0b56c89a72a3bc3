"""How well figures are found: labelled boxes beside those of this loader and of pymupdf4llm.

    python benchmarks/figures.py PDF_FOLDER [--peer] [--json results.json] [--misses]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/manuals.json [--sure]
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/tables.json --tables
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/mixed.json --peer --every 3
    python benchmarks/figures.py PDF_FOLDER --labels benchmarks/labels/mixed.json --layout

PDF_FOLDER holds the labelled real files; those that are missing are left out and named. Pages of
brochures, slides, papers and reports are drawn by `figure_pages.py`. `--labels` uses the labels of
another file instead, `--sure` leaves out those that the labeller doubted. A figure is hit where the
best box covers at least half of the label, or overlaps it with an IoU of 0.5. "boxes" is the number
of boxes that touch a label, on average; "pages/s" is processor time for the labelled pages alone; ours
writes images of the figures in that time, and uses no OCR. pymupdf4llm reads by OCR unless told
otherwise; its row without OCR is beside it. `--every 3` takes every third labelled page. `--layout`
asks PyMuPDF's layout model too, in the ways of `layout_model.py`; "asked" is on how many pages.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from figure_pages import make_pages
from layout_model import WAYS, iou, two_voices

from mmrerank.loaders.boxes import Box, area, overlap
from mmrerank.loaders.pdf.loader import PDFLoader

HERE = Path(__file__).parent
Boxes = dict[int, list[Box]]
LabelledFile = tuple[Path, list[dict]]
Find = Callable[..., Boxes]


def ours(
    path: Path, pages: list[int], *, tables: bool = False, only: list[int] | None = None
) -> Boxes:
    """The figures on pages of a PDF, of which the text is read of all pages or `only` of some."""
    with tempfile.TemporaryDirectory() as root:
        loader = PDFLoader(path, image_root=root, workers=0, tables=tables, ocr=False, pages=only)
        with loader.open() as (document, _):
            return {
                page: [region.box for region in document.regions(page).values()] for page in pages
            }


def peer(
    path: Path, pages: list[int], *, tables: bool = False, options: dict | None = None
) -> Boxes:
    import pymupdf4llm

    kind = "table" if tables else "picture"

    with contextlib.redirect_stdout(io.StringIO()):
        chunks = pymupdf4llm.to_markdown(
            str(path), pages=[page - 1 for page in pages], page_chunks=True, **(options or {})
        )
    return {
        page: [tuple(box["bbox"]) for box in chunk["page_boxes"] if box["class"] == kind]
        for page, chunk in zip(pages, chunks, strict=True)
    }


def ours_alone(path: Path, pages: list[int], *, tables: bool = False) -> Boxes:
    return ours(path, pages, tables=tables, only=pages)


PEERS = {"pymupdf4llm": peer, "pymupdf4llm, no OCR": partial(peer, options={"use_ocr": False})}


def judge(label: dict, boxes: Iterable[Box]) -> dict:
    """Whether a label is hit, the best IoU, and how many boxes touch it."""
    wanted: Box = tuple(label["box"])
    touching = [box for box in boxes if area(overlap(box, wanted)) > 0.02 * area(wanted)]
    best = max((iou(box, wanted) for box in touching), default=0.0)
    covered = max((area(overlap(box, wanted)) / area(wanted) for box in touching), default=0.0)
    return {"hit": covered >= 0.5 or best >= 0.5, "iou": round(best, 3), "boxes": len(touching)}


def evaluate(
    files: dict[str, LabelledFile], find: Find, *, alone: Find | None = None
) -> list[dict]:
    """Labels with how well they are hit; `alone` finds the same without reading other pages."""
    judged = []
    for name, (path, labels) in files.items():
        pages = labelled_pages(labels)
        boxes, seconds = timed(find, path, pages)
        if alone:
            _, seconds = timed(alone, path, pages)
        judged += judge_file(name, labels, boxes, seconds)
    return judged


def labelled_pages(labels: Iterable[dict]) -> list[int]:
    return sorted({label["page"] for label in labels})


def judge_file(
    name: str, labels: list[dict], boxes: Boxes, seconds: float, **counts: int
) -> list[dict]:
    """The labels of a file with how well they are hit, and a row of what its pages have."""
    judged = [{"file": name, **label, **judge(label, boxes[label["page"]])} for label in labels]
    extra = [
        (page, [round(value) for value in box])
        for page in boxes
        for box in boxes[page]
        if all(
            area(overlap(box, tuple(label["box"]))) < 0.02 * area(box)
            for label in labels
            if label["page"] == page
        )
    ]
    found = sum(map(len, boxes.values()))
    row = {"file": name, "extra": extra, "pages": len(boxes), "found": found, "seconds": seconds}
    return [*judged, {**row, **counts}]


def evaluate_layout_model(files: dict[str, LabelledFile]) -> dict[str, list[dict]]:
    """Labels with how well they are hit by the loader and by the ways to listen to the model too.

    The time of a way is that of the loader and of the model on the pages where it is asked.
    """
    judged: dict[str, list[dict]] = {name: [] for name in ("mmrerank", *WAYS)}
    for name, (path, labels) in files.items():
        voices = two_voices(path, labelled_pages(labels))
        _, seconds = timed(ours_alone, path, list(voices))
        ours = {number: page.ours for number, page in voices.items()}
        judged["mmrerank"] += judge_file(name, labels, ours, seconds, asked=0)
        for way, (asks, combine) in WAYS.items():
            asked = {number: page for number, page in voices.items() if asks(page)}
            boxes = ours | {number: combine(page) for number, page in asked.items()}
            own = 0.0 if way.startswith("layout model") else seconds
            cost = own + sum(page.seconds for page in asked.values())
            judged[way] += judge_file(name, labels, boxes, cost, asked=len(asked))
    return judged


def timed(find: Find, path: Path, pages: list[int]) -> tuple[Boxes, float]:
    began = time.process_time()
    return find(path, pages), time.process_time() - began


def summary(judged: list[dict]) -> dict:
    rows = [row for row in judged if "hit" in row]
    files = [row for row in judged if "extra" in row]
    count, pages = len(rows), sum(row["pages"] for row in files)
    asked = {"asked": sum(row["asked"] for row in files)} if "asked" in files[0] else {}
    return {
        "labels": count,
        "pages": pages,
        "hit": round(sum(row["hit"] for row in rows) / count, 3),
        "iou>=0.5": round(sum(row["iou"] >= 0.5 for row in rows) / count, 3),
        "mean iou": round(sum(row["iou"] for row in rows) / count, 3),
        "boxes": round(sum(row["boxes"] for row in rows) / count, 2),
        "boxes a page": round(sum(row["found"] for row in files) / pages, 2),
        "extra": sum(len(row["extra"]) for row in files),
        "pages/s": round(pages / max(sum(row["seconds"] for row in files), 1e-3), 1),
        **asked,
    }


def by_file(judged: list[dict]) -> dict[str, dict]:
    names = dict.fromkeys(row["file"] for row in judged)
    rows = {name: summary([row for row in judged if row["file"] == name]) for name in names}
    return {**rows, "all": summary(judged)}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", action="store_true", help="pymupdf4llm too")
    parser.add_argument("--layout", action="store_true", help="PyMuPDF's layout model too")
    parser.add_argument("--misses", action="store_true", help="list what is missed or too much")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--labels", type=Path, help="a file of labels in place of the usual ones")
    parser.add_argument("--sure", action="store_true", help="without doubtful labels")
    parser.add_argument("--every", type=int, default=1, help="only one labelled page in so many")
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
    files |= {name: (scratch / f"{name}.pdf", labels) for name, labels in drawn.items()}
    return files if options.every == 1 else sampled(files, options.every)


def sampled(files: dict[str, LabelledFile], every: int) -> dict[str, LabelledFile]:
    """The files with one labelled page in so many, counted through all of them."""
    pages = [(name, p) for name in files for p in sorted({x["page"] for x in files[name][1]})]
    kept = set(pages[::every])
    chosen = {
        name: (path, [label for label in labels if (name, label["page"]) in kept])
        for name, (path, labels) in files.items()
    }
    return {name: (path, labels) for name, (path, labels) in chosen.items() if labels}


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
    finders = {"mmrerank": ours, **(PEERS if options.peer else {})}
    with tempfile.TemporaryDirectory() as folder:
        files = labelled_files(options, Path(folder))
        alone = {"mmrerank": partial(ours_alone, tables=options.tables)}
        judged = evaluate_layout_model(files) if options.layout else {}
        judged |= {
            name: evaluate(files, partial(find, tables=options.tables), alone=alone.get(name))
            for name, find in finders.items()
            if name not in judged
        }
    results = {name: by_file(rows) for name, rows in judged.items()}
    print_results(results)
    if options.misses:
        print_misses(judged["mmrerank"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

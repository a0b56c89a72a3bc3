"""Speed and memory of the PDF loader: pages a second, with and without crops, and peak memory.

    python benchmarks/loaders.py FILE.pdf... [--runs 3] [--workers 1 2] [--long 2000] [--json FILE]

Each measurement is the median of several runs, after one that warms up. With `--workers 0` it is
pages per second of processor time in one process, which other programs do not disturb. "regions" is
the text, the regions of figures and the document's own links; "all" also makes the chunks and writes
the crops, into an empty folder. Memory is the peak of the worker process; `--long` repeats the first
file's pages up to that number, to see whether it grows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from mmrerank.loaders.base import Origin
from mmrerank.loaders.pdf.document import read_document
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.page import PageOptions
from mmrerank.loaders.pdf.processes import open_pages


def measure(path: Path, workers: int) -> tuple[float, float, float]:
    """Seconds for the regions, for all of it, and of the latter until the first chunk comes."""
    clock = time.perf_counter if workers else time.process_time
    began = clock()
    find_regions(path, workers)
    with_regions = clock()
    with tempfile.TemporaryDirectory() as root:
        chunks = PDFLoader(path, image_root=root, workers=workers).lazy_load()
        next(chunks)
        first = clock()
        for _ in chunks:
            pass
        return with_regions - began, clock() - with_regions, first - with_regions


def find_regions(path: Path, workers: int) -> int:
    """Text and figures without their images; the number of pages."""
    pages = open_pages(str(path), None, workers=workers, timeout=60.0)
    document = read_document(pages, Origin(str(path)), None, PageOptions())
    for number in document.numbers_ahead():
        document.figures(number)
    pages.close()
    return len(document.numbers)


def peak_memory(path: Path) -> tuple[float, float]:
    """Megabytes of the worker process and of this one at their highest, by Linux's own count."""
    with (
        tempfile.TemporaryDirectory() as root,
        PDFLoader(path, image_root=root).open() as (document, builder),
    ):
        for _ in builder.chunks():
            pass
        worker = document._pages._idle.get()
        peaks = _peak(worker._process.pid), _peak("self")
        document._pages._idle.put(worker)
    return peaks


def _peak(process: int | str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def repeated(path: Path, pages: int, folder: Path) -> Path:
    import pymupdf

    with pymupdf.open(path) as source, pymupdf.open() as long:
        while long.page_count < pages:
            long.insert_pdf(source)
        target = folder / f"{path.stem}-{pages}.pdf"
        long.save(target)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", nargs="+", type=int, default=[1])
    parser.add_argument("--long", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for path in options.files:
        for workers in options.workers:
            pages = find_regions(path, workers)
            runs = [measure(path, workers) for _ in range(options.runs)]
            row = {"file": path.name, "pages": pages, "workers": workers}
            row["regions"] = round(pages / statistics.median(run[0] for run in runs), 1)
            row["all"] = round(pages / statistics.median(run[1] for run in runs), 1)
            row["first chunk (s)"] = round(statistics.median(run[2] for run in runs), 2)
            rows.append(row)
            print(row)
        row = {"file": path.name, "peak MB (worker, main)": [round(m) for m in peak_memory(path)]}
        rows.append(row)
        print(row)
    if options.long:
        with tempfile.TemporaryDirectory() as folder:
            path = repeated(options.files[0], options.long, Path(folder))
            row = {
                "file": path.name,
                "peak MB (worker, main)": [round(m) for m in peak_memory(path)],
            }
            rows.append(row)
            print(row)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

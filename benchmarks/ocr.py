"""Words read by OCR in a folder of images: characters, and seconds of processor and wall time.

    python benchmarks/ocr.py FOLDER [--words words.json] [--one-process]
    python benchmarks/ocr.py --compare before.json after.json

To compare with an earlier version, run it there too: `git worktree add before COMMIT`, then
`PYTHONPATH=before python benchmarks/ocr.py FOLDER --words before.json`. The words of two runs are
compared image by image: wall time depends on what else runs, the other numbers hardly do.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import resource
import time
from pathlib import Path

from mmrerank import Image
from mmrerank.ocr.words import ImageReader

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp"}


def processor_seconds():
    """Of this process and of those that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def read(folder, one_process):
    """The words of each image by its name."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    images = {str(path.relative_to(folder)): Image.from_path(path) for path in paths}
    reader = ImageReader(None)
    ahead = contextlib.nullcontext()
    if not one_process and hasattr(reader, "reading_ahead"):  # earlier versions read one by one
        ahead = reader.reading_ahead(images.values())
    with ahead:
        return {
            name: " ".join(line.text for line in reader.lines(image))
            for name, image in images.items()
        }


def stop_processes():
    """Their time counts once they have ended."""
    with contextlib.suppress(ImportError):
        from mmrerank.ocr import processes

        processes.spare_workers.stop()


def compare(before, after):
    """How many characters of one run the other has too."""
    same = 0
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        matched = difflib.SequenceMatcher(None, old, new, autojunk=False)
        same += sum(block.size for block in matched.get_matching_blocks())
        if old != new:
            print(f"{name}: {len(old)} -> {len(new)}, alike {matched.ratio():.2f}")
    total = sum(map(len, before.values()))
    print(
        f"{total} -> {sum(map(len, after.values()))} characters, {same / total:.3f} of them alike"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--words", type=Path, help="write the words of each image to this file")
    parser.add_argument("--one-process", action="store_true", help="read in this process alone")
    parser.add_argument("--compare", nargs=2, type=Path, metavar="WORDS")
    options = parser.parse_args()
    if options.compare:
        compare(*(json.loads(path.read_text()) for path in options.compare))
        return
    start, used = time.monotonic(), processor_seconds()
    words = read(options.folder, options.one_process)
    wall = time.monotonic() - start
    stop_processes()
    if options.words:
        options.words.write_text(json.dumps(words, ensure_ascii=False, indent=0))
    characters = sum(map(len, words.values()))
    print(
        f"{len(words)} images, {characters} characters, "
        f"{processor_seconds() - used:.1f} s of processor time, {wall:.1f} s"
    )


if __name__ == "__main__":
    main()

"""Mutated files: no crash, no hang, no file outside the image root, and errors that name the file.

Each small file in every quick run, the large ones with the slow tests, many by hand:
MMRERANK_FUZZ=2000 pytest tests/loaders/test_fuzz.py
"""

from __future__ import annotations

import io
import os
import random
import time
import warnings
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from mmrerank.errors import DocumentError, RerankWarning
from mmrerank.loaders.files import FileLoader

pytest.importorskip("pymupdf")
pytest.importorskip("pptx")
pytest.importorskip("docx")

DATA = Path(__file__).parents[1] / "data"
COUNT = int(os.environ.get("MMRERANK_FUZZ", "12"))
SEEDS = [
    DATA / "pdf" / "amt-handbook.pdf",
    DATA / "pdf" / "cmyk-image.pdf",
    DATA / "pdf" / "inline-image.pdf",
    DATA / "pdf-damaged" / "one-byte-missing.pdf",
    DATA / "office" / "chart.pptx",
    DATA / "office" / "group-shapes-nested.pptx",
    DATA / "office" / "vml-images.docx",
    DATA / "office" / "image-anchors.docx",
    DATA / "images" / "pil_sample_cmyk.jpg",
    DATA / "images" / "16bit.cropped.tif",
]
PAGE_TIME, LONGEST = 10.0, 60.0  # seconds


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut out, doubled, or the end missing."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 3, 10, 50])):
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.choice([1, 16, 500])]
            case 2:
                changed[at:at] = changed[at : at + chance.choice([1, 16, 500])]
            case 3:
                changed[at : at + 4] = chance.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"9999"])
            case _:
                digits = [
                    i for i in range(at, min(at + 200, len(changed))) if 48 <= changed[i] < 58
                ]
                for index in digits[:3]:
                    changed[index] = 48 + chance.randrange(10)
        if not changed:
            break
    if chance.random() < 0.1:
        del changed[chance.randrange(max(len(changed), 1)) :]
    return bytes(changed) or b"\0"


def mutate_inside(data: bytes, chance: random.Random) -> bytes:
    """One part of an archive mutated, the archive itself whole."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        victim = chance.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, mutate(part, chance) if name == victim and part else part)
    return target.getvalue()


QUICK = range(2, len(SEEDS))  # each file but the two large ones, once


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in range(COUNT)],
)
def test_a_mutated_file_loads_or_says_why_not(seed, tmp_path):
    chance = random.Random(seed)
    source = SEEDS[seed % len(SEEDS)]
    data = source.read_bytes()
    inside = source.parent.name == "office" and chance.random() < 0.7
    path = tmp_path / f"mutated{source.suffix}"
    path.write_bytes(mutate_inside(data, chance) if inside else mutate(data, chance))
    root = tmp_path / "images"
    options = {"page_timeout": PAGE_TIME, "tables": True, "page_images": True}
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RerankWarning)
        warnings.filterwarnings("ignore", module="PIL|docx|pptx")
        try:
            chunks = FileLoader(path, image_root=root, **options).load()
        except DocumentError as error:
            assert error.path == str(path)  # noqa: PT017 - many files load, and must
            chunks = []
    assert time.perf_counter() - began < LONGEST
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name, "images"}
    for chunk in chunks:
        for link in chunk.links:
            with Image.open(root / link.figure.ref) as image:
                image.load()

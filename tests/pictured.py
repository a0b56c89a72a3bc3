"""An index of coloured pictures and notes, which several tests search."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from mmrerank import Content, Image
from mmrerank.index.hits import Hit
from mmrerank.index.index import Index
from mmrerank.testing import ColourEmbedder

COLOURS = ("red", "green", "blue", "yellow")


def picture(path: Path, colour: str, *, shape: str = "rectangle") -> Path:
    """A coloured shape on white; the name of the file says nothing of it."""
    image = Pillow.new("RGB", (200, 150), "white")
    getattr(ImageDraw.Draw(image), shape)((10, 10, 190, 140), fill=colour)
    image.save(path)
    return path


def write_pictures(folder: Path) -> Path:
    """`0.png` to `3.png` in the colours of `COLOURS`, and two notes."""
    folder.mkdir(exist_ok=True)
    for i, colour in enumerate(COLOURS):
        picture(folder / f"{i}.png", colour)
    (folder / "note.md").write_text("The green harbour is deep.")
    (folder / "other.md").write_text("Nothing to see here.")
    return folder


def open_index(folder: Path, **options) -> Index:
    return Index(folder, ocr=False, **{"image_embedder": ColourEmbedder(), **options})


def image_query(path: Path, text: str | None = None) -> Content:
    return Content(text, [Image.from_path(path)])


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.source).name for hit in hits]

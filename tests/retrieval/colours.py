"""An embedder of texts and images without a model: by the colours that they name and show."""

from __future__ import annotations

from io import BytesIO

from PIL import Image as Pictures

from mmrerank.images.decode import open_image
from mmrerank.retrieval.embedder import Embedder

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ColourEmbedder(Embedder):
    """The mean colour of a picture, and the sum of the colours that a text names."""

    modalities = frozenset({"text", "image"})

    def _embed_texts(self, texts):
        return [[sum(c[i] for n, c in COLOURS.items() if n in text) + 1 for i in range(3)] for text in texts]  # fmt: skip

    def _embed_images(self, images):
        return [[value + 1 for value in open_image(i).resize((1, 1)).getpixel((0, 0))] for i in images]  # fmt: skip


def picture(colour: str) -> bytes:
    """A PNG of one colour."""
    out = BytesIO()
    Pictures.new("RGB", (8, 8), COLOURS[colour]).save(out, "png")
    return out.getvalue()


def colour_files(folder) -> list[str]:
    """The paths of a picture of each colour."""
    for name in COLOURS:
        (folder / f"{name}.png").write_bytes(picture(name))
    return [str(folder / f"{name}.png") for name in COLOURS]

"""ColourEmbedder: texts and images in one space of colours."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pillow

from mmrerank import Content, Image
from mmrerank.testing import ColourEmbedder
from mmrerank.testing.colours import COLOURS


def image(*colours: tuple[int, int, int]) -> Image:
    """Stripes of equal width."""
    picture = Pillow.new("RGB", (60, 40))
    width = 60 // len(colours)
    for i, colour in enumerate(colours):
        picture.paste(colour, (i * width, 0, (i + 1) * width, 40))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image.from_bytes(file.getvalue())


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("colour", COLOURS)
def test_a_word_is_nearest_to_its_colour(colour):
    embedder = ColourEmbedder()
    query = embedder.embed_query(f"a {colour} door")
    scores = {
        name: cosine(query, vector)
        for name, vector in zip(
            COLOURS, embedder.embed_images([image(rgb) for rgb in COLOURS.values()]), strict=True
        )
    }
    assert max(scores, key=scores.__getitem__) == colour
    assert scores[colour] == pytest.approx(1)


def test_shares_count_and_texts_without_colours_are_near_no_image():
    embedder = ColourEmbedder()
    both, red = embedder.embed_images(
        [image(COLOURS["red"], COLOURS["blue"]), image(COLOURS["red"])]
    )
    assert cosine(embedder.embed_query("red and blue"), both) == pytest.approx(1, abs=0.01)
    assert cosine(embedder.embed_query("a harbour"), both) == 0
    assert cosine(
        embedder.embed_query(Content(images=[image(COLOURS["red"])])), red
    ) == pytest.approx(1)

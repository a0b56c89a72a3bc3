"""What cannot be searched for is refused, or left out with a warning."""

from __future__ import annotations

import io

import pytest
from pictured import image_query, names, open_index, write_pictures
from PIL import Image as Pillow

from mmrerank import Content, Image, ImageError, InvalidInputError, RerankWarning
from mmrerank.errors import UnsupportedModalityError
from mmrerank.images import decode
from mmrerank.index.index import Index
from mmrerank.testing import ColourEmbedder


class OnlyImages(ColourEmbedder):
    """Reads no text."""

    modalities = frozenset({"image"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    write_pictures(folder / "docs")
    with open_index(folder / "store") as index:
        index.sync(folder / "docs")
    with Index(folder / "plain", ocr=False) as index:
        index.sync(folder / "docs")
    return folder


def encoded(*frames: Pillow.Image, **options) -> Content:
    file = io.BytesIO()
    frames[0].save(file, **options, append_images=frames[1:])
    return Content(images=[Image.from_bytes(file.getvalue())])


def test_images_need_an_image_embedder(folder):
    with Index(folder / "plain", ocr=False) as index:
        with pytest.raises(InvalidInputError, match="route images needs the image embedder"):
            index.search("green", routes=["words", "images"])
        query = image_query(folder / "docs" / "1.png")
        with pytest.raises(
            UnsupportedModalityError, match=r"none of the routes \(words, vectors, ca"
        ):
            index.search(query)
        with pytest.warns(RerankWarning, match="candidates are found by its text alone"):
            assert (
                names(index.search(image_query(folder / "docs" / "1.png", "harbour")))[0]
                == "note.md"
            )


def test_an_index_without_images_says_so(tmp_path):
    (tmp_path / "note.md").write_text("The green harbour.")
    with open_index(tmp_path / "store") as index:
        index.sync(tmp_path / "note.md")
        with pytest.warns(RerankWarning, match="no image of this index has a vector"):
            assert index.search("green", routes=["images"]) == []
        assert [set(hit.routes) for hit in index.search("green")] == [{"words", "vectors"}]


def test_an_embedder_of_images_alone_is_left_out_of_questions_in_words(tmp_path, folder):
    with open_index(tmp_path / "store", image_embedder=OnlyImages()) as index:
        index.sync(folder / "docs")
        assert all("images" not in hit.routes for hit in index.search("green"))
        with pytest.raises(UnsupportedModalityError, match="cannot search by text"):
            index.search("green", routes=["images"])
        assert "1.png" in names(index.search(image_query(folder / "docs" / "1.png", "x"), top_n=2))


def test_an_image_of_a_query_that_cannot_be_used_is_an_error(folder, monkeypatch):
    whole = (folder / "docs" / "1.png").read_bytes()
    with open_index(folder / "store") as index:
        for data, reason in (
            (whole[:150], "truncated"),
            (b"no image", "not an image"),
            (b"", "empty"),
        ):
            with pytest.raises(ImageError, match=reason):
                index.search(Content("green", [Image.from_bytes(data)]))
        with pytest.raises(ImageError, match="no such file"):
            index.search(image_query(folder / "docs" / "none.png"))
        with pytest.raises(ImageError, match="URL is not opened here"):
            index.search(Content(images=[Image.from_url("https://example.org/a.png")]))
        monkeypatch.setattr(decode, "MAX_PIXELS", 1000)
        with pytest.raises(ImageError, match="limit is 1000"):
            index.search(image_query(folder / "docs" / "1.png"))


def test_of_an_animation_the_first_frame_is_searched_for(folder):
    frames = [Pillow.new("RGB", (50, 50), colour) for colour in ("blue", "red")]
    query = encoded(*frames, format="GIF", save_all=True)
    with (
        open_index(folder / "store") as index,
        pytest.warns(RerankWarning, match="has 2 frames; only the first"),
    ):
        assert names(index.search(query, top_n=1)) == ["2.png"]


def test_unknown_options_are_refused(folder):
    with open_index(folder / "store") as index:
        with pytest.raises(InvalidInputError, match="routes are words, vectors, captions, images"):
            index.search("green", routes=["pictures"])
        with pytest.raises(InvalidInputError, match="above 0"):
            index.search("green", routes={"images": 0})
        with pytest.raises(InvalidInputError, match="fusion is ranks or scores"):
            index.search("green", fusion="sum")

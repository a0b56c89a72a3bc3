"""Images in a page: a budget of bytes, and pages with a frame."""

from __future__ import annotations

import base64
import io

import pytest
from helpers import image_file
from PIL import Image as Pillow
from shown import pdf_file

from mmrerank import Image, ImageError
from mmrerank.display.pictures import Budget, data_uri, framed_page
from mmrerank.errors import DocumentError
from mmrerank.images.encode import EncodedImage, thumbnail


def encoded(count: int) -> EncodedImage:
    return EncodedImage(b"x" * count, "image/png")


def test_an_address_has_the_bytes():
    uri = data_uri(EncodedImage(b"\x00\xff", "image/jpeg"))
    assert uri == "data:image/jpeg;base64," + base64.b64encode(b"\x00\xff").decode()


def test_a_budget_is_never_exceeded_and_counts_what_is_left_out():
    budget = Budget(5000)
    sizes = [900, 3000, 900, 900, 900, 900]
    placed = [budget.place(lambda size=size: encoded(size)) for size in sizes]
    used = [len(picture.uri) for picture in placed if picture.uri]
    assert sum(used) <= 5000
    assert [bool(picture.uri) for picture in placed] == [True, False, True, True, True, False]
    assert budget.left_out == 2
    assert all(picture.problem for picture in placed if not picture.uri)


def test_what_cannot_be_encoded_is_no_matter_of_room():
    def fail() -> EncodedImage:
        raise ImageError("a.png", "is empty")

    budget = Budget(5000)
    assert budget.place(fail).problem == "cannot be shown: is empty"
    assert budget.left_out == 0


def test_a_thumbnail_keeps_the_budget_of_a_page():
    budget = Budget(100_000)
    noise = Pillow.effect_noise((900, 900), 90).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    picture = budget.place(lambda: thumbnail(Image.from_bytes(buffer.getvalue()), 320))
    assert len(picture.uri or "") < 100_000


def test_the_frame_is_around_the_box(tmp_path):
    file = pdf_file(tmp_path / "a.pdf")
    drawn = framed_page(str(file), 2, (72.0, 200.0, 300.0, 400.0))
    with Pillow.open(io.BytesIO(drawn.data)) as picture:
        scale = picture.width / 595  # an A4 page in points
        pixels = picture.convert("RGB")
        red, green, _ = pixels.getpixel((round(150 * scale), round(200 * scale) - 1))
        assert red > green + 60
        assert pixels.getpixel((round(150 * scale), round(300 * scale))) == (255, 255, 255)


@pytest.mark.parametrize("number", [0, 4, -1, 10**9])
def test_a_page_that_there_is_not_is_an_error(tmp_path, number):
    with pytest.raises(DocumentError, match="no such page"):
        framed_page(str(pdf_file(tmp_path / "a.pdf")), number, (0.0, 0.0, 9.0, 9.0))


def test_a_file_that_is_no_pdf_is_an_error(tmp_path):
    (tmp_path / "a.pdf").write_bytes(image_file())
    with pytest.raises(DocumentError):
        framed_page(str(tmp_path / "a.pdf"), 5, (0.0, 0.0, 9.0, 9.0))

"""A small folder of files for loaders, for the tests of both adapters."""

from __future__ import annotations

import io
from email.message import EmailMessage

import pytest
from PIL import Image


def picture(color):
    """A PNG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (80, 60), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A Markdown file with two pictures, and the pictures."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "belt.png").write_bytes(picture("red"))
    (folder / "hall.png").write_bytes(picture("blue"))
    text = "Belts carry parts from one hall to the next. " * 12
    (folder / "a.md").write_text(
        f"![Figure 1: A belt](belt.png)\n\n{text}\n\n![Figure 2: A hall](hall.png)\n\n{text}\n"
    )
    return folder


@pytest.fixture
def mail(tmp_path):
    """A mail with a text attached."""
    message = EmailMessage()
    message.set_content("See the file.")
    message.add_attachment("Belts carry parts.", filename="belts.txt")
    (tmp_path / "a.eml").write_bytes(message.as_bytes())
    return tmp_path / "a.eml"


@pytest.fixture
def options(tmp_path):
    """A loader's options: one chunk a file, with markers."""
    return {"image_root": tmp_path / "images", "chunk_size": 5000, "markers": True}

"""Options of the PDF loader: spelled once, checked, and known to every caller."""

from __future__ import annotations

import pytest

from mmrerank.errors import (
    InvalidInputError,
)
from mmrerank.loaders.files import loader_for
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.options import PDFOptions, PDFSettings
from mmrerank.loaders.splitting import Sizes


def test_every_option_has_a_default_and_the_same_type():
    settings, options = PDFSettings.__annotations__, PDFOptions.__annotations__
    assert list(settings) == list(options)
    for name, kind in options.items():
        assert settings[name] == getattr(kind, "__forward_arg__", kind), name


@pytest.mark.parametrize(
    "options",
    [
        {"chunk_size": 0},
        {"dpi": 0},
        {"max_images_per_chunk": -1},
        {"mode": "line"},
        {"workers": -1},
        {"page_timeout": 0},
    ],
)
def test_values_that_cannot_be_used(options):
    (name,) = options
    with pytest.raises(InvalidInputError, match=name):
        PDFLoader("a.pdf", image_root="images", **options)


def test_an_option_that_does_not_exist():
    with pytest.raises(TypeError, match="colour"):
        PDFLoader("a.pdf", image_root="images", colour=True)
    with pytest.raises(InvalidInputError, match="colour"):
        loader_for("a.pdf", image_root="images", colour=True)


def test_a_loader_of_any_file_passes_options_on():
    loader = loader_for("a.pdf", image_root="images", dpi=72, chunk_size=500)
    assert loader.settings == PDFSettings(dpi=72, chunk_size=500)


def test_pages_are_sorted_and_may_be_an_iterator():
    assert PDFSettings(pages=iter([3, 1, 3])).pages == (1, 3)
    assert PDFSettings(pages=[]).pages == ()
    assert PDFSettings().pages is None


def test_a_password_is_not_shown():
    assert "secret" not in repr(PDFSettings(password="secret"))


def test_settings_of_pages_and_of_chunks(tmp_path):
    settings = PDFSettings(tables=True, destinations=False, min_size=5, chunk_size=7, markers=True)
    page = settings.page_options(tmp_path)
    assert (page.root, page.tables, page.targets, page.min_size) == (tmp_path, True, False, 5)
    chunk = settings.chunk_options()
    assert (chunk.sizes, chunk.markers, chunk.context) == (Sizes(7), True, False)


@pytest.mark.parametrize(
    ("ocr", "installed", "pages", "figures"),
    [
        (None, True, True, False),
        (None, False, False, False),
        (True, False, True, True),
        (False, True, False, False),
    ],
)
def test_ocr_is_used_where_it_is_installed_or_required(monkeypatch, ocr, installed, pages, figures):
    monkeypatch.setattr("mmrerank.loaders.pdf.options.has_ocr", lambda: installed)
    options = PDFSettings(ocr=ocr).chunk_options()
    assert (options.ocr_pages, options.ocr_figures) == (pages, figures)

"""What all loaders of elements do: check options and files, save images, make chunks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import image_file, not_rendered

from mmrerank.errors import DocumentError, InvalidInputError, MissingDependencyError, RerankWarning
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element
from mmrerank.types import Image


class Lines(ElementLoader):
    """A line is an element; "!" is a red image, "?" a broken one, "error" raises."""

    def elements(self):
        for line in Path(self.path).read_text("utf-8").split("\n"):
            if line == "error":
                raise KeyError("part")
            if line in ("!", "?"):
                data = image_file() if line == "!" else b"broken"
                yield self.image_element(Image.from_bytes(data), name="one") or Element()
            else:
                yield Element(line)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("See Figure 1.\n!\nFigure 1: Red.\n?", encoding="utf-8")
    return path


one_is_broken = pytest.mark.filterwarnings("ignore:.*one:mmrerank.errors.RerankWarning")


def test_an_image_that_cannot_be_shown_is_named_and_told(path, root):
    with pytest.warns(RerankWarning, match=r"a.lines: an image is left out: one: is not an image"):
        (chunk,) = Lines(path, image_root=root).load()
    assert [line[:5] for line in not_rendered(chunk)] == ["one: "]
    assert len(chunk.links) == 1


@one_is_broken
def test_chunks_have_links_and_facts_beside_each_image(path, root):
    (chunk,) = Lines(path, image_root=root).load()
    (link,) = chunk.links
    assert (link.kind, link.figure.label) == ("reference", "figure 1")
    facts = json.loads((root / link.figure.ref).with_suffix(".json").read_text("utf-8"))
    assert facts["caption"] == "Figure 1: Red."
    assert facts["box"] == [0, 0, 80, 60]


@one_is_broken
def test_markers_stand_where_a_figure_is_and_where_it_is_mentioned(path, root):
    (chunk,) = Lines(path, image_root=root, markers=True).load()
    assert chunk.text.count("[[img:") == 2 + 1  # the mention, the image, its caption


@one_is_broken
def test_options_limit_chunks_and_images(path, root):
    assert len(Lines(path, image_root=root, chunk_size=14).load()) == 2
    counted = Lines(path, image_root=root, chunk_size=3, count_tokens=lambda t: len(t.split()))
    assert [chunk.text for chunk in counted.load()] == ["See Figure 1.", "Figure 1: Red."]
    (chunk,) = Lines(path, image_root=root, max_images_per_chunk=0).load()
    assert not chunk.links
    (chunk,) = Lines(path, image_root=root, min_size=61).load()
    assert not chunk.links


@pytest.mark.parametrize("options", [{"chunk_size": 0}, {"max_images_per_chunk": -1}])
def test_values_that_cannot_be_used(path, root, options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        Lines(path, image_root=root, **options)


def test_an_unknown_keyword_is_named(path, root):
    with pytest.raises(
        TypeError, match=r"Lines\(\) got an unexpected keyword argument 'chunksize'"
    ):
        Lines(path, image_root=root, chunksize=5)
    assert Lines.options is LoaderOptions


def test_files_that_cannot_be_read(tmp_path, root):
    for name, content, message in [
        ("none", None, "does not exist"),
        ("empty", "", "is empty or not a regular file"),
        ("bad", "error", "cannot be read"),
    ]:
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(DocumentError, match=message) as raised:
            Lines(tmp_path / name, image_root=root).load()
        assert raised.value.path == str(tmp_path / name)
    with pytest.raises(DocumentError, match=r"cannot be opened|does not exist"):
        Lines("a\0b", image_root=root).load()


def test_our_own_errors_pass_unchanged(path, root, monkeypatch):
    error = MissingDependencyError("docx", "office", "loading a DOCX file")

    def elements(self):
        raise error

    monkeypatch.setattr(Lines, "elements", elements)
    with pytest.raises(MissingDependencyError) as raised:
        Lines(path, image_root=root).load()
    assert raised.value is error

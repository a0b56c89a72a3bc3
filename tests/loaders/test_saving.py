"""Images and what is known of them are written whole, once, and for each document."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.loaders import saving
from mmrerank.loaders.base import Figure
from mmrerank.loaders.saving import image_folder, save_facts, save_image

FIGURE = Figure("a.png", "one.pdf", 3, (0, 0, 9, 9), "vector", caption="Figure 1: A")


def facts(folder):
    return json.loads((folder / "a.json").read_text("utf-8"))


def test_equal_bytes_are_one_file(tmp_path):
    first, second = save_image(tmp_path, b"data"), save_image(tmp_path, b"data")
    assert first == second
    assert (tmp_path / first).read_bytes() == b"data"
    assert save_image(tmp_path, b"data", ".jpg").endswith(".jpg")
    assert len(list(tmp_path.iterdir())) == 2


def test_an_image_that_cannot_be_written(tmp_path):
    with pytest.raises(ImageError, match="cannot be written"):
        save_image(tmp_path / "missing", b"data")
    with pytest.raises(ImageError, match="cannot be written"):
        save_facts(tmp_path / "missing", FIGURE)


def test_what_is_known_of_a_figure_is_saved_without_its_reference(tmp_path):
    save_facts(tmp_path, FIGURE)
    assert facts(tmp_path)["caption"] == "Figure 1: A"
    assert not {"ref", "others"} & facts(tmp_path).keys()


def test_unchanged_facts_are_not_written_again(tmp_path, monkeypatch):
    save_facts(tmp_path, FIGURE)
    monkeypatch.setattr(saving, "write_atomically", lambda *_: pytest.fail("written again"))
    save_facts(tmp_path, FIGURE)
    assert facts(tmp_path)["source"] == "one.pdf"


def test_other_documents_with_the_same_image_stay(tmp_path):
    save_facts(tmp_path, FIGURE)
    save_facts(tmp_path, replace(FIGURE, source="two.pdf"))
    save_facts(tmp_path, replace(FIGURE, page=4))  # loaded again
    assert (facts(tmp_path)["source"], facts(tmp_path)["page"]) == ("one.pdf", 4)
    assert [other["source"] for other in facts(tmp_path)["others"]] == ["two.pdf"]


def test_the_other_documents_are_limited(tmp_path):
    for number in range(saving._MAX_OTHER_DOCUMENTS + 5):
        save_facts(tmp_path, replace(FIGURE, source=f"{number}.pdf"))
    sources = [other["source"] for other in facts(tmp_path)["others"]]
    assert len(sources) == saving._MAX_OTHER_DOCUMENTS
    assert sources[0] == "23.pdf"


@pytest.mark.parametrize("content", ["no JSON", "[]", "3", '{"others": 3}', '{"others": [1]}'])
def test_a_file_that_is_not_ours_is_replaced(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    save_facts(tmp_path, FIGURE)
    assert facts(tmp_path)["source"] == "one.pdf"


def test_the_image_root_is_made(tmp_path):
    assert image_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="is not a folder"):
        image_folder(tmp_path / "file")

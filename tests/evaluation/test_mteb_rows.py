"""Texts are those that mteb gives its own models; images are the bytes of their files."""

from __future__ import annotations

import pytest

pytest.importorskip("mteb")

import datasets
from helpers import image_file
from mteb._create_dataloaders import _retrieval_texts
from mteb.types import PromptType

from mmrerank import Image, InvalidInputError
from mmrerank.evaluation.mteb_rows import Rows, document_text, query_text


def mteb_texts(rows: list[dict], kind: str) -> list[str]:
    return list(_retrieval_texts(datasets.Dataset.from_list(rows), PromptType(kind)))


def test_documents_are_read_as_mteb_reads_them():
    rows = [
        {"id": "1", "title": "Title", "text": " some text "},
        {"id": "2", "title": "", "text": " some text\n"},
        {"id": "3", "title": "Title", "text": ""},
    ]
    assert [document_text(row) for row in rows] == mteb_texts(rows, "document")


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "1", "text": "why"}, {"id": "2", "text": " when "}],
        [{"id": "1", "text": "why", "instruction": "Only reports."}],
        [{"id": "1", "text": "why", "instruction": None}, {"id": "2", "text": "a", "instruction": "b"}],
        [{"id": "1", "text": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]}],
        [{"id": "1", "text": [{"role": "user", "content": "a"}], "instruction": "First."}],
    ],
)  # fmt: skip
def test_queries_are_read_as_mteb_reads_them(rows):
    assert [query_text(row) for row in rows] == mteb_texts(rows, "query")


@pytest.mark.filterwarnings("ignore:Conversations are a list of strings")  # mteb says so itself
def test_a_conversation_of_strings_is_read_as_mteb_reads_it():
    rows = [{"id": "1", "text": ["a", "b"]}]
    assert [query_text(row) for row in rows] == mteb_texts(rows, "query")


def test_images_are_bytes_or_paths_and_never_decoded(tmp_path):
    path = tmp_path / "page.png"
    path.write_bytes(image_file())
    data = image_file(kind="JPEG")
    features = datasets.Features({"id": datasets.Value("string"), "image": datasets.Image()})
    values = [{"bytes": data, "path": None}, {"bytes": None, "path": str(path)}]
    dataset = datasets.Dataset.from_dict({"id": ["a", "b"], "image": values}, features=features)
    rows = Rows(dataset, "document", document_text, {"image"})
    assert rows["a"].images == (Image.from_bytes(data),)
    assert rows["b"].images == (Image.from_path(path),)
    assert isinstance(dataset[0]["image"].size, tuple)  # the caller's own still decodes


def test_an_image_column_of_another_kind_is_named():
    dataset = datasets.Dataset.from_dict({"id": ["a"], "image": ["page.png"]})
    with pytest.raises(InvalidInputError, match="an image column must hold image files"):
        Rows(dataset, "document", document_text, {"image"})["a"]


def test_unknown_ids_are_named():
    rows = Rows(
        datasets.Dataset.from_dict({"id": ["a"], "text": ["b"]}), "query", query_text, {"text"}
    )
    with pytest.raises(InvalidInputError, match="no query 'c'"):
        rows["c"]

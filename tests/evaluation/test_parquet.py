"""Pages and questions in Parquet files."""

from __future__ import annotations

import base64

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import image_file

from mmrerank.errors import DocumentError
from mmrerank.evaluation.parquet import has_parquet, read_parquet
from mmrerank.index import Index

RED, BLUE = image_file(color="red"), image_file(color="blue", kind="JPEG")


def image(data):
    return {"bytes": data, "path": None}


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def make(folder, corpus):
    write(folder / "corpus" / "test-0.parquet", corpus)
    queries = [{"query-id": 1, "query": "red?"}, {"query-id": 2, "query": "nothing?"}]
    write(folder / "queries" / "test-0.parquet", queries)
    qrels = [{"query-id": 1, "corpus-id": 7, "score": 1}, {"query-id": 2, "corpus-id": 8, "score": 0}]  # fmt: skip
    write(folder / "qrels" / "test-0.parquet", qrels)
    return folder


def test_vidores_pages_keep_the_bytes_of_their_images(tmp_path):
    corpus = [{"corpus-id": 7, "image": image(RED)}, {"corpus-id": 8, "image": image(BLUE)}]
    folder = make(tmp_path / "v2", corpus)
    assert has_parquet(folder)
    data = read_parquet(folder, tmp_path / "documents")
    assert data.qrels == {"1": {"7": 1}}
    assert (tmp_path / "documents" / "7.png").read_bytes() == RED
    assert (tmp_path / "documents" / "8.jpg").read_bytes() == BLUE


def test_mtebs_documents_may_have_text_and_image(tmp_path):
    corpus = [{"id": "7", "text": "# Red\n\nIt is red.", "image": image(RED)},
              {"id": "8", "text": "Blue.", "image": None}]  # fmt: skip
    data = read_parquet(make(tmp_path / "v3", corpus), tmp_path / "documents")
    with Index(tmp_path / "store", **data.loader_options) as index:
        report = index.sync(data.documents)
        assert not report.failed
        entries = [e for file in index.files() for e in index.entries(file.path)]
        texts = {e.text.strip(): len(e.images) for e in entries if e.kind == "text"}
    assert texts == {"Red\n\nIt is red.": 1, "Blue.": 0}
    assert base64.b64encode(RED) in (tmp_path / "documents" / "7.md").read_bytes()


def test_rows_of_questions_with_their_page(tmp_path):
    rows = [
        {"query": "red?", "image": image(RED), "image_filename": "a/7.png"},
        {"query": "warm?", "image": image(RED), "image_filename": "a/7.png"},
        {"query": "red?", "image": image(BLUE), "image_filename": "8.png"},
        {"query": None, "image": image(BLUE), "image_filename": "9.png"},
    ]
    write(tmp_path / "v1" / "data" / "test.parquet", rows)
    data = read_parquet(tmp_path / "v1", tmp_path / "documents")
    assert [q.question for q in data.questions] == ["red?", "warm?"]
    assert data.qrels == {"q1": {"a/7.png": 1, "8.png": 1}, "q2": {"a/7.png": 1}}
    assert len(list((tmp_path / "documents").glob("*g"))) == 3


def test_what_cannot_be_read_is_named(tmp_path):
    named = [{"corpus-id": 7, "image": {"bytes": None, "path": "x.png"}}]
    with pytest.raises(DocumentError, match=r"only the name of the image 'x\.png'"):
        read_parquet(make(tmp_path / "a", named), tmp_path / "documents")
    with pytest.raises(DocumentError, match="a row has no corpus-id or id or _id"):
        read_parquet(make(tmp_path / "b", [{"image": image(RED)}]), tmp_path / "documents")
    broken = [{"corpus-id": 7, "image": image(b"no image")}]
    with pytest.raises(DocumentError, match="not an image"):
        read_parquet(make(tmp_path / "c", broken), tmp_path / "documents")
    folder = make(tmp_path / "d", [{"corpus-id": 7, "image": image(RED)}])
    (folder / "corpus" / "x.parquet").write_bytes(b"no")
    with pytest.raises(DocumentError, match="cannot be read as Parquet"):
        read_parquet(tmp_path / "d", tmp_path / "documents")
    (tmp_path / "empty").mkdir()
    assert not has_parquet(tmp_path / "empty")

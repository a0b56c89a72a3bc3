"""Damaged and doubled rows of an index at a URL are found, and mended."""

from __future__ import annotations

import pyarrow as pa
import pytest
from helpers import make_texts

from mmrerank import StoreError
from mmrerank.index.index import Index


@pytest.fixture
def index(file_place, tmp_path):
    url, storage = file_place
    make_texts(tmp_path / "docs", 3, "word")
    with Index(url, storage=storage, ocr=False) as made:
        made.sync([tmp_path / "docs"])
        yield made


def table(index):
    opened = index._open().ledger.rows.opened()
    opened.checkout_latest()
    return opened


def test_a_damaged_row_is_named_and_mended(index, tmp_path):
    path = str(tmp_path / "docs/1.md")
    table(index).update(f"path = '{path}' AND kind = 'text'", {"metadata": "{broken"})
    with pytest.raises(StoreError, match=r"1\.md.*--mend"):
        index.search("granite")
    assert [p.files for p in index.check(mend=True) if "damaged" in p.what] == [(path,)]
    assert index.sync([tmp_path / "docs"]).changed == [path]
    assert index.check() == []
    assert len(index.search("granite")) == 3


def test_a_doubled_row_is_one_result_and_is_removed(index, tmp_path):
    path = str(tmp_path / "docs/1.md")
    opened = table(index)
    opened.add(opened.search().where(f"path = '{path}' AND kind = 'text'").to_arrow())
    assert len(index.search("granite", routes=["words"])) == 3
    assert [p.files for p in index.check() if "twice" in p.what] == [(path,)]
    index.check(mend=True)
    assert len(index) == 3
    index.sync([tmp_path / "docs"])
    assert index.check() == []


def test_an_entry_without_its_file(index, tmp_path):
    path = str(tmp_path / "docs/1.md")
    table(index).delete(f"path = '{path}' AND kind = 'file'")
    assert [p.files for p in index.check(mend=True) if "no file" in p.what] == [(path,)]
    assert index.sync([tmp_path / "docs"]).changed == [path]
    assert index.check() == []


def test_an_entry_without_a_vector(index, tmp_path):
    path = str(tmp_path / "docs/1.md")
    opened = table(index)
    rows = opened.search().where(f"path = '{path}' AND kind = 'text'").to_arrow().to_pylist()
    rows[0]["vector_text"] = None
    merge = opened.merge_insert("number").when_matched_update_all()
    merge.execute(pa.Table.from_pylist(rows, schema=opened.schema), on_bad_vectors="null")
    assert [p.files for p in index.check(mend=True) if "no vector" in p.what] == [(path,)]
    index.sync([tmp_path / "docs"])
    assert index.check() == []


def test_many_small_commits_are_compacted(index, tmp_path, monkeypatch):
    monkeypatch.setattr("mmrerank.index.lance.table._MOST_FRAGMENTS", 5)
    for i in range(10, 20):
        index.add(make_texts(tmp_path / f"more{i}", 1, f"text{i}"))
    assert table(index).stats()["fragment_stats"]["num_fragments"] <= 6
    assert len(index.search("granite", top_n=99, routes=["words"])) == 13


def test_vectors_are_indexed_beyond_a_size(index, tmp_path, monkeypatch):
    for name in ("_LEAST_FOR_VECTORS", "_LEAST_FOR_NUMBERS", "_MOST_UNINDEXED"):
        monkeypatch.setattr(f"mmrerank.index.lance.table.{name}", 250)
    index.sync(make_texts(tmp_path / "many", 300, "other"))
    columns = {one.columns[0] for one in table(index).list_indices()}
    assert columns == {"words", "number", "vector_text"}
    (tmp_path / "many/new.md").write_text("a zither, quite alone")
    index.add([tmp_path / "many/new.md"])  # not indexed yet, and found
    for route in ("words", "vectors"):
        hit = index.search("zither", routes=[route], top_n=1)[0]
        assert hit.source.endswith("new.md")

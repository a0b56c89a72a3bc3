"""What a source lists, and the local files of its documents."""

from __future__ import annotations

import os
import pickle

import pytest
from bulk_documents import fill, objects, upload

from mmrerank import DocumentError, InvalidInputError
from mmrerank.bulk.source import open_source
from mmrerank.index.lance.storage import Storage


def test_a_folder(docs, storage):
    fill(docs, 2)
    (docs / "notes.xyz").write_text("?")
    (docs / ".hidden.md").write_text("?")
    source = open_source(docs, storage)
    found = source.listing(exclude="s3://bucket/index")
    assert [d.name for d in found.documents] == sorted(
        str(docs / name) for name in ("0.pdf", "1.md", "broken.docx", "broken.pdf", "empty.txt")
    )
    assert [reason for _, reason in found.skipped] == ["unknown format (.xyz)"]
    assert source.holds(str(docs / "gone/1.md"))
    assert not source.holds(f"{docs}2/1.md")
    assert not source.holds("s3://bucket/docs/1.md")


def test_an_index_within_the_folder_is_left_out(docs, storage):
    fill(docs, 1)
    (docs / "index").mkdir()
    (docs / "index/image.png").write_bytes(b"")
    source = open_source(docs, storage)
    names = [d.name for d in source.listing(exclude=f"file://{docs}/index").documents]
    assert f"{docs}/index/image.png" not in names
    assert f"{docs}/0.pdf" in names


def test_a_file_that_changes_while_it_is_read(docs, storage, tmp_path):
    fill(docs, 2)
    source = open_source(docs, storage)
    document = source.listing(exclude="").documents[1]
    changed = pytest.raises(DocumentError, match="changed while it was read")
    with changed, source.local(document, tmp_path) as path:
        os.utime(path, ns=(1, 1))
    with pytest.raises(DocumentError, match="changed"), source.local(document, tmp_path):
        pytest.fail("read")


@pytest.mark.slow
def test_object_storage(bucket, tmp_path, storage):
    url = upload(bucket("docs"), fill(tmp_path / "docs", 3))
    store = objects(url)
    store.put("notes.xyz", b"?")
    store.put(".trash/1.md", b"?")
    store.put("index/images/1.png", b"?")
    source = pickle.loads(pickle.dumps(open_source(url, storage)))
    found = source.listing(exclude=f"{url}/index")
    names = ["0.pdf", "1.md", "2.html", "broken.docx", "broken.pdf", "empty.txt"]
    assert [d.name for d in found.documents] == [f"{url}/{name}" for name in names]
    assert found.skipped == [(f"{url}/notes.xyz", "unknown format (.xyz)")]
    assert source.holds(f"{url}/gone.md")
    assert not source.holds(f"{url}2/gone.md")
    with source.local(found.documents[1], tmp_path) as path:
        assert path.read_text() == "# Note 1\n\nGranite of quarry 1."
    assert not path.exists()
    store.put("1.md", b"Another text.")
    changed = pytest.raises(DocumentError, match="changed while")
    with changed, source.local(found.documents[1], tmp_path):
        pytest.fail("read")
    store.delete("1.md")
    gone = pytest.raises(DocumentError, match="is gone")
    with gone, source.local(found.documents[1], tmp_path):
        pytest.fail("read")


@pytest.mark.parametrize("url", ["s3://user:secret@bucket/x", "ftp://host/x", "file:///x"])
def test_urls_that_cannot_be_used(url):
    with pytest.raises(InvalidInputError):
        open_source(url, Storage())

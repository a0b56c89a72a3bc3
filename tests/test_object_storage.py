"""Objects at a URL, in a folder."""

from __future__ import annotations

from mmrerank.object_storage import object_store, put_object


def test_an_object_that_is_there_is_replaced_only_where_that_is_meant(tmp_path):
    store = object_store(
        f"file://{tmp_path}", {}, timeout=5.0, retries=0, extra="remote", purpose="a test"
    )
    assert put_object(store, "notes/one", b"first", replaces=False)
    assert not put_object(store, "notes/one", b"second", replaces=False)
    assert (tmp_path / "notes" / "one").read_bytes() == b"first"
    assert put_object(store, "notes/one", b"third", replaces=True)
    assert (tmp_path / "notes" / "one").read_bytes() == b"third"

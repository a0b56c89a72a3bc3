"""Objects at a URL, in a folder."""

from __future__ import annotations

import pytest

from mmrerank.errors import InvalidInputError
from mmrerank.object_storage import check_object_url, object_store, put_object


def test_an_object_that_is_there_is_replaced_only_where_that_is_meant(tmp_path):
    store = object_store(
        f"file://{tmp_path}", {}, timeout=5.0, retries=0, extra="remote", purpose="a test"
    )
    assert put_object(store, "notes/one", b"first", replaces=False)
    assert not put_object(store, "notes/one", b"second", replaces=False)
    assert (tmp_path / "notes" / "one").read_bytes() == b"first"
    assert put_object(store, "notes/one", b"third", replaces=True)
    assert (tmp_path / "notes" / "one").read_bytes() == b"third"


@pytest.mark.parametrize(
    "url", ["s3://user:secret@bucket/x", "https://user:secret@host/x", "ftp://host/x?key=secret"]
)
def test_an_error_shows_no_credentials_of_a_url(url):
    with pytest.raises(InvalidInputError, match="no user, password or query") as caught:
        check_object_url(url, {})
    assert "secret" not in str(caught.value)

"""Places of an index: a folder, a URL of files, and S3 on loopback."""

from __future__ import annotations

import uuid

import pytest
from object_storage import s3_server

from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Storage


@pytest.fixture(scope="session")
def s3():
    """The options of a bucket named "bucket" in a server on loopback."""
    with s3_server() as options:
        yield options


@pytest.fixture
def file_place(tmp_path):
    """A URL of files, and its storage."""
    return f"file://{tmp_path}/an index's", Storage(cache_dir=tmp_path / "cache")


@pytest.fixture
def s3_place(s3, tmp_path):
    """A URL in the bucket, and its storage."""
    storage = Storage(options=s3, cache_dir=tmp_path / "cache", timeout=10.0, retries=1)
    return f"s3://bucket/{uuid.uuid4().hex}", storage


@pytest.fixture(
    params=["folder", "file_place", pytest.param("s3_place", marks=pytest.mark.slow)],
    ids=["folder", "file", "s3"],
)
def opened(request, tmp_path):
    """`opened(**options)` opens the same index again and again, wherever it is."""
    made = []

    def make(**options):
        if request.param == "folder":
            made.append(Index(tmp_path / "store", ocr=False, **options))
        else:
            url, storage = request.getfixturevalue(request.param)
            made.append(Index(url, storage=storage, ocr=False, **options))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture(params=["file_place", pytest.param("s3_place", marks=pytest.mark.slow)])
def place(request):
    """A URL and its storage."""
    return request.getfixturevalue(request.param)

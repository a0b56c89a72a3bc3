"""Places of an index: a folder, a URL of files, and S3 on loopback."""

from __future__ import annotations

import logging
import uuid

import pytest

from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Storage

SECRET = "a-secret-of-the-test"


@pytest.fixture(scope="session")
def s3():
    """The options of a bucket named "bucket" in a server on loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="bucket")
    yield {
        "aws_endpoint": endpoint,
        "aws_access_key_id": "test",
        "aws_secret_access_key": SECRET,
        "aws_region": "us-east-1",
        "allow_http": "true",
    }
    server.stop()


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

"""Untrusted items: images within limits, URLs only where they are allowed, never a file."""

from __future__ import annotations

import base64
import http.server
import threading

import httpx
import pytest
from helpers import image_file, png, tall_png

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.images import fetch
from mmrerank.serve.contents import read_contents
from mmrerank.serve.dialects.base import Call
from mmrerank.serve.settings import Settings
from mmrerank.testing import FakeReranker
from mmrerank.types import Modalities

READS_IMAGES = Modalities(image=True, query_image=True)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(*documents, query="q", modalities=READS_IMAGES, **settings):
    call = Call(query=query, documents=documents, top_n=None)
    return read_contents(call, Settings(name="m", **settings), modalities)


def test_texts_and_images():
    picture = image_file()
    query, documents = read(
        "text",
        {"text": "text"},
        {"image": b64(picture)},
        {"text": "both", "image": f"data:image/png;base64,{b64(picture)}"},
    )
    assert query.text == "q"
    assert [one.text for one in documents] == ["text", "text", None, "both"]
    assert [len(one.images) for one in documents] == [0, 0, 1, 1]
    assert documents[2].images[0].data == picture


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("https://example.com/a.png", "opens none"),
        ("HTTP://example.com/a.png", "opens none"),
        ("/etc/passwd", "neither"),
        ("file:///etc/passwd", "neither"),
        ("figure.png", "neither"),
        ("data:text/html;base64,aaaa", "data:image"),
        ("data:image/png;base64,!", "broken"),
        ("aaaa", "accepted format"),
        (b64(b"%!PS-Adobe-3.0 EPSF-3.0"), "accepted format"),
        (b64(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "accepted format"),
        (b64(tall_png()), "limit of a side"),
        (b64(image_file()[:20]), "cannot be read|accepted format"),
    ],
)
def test_images_that_are_refused(image, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        read("text", {"image": image})
    assert caught.value.reference == "documents[1]"


def test_limits():
    picture = {"image": b64(image_file((80, 60)))}
    assert read(picture, picture, max_images=2, max_pixels=4800, max_documents=2)
    with pytest.raises(InvalidInputError, match="3 images; at most 2"):
        read(picture, picture, query=picture, max_images=2)
    with pytest.raises(ImageError, match="80 x 60 pixels; at most 4799"):
        read(picture, max_pixels=4799)
    with pytest.raises(InvalidInputError, match="3 documents; at most 2"):
        read("a", "b", "c", max_documents=2)


def test_images_for_a_model_of_texts():
    picture = {"image": b64(image_file())}
    with pytest.raises(InvalidInputError, match="text only"):
        read(picture, modalities=Modalities())
    with pytest.raises(InvalidInputError, match="in a query"):
        read("a", query=picture, modalities=Modalities(image=True))


@pytest.fixture
def pictures():
    """An address of this machine that has a picture."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = png("words")
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/picture.png"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_of_this_network_is_never_opened(pictures):
    with pytest.raises(ImageError, match="public"):
        read({"image": pictures}, allow_urls=True)


def test_a_url_that_may_be_opened(pictures, serve, monkeypatch):
    get = fetch.fetch_image
    monkeypatch.setattr(fetch, "fetch_image", lambda url: get(url, allow_private=True))
    body = {"query": "a", "documents": [{"image": pictures}]}
    refused = httpx.post(f"{serve(FakeReranker()).url}/v1/rerank", json=body)
    assert refused.status_code == 422
    assert "documents[0]" in refused.json()["detail"]
    answer = httpx.post(f"{serve(FakeReranker(), allow_urls=True).url}/v1/rerank", json=body)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["relevance_score"] > 0

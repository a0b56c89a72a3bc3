"""Images and documents as they are sent."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    IMAGE_PART,
    URI,
)
from helpers import png
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import (
    Content,
    Image,
    ImageError,
    JinaReranker,
)
from mmrerank.http.encoding import content_parts, encode_as_data_uri, take_within_bytes
from mmrerank.images.decode import open_image
from mmrerank.testing import LocalRerankServer


@given(st.lists(st.text(max_size=50), min_size=1, max_size=20), st.integers(1, 400))
def test_bytes_are_bounded(texts, limit):
    rest, pieces = list(texts), []
    while rest:
        taken = take_within_bytes(iter(rest), limit)
        assert taken
        assert len(taken) == 1 or sum(len(text.encode()) for text in taken) <= limit
        rest = rest[len(taken) :]
        pieces += taken
    assert pieces == texts


def test_no_more_is_encoded_than_is_sent_and_one():
    seen = []
    assert len(take_within_bytes((seen.append(i) or "x" * 10 for i in range(100)), 35)) == 2
    assert len(seen) == 3


def test_large_images_are_shrunk_to_what_the_model_reads():
    large = Image.from_bytes(png("large", size=(2000, 1500)))
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        reranker.score("turbine", [Content(images=[large])])
    sent = Image.from_data_uri(server.requests[0]["documents"][0]["image"])
    picture = open_image(sent)
    assert 500_000 < picture.width * picture.height <= 602_112


def test_urls_are_sent_only_when_allowed():
    document = Content(images=[Image.from_url("https://example.org/figure.png")])
    with LocalRerankServer(lambda query, item: 0.5) as server:
        options = {"api_key": server.api_key, "base_url": server.url}
        with pytest.raises(ImageError, match="send_urls"):
            JinaReranker(**options).score("turbine", [document])
        assert JinaReranker(send_urls=True, **options).score("turbine", [document]) == [0.5]
    assert server.requests[0]["documents"] == [{"image": "https://example.org/figure.png"}]


def test_an_image_is_a_data_uri():
    assert encode_as_data_uri(FIGURE, 10**6, pass_urls=False).startswith(URI)


def test_images_come_before_text_in_a_chat_message():
    parts = content_parts(Content("words", [FIGURE]), [URI])
    assert parts == [IMAGE_PART, {"type": "text", "text": "words"}]
    assert content_parts(Content(" ", [FIGURE]), [URI]) == [IMAGE_PART]
    assert content_parts(Content(""), []) == [{"type": "text", "text": ""}]

"""Texts and images find texts and images, each route alone and all together."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictured import image_query, names, open_index, picture, write_pictures
from PIL import Image as Pillow

from mmrerank import Content, Image, OCRReranker, RerankWarning
from mmrerank.testing import ColourEmbedder, FakeReranker
from mmrerank.types import Modalities


class Joint(ColourEmbedder):
    """Embeds text and images of a query as one."""

    modalities = frozenset({"text", "image", "text_and_image"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictured")
    write_pictures(folder / "docs")
    with open_index(folder / "store") as index:
        index.sync(folder / "docs")
    with open_index(folder / "multimodal", embedder=ColourEmbedder()) as index:
        index.sync(folder / "docs")
    return folder


@pytest.fixture
def index(folder):
    with open_index(folder / "store") as index:
        yield index


def test_a_text_finds_images(index):
    for colour, name in (("red", "0.png"), ("blue", "2.png"), ("a yellow thing", "3.png")):
        (hit,) = index.search(colour, top_n=1, routes=["images"])
        assert (names([hit]), hit.routes, hit.best_image) == (
            [name],
            {"images": 1},
            hit.images[0].path,
        )
    hits = index.search("green", top_n=9)
    assert {"1.png", "note.md"} == set(names(hits[:2]))
    assert {name for hit in hits for name in hit.routes} == {"words", "vectors", "images"}


def test_an_image_finds_images(index, folder, tmp_path):
    like = picture(tmp_path / "like.png", "green", shape="ellipse")
    hits = index.search(image_query(like))
    assert names(hits[:1]) == ["1.png"]
    assert all(set(hit.routes) == {"images"} for hit in hits)
    data = Content(images=[Image.from_bytes(like.read_bytes())])
    assert names(index.search(data)) == names(hits)


def test_an_image_finds_texts_if_the_texts_have_the_same_embedder(folder):
    with open_index(folder / "multimodal", embedder=ColourEmbedder()) as index:
        query = image_query(folder / "docs" / "1.png")
        assert names(index.search(query, routes=["vectors"], top_n=1)) == ["note.md"]
        hits = index.search(query, top_n=2)
        assert set(names(hits)) == {"note.md", "1.png"}


@pytest.mark.parametrize("embedder", [ColourEmbedder, Joint])
def test_an_image_with_a_text_finds_what_is_like_both(folder, tmp_path, embedder):
    embedder.name = "ColourEmbedder"
    two = picture(tmp_path / "two.png", "red")
    with open_index(folder / "store", image_embedder=embedder()) as index:
        hits = index.search(image_query(two, "blue"), routes=["images"], top_n=2)
        assert set(names(hits)) == {"0.png", "2.png"}


def test_near_equal_pictures_take_one_place(tmp_path):
    docs = write_pictures(tmp_path / "docs")
    picture(docs / "0.png", "red", shape="ellipse")
    copy = tmp_path / "docs" / "copy.jpg"
    with open_index(tmp_path / "store") as index:
        with Pillow.open(docs / "0.png") as original:
            original.save(copy, quality=90)
        index.sync(docs)
        hits = index.search(image_query(docs / "0.png"), top_n=9)
        assert len(hits) == 4
        assert hits[0].also_in
        assert {names(hits)[0], Path(hits[0].also_in[0][0]).name} == {"0.png", "copy.jpg"}


def test_images_that_share_nothing_with_the_query_are_not_found(index, folder):
    assert index.search("a harbour", routes=["images"]) == []  # no colour is named
    query = image_query(folder / "docs" / "1.png", "a harbour")
    (first, *_) = index.search(query, routes=["images"])
    assert names([first]) == ["1.png"]


def test_filters_hold_for_images(index, folder):
    query = image_query(folder / "docs" / "1.png")
    assert names(index.search(query, where={"file": "3.png"}, fetch_k=1)) == ["3.png"]


def test_scores_are_fused_where_that_is_asked_for(index):
    by_ranks = index.search("green harbour", top_n=9)
    by_scores = index.search("green harbour", top_n=9, fusion="scores")
    assert set(names(by_ranks)) == set(names(by_scores))
    assert names(by_scores[:1]) == ["note.md"]
    assert all(0 <= hit.score <= 1 for hit in by_scores)
    weights = {"images": 9, "words": 0.1}
    assert names(index.search("green harbour", routes=weights, fusion="scores"))[0] == "1.png"


def test_a_reranker_gets_the_image_if_it_reads_it(index, folder):
    seen = []

    def score(query, item):
        seen.append(query)
        return float(bool(query.images))

    query = image_query(folder / "docs" / "1.png")
    reads = FakeReranker(score, modalities=Modalities(image=True, query_image=True))
    hits = index.search(query, reads)
    assert {one.images for one in seen} == {query.images}
    assert all(hit.is_scored and hit.score == 1.0 for hit in hits)


def test_a_reranker_without_images_leaves_the_order_of_the_routes(index, folder):
    plain = index.search(image_query(folder / "docs" / "1.png"))
    blind = FakeReranker(modalities=Modalities(image=True))
    with pytest.warns(RerankWarning, match="reads no images in a query; the candidates stay"):
        hits = index.search(image_query(folder / "docs" / "1.png"), blind)
    assert names(hits) == names(plain)
    assert not any(hit.is_scored for hit in hits)
    assert blind.calls == 0
    with pytest.warns(RerankWarning, match="reranked by its text alone"):
        hits = index.search(image_query(folder / "docs" / "1.png", "harbour"), blind)
    assert names(hits)[0] == "note.md"


def test_the_lexical_reranker_without_words_keeps_the_order_of_the_routes(index, folder):
    query = image_query(folder / "docs" / "1.png")
    hits = index.search(query, OCRReranker(ocr=False))
    assert names(hits) == names(index.search(query))
    assert all(hit.score == 0.0 for hit in hits)


async def test_all_of_it_without_blocking(index, folder):
    query = image_query(folder / "docs" / "1.png", "green")
    assert names(await index.asearch(query)) == names(index.search(query))

"""What both adapters promise of image references: where they are read, and which are refused."""

from __future__ import annotations

import json

import pytest
from adapters.drivers import Item, ids
from helpers import png

from mmrerank import ImageError, JinaReranker, Modalities, OCRReranker, RerankWarning
from mmrerank.testing import FakeReranker, LocalRerankServer


@pytest.fixture
def ocr_rerank(adapter, figures):
    """`ocr_rerank(**options)`: an adapter over the words of the figures."""

    def make(**options):
        return adapter.rerank(reranker=OCRReranker(ocr=False), **{"image_root": figures, **options})

    return make


@pytest.mark.parametrize(
    ("image_key", "metadata"),
    [
        ("images", {"images": ["words.png"]}),
        ("images", {"images": '["words.png"]'}),
        ("picture", {"picture": "words.png"}),
        ("picture", {"picture": {"path": "words.png", "page": 3}}),
        ("pictures", {"pictures": [{"path": "words.png"}, {"path": "blank.png"}]}),
        ("pictures", {"pictures": '[{"path": "words.png"}]'}),
        (["none", "fig", "more"], {"fig": "blank.png", "more": ["words.png"], "none": None}),
        (lambda metadata: metadata["a"]["b"], {"a": {"b": ("words.png",)}}),
        (lambda metadata: f"{metadata['name']}.png", {"name": "words"}),
        ("path", {"path": "./words.png"}),
        ("path", {"path": "sub\\inner.png"}),
    ],
)
def test_image_paths_of_an_existing_index_are_read(
    figures, adapter, ocr_rerank, image_key, metadata
):
    (figures / "sub").mkdir()
    for kind in ("png", "json"):
        (figures / "sub" / f"inner.{kind}").write_bytes((figures / f"words.{kind}").read_bytes())
    items = [Item("torque", "text"), Item("see there", "figure", metadata)]
    documents = adapter.make(*(items[1:] if callable(image_key) else items))
    (first,) = adapter(ocr_rerank(image_key=image_key, top_n=1), documents)
    assert first.id == "figure"
    assert first.score > 0
    assert first.metadata["best_image"].endswith(("words.png", "inner.png"))


@pytest.mark.parametrize("named_by", ["list", "function"])
def test_several_image_roots_are_tried_in_order(figures, tmp_path, adapter, ocr_rerank, named_by):
    (tmp_path / "empty").mkdir()
    roots = [tmp_path / "empty", str(figures)]
    rerank = ocr_rerank(image_root=roots if named_by == "list" else lambda metadata: roots)
    (result,) = adapter(rerank, adapter.make(Item("x", metadata={"images": "words.png"})))
    assert result.metadata["best_image"] == "words.png"


def test_tenants_have_image_roots_of_their_own(tmp_path, adapter, ocr_rerank):
    for tenant, words in (("a", "turbine torque"), ("b", "cat food")):
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / "figure.png").write_bytes(png(words))
        facts = {"words": words, "page": 1, "box": []}
        (tmp_path / tenant / "figure.json").write_text(json.dumps(facts))
    rerank = ocr_rerank(image_root=lambda metadata: tmp_path / metadata["tenant"])
    documents = adapter.make(
        *(Item("x", t, {"images": "figure.png", "tenant": t}) for t in ("b", "a"))
    )
    assert ids(adapter(rerank, documents)) == ["a", "b"]
    stolen = Item("x", metadata={"images": "../a/figure.png", "tenant": "b"})
    with pytest.raises(ImageError, match=r"\.\."):
        adapter(rerank, adapter.make(stolen))


@pytest.mark.parametrize(
    ("old", "ref"),
    [
        ("/home/old/images", "/home/old/images/words.png"),
        ("C:\\data\\images\\", "C:\\data\\images\\words.png"),
        ("figures", "figures/words.png"),
    ],
)
def test_images_whose_folder_has_moved_are_found_by_path_map(
    figures, adapter, ocr_rerank, old, ref
):
    rerank = ocr_rerank(path_map={old: str(figures)})
    documents = adapter.make(Item("x", metadata={"images": [ref]}))
    assert adapter(rerank, documents)[0].metadata["best_image"] == ref
    rerank.path_map = None
    with pytest.raises(ImageError):
        adapter(rerank, documents)


def test_an_absolute_path_counts_only_under_the_image_root(figures, tmp_path, adapter, ocr_rerank):
    inside, outside = str(figures / "words.png"), str(tmp_path / "outside.png")
    (tmp_path / "outside.png").write_bytes(png())
    (result,) = adapter(ocr_rerank(), adapter.make(Item("x", metadata={"images": inside})))
    assert result.metadata["best_image"] == inside
    with pytest.raises(ImageError, match="outside the image root"):
        adapter(ocr_rerank(), adapter.make(Item("x", metadata={"images": outside})))


@pytest.mark.parametrize(
    "ref", ["missing.png", "../secret.png", "/etc/passwd", "text.png", "file:///x.png", {"a": 1}]
)
def test_an_image_that_cannot_be_used_raises_or_warns(figures, any_way, ocr_rerank, ref):
    (figures / "text.png").write_text("not an image")
    items = [Item("turbine", "a", {"images": [ref, "words.png"]}), Item("nothing", "b")]
    documents = any_way.make(*items)
    rerank = ocr_rerank()
    with pytest.raises(ImageError):
        any_way(rerank, documents)
    rerank.on_image_error = "warn"
    with pytest.warns(RerankWarning, match="left out"):
        results = any_way(rerank, documents)
    assert ids(results) == ["a", "b"]
    assert results[0].metadata["images"] == [ref, "words.png"]


def test_images_without_an_image_root_raise(documents, adapter, ocr_rerank):
    with pytest.raises(ImageError, match="image_root"):
        adapter(ocr_rerank(image_root=None), documents)


def test_urls_are_refused_passed_on_or_fetched_as_the_caller_says(adapter):
    url = "https://example.org/figure.png"
    documents = adapter.make(Item("turbine", metadata={"images": [url]}))
    with pytest.raises(ImageError, match="is a URL"):
        adapter(adapter.rerank(reranker=FakeReranker()), documents)

    def scores(query, item):
        return 0.9 if item.images and item.images[0].url == url else 0.1

    with (
        LocalRerankServer(scores) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, send_urls=True) as reranker,
    ):
        (result,) = adapter(adapter.rerank(reranker=reranker, urls="pass"), documents)
    assert {"image": url} in server.requests[0]["documents"]
    assert (result.score, result.metadata["best_image"]) == (0.9, url)

    inside = adapter.make(Item("turbine", metadata={"images": ["http://127.0.0.1:9/figure.png"]}))
    with pytest.raises(ImageError, match=r"127\.0\.0\.1"):
        adapter(adapter.rerank(reranker=FakeReranker(), urls="fetch"), inside)


@pytest.mark.parametrize("options", [{}, {"image_key": "picture"}, {"image_key": ["a", "b"]}])
def test_a_wrong_or_forgotten_image_key_is_told_once(any_way, options, figures):
    documents = any_way.make(
        *(Item("turbine", str(i), {"image_path": "words.png", "page": i}) for i in range(3))
    )
    rerank = any_way.rerank(reranker=FakeReranker(), image_root=figures, **options)
    with pytest.warns(RerankWarning, match="image_key='image_path'") as caught:
        results = any_way(rerank, documents)
    assert len(caught) == 1
    assert len(results) == 3
    rerank.image_key = "image_path"
    any_way(rerank, documents)  # a warning would be an error


def test_a_reranker_of_text_or_a_call_with_images_is_told_nothing(any_way, figures):
    items = [Item("a", "a", {"image_path": "words.png"}), Item("b", "b", {"images": "words.png"})]
    rerank = any_way.rerank(reranker=FakeReranker(), image_root=figures)
    assert len(any_way(rerank, any_way.make(*items))) == 2
    text_only = any_way.rerank(reranker=FakeReranker(modalities=Modalities()))
    assert len(any_way(text_only, any_way.make(items[0]))) == 1

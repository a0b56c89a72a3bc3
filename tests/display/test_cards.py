"""What is shown of results, wherever they come from."""

from __future__ import annotations

from helpers import png
from shown import card

from mmrerank import Content, Image, OCRReranker
from mmrerank.display.cards import Card, CardImage, cards_of_hits, cards_of_results
from mmrerank.index.hits import Hit, HitImage, HitPart

IMAGES = [
    HitImage("a.png", 2, "Figure 1", "/store/images/a.png", (1.0, 2.0, 3.0, 4.0)),
    HitImage("sub/b.png", 2, "", "/store/images/sub/b.png"),
]

HIT = Hit(
    rank=1,
    score=0.9,
    retrieval_rank=3,
    retrieval_score=0.03,
    source="/data/a.pdf",
    page=2,
    text="text",
    images=IMAGES,
    best_image="sub/b.png",
    metadata={"section": "Machines", "page_label": "iv"},
    box=(9.0, 9.0, 20.0, 20.0),
    parts=(HitPart("text", 0.1), HitPart("image", 0.9, "sub/b.png"), HitPart("image", 0, "gone")),
)


def test_a_result_of_an_index_has_its_parts_and_images_by_their_index():
    (shown,) = cards_of_hits([HIT])
    assert (shown.section, shown.page_label, shown.score) == ("Machines", "iv", 0.9)
    assert shown.best_image == 1
    assert [(part.kind, part.image) for part in shown.parts] == [("text", None), ("image", 1)]
    assert [str(one.image.root) for one in shown.images] == ["/store/images"] * 2
    assert shown.framed == (2, HIT.box)  # the best image has no box


def test_the_box_of_the_best_image_comes_before_that_of_the_text():
    assert card().framed == (3, (72.0, 90.0, 300.0, 240.0))
    assert Card(rank=1, text="").framed is None


def test_a_result_that_was_not_reranked_has_no_score_of_a_reranker():
    (shown,) = cards_of_hits([HIT], is_reranked=False)
    assert shown.score is None
    assert shown.retrieval_score == 0.03


def test_a_result_of_a_reranker_names_its_document():
    documents = ["nothing", Content("A gauge.", [Image.from_bytes(png("torque"))])]
    first, second = cards_of_results(OCRReranker().rerank("torque", documents))
    assert (first.title, first.retrieval_rank, first.best_image) == ("document 2", 2, 0)
    assert second.title == "document 1"


def test_an_explanation_counts_only_images_that_can_be_opened():
    missing = CardImage(HitImage("m.png", None, ""), None, "is missing")
    shown = card(images=[missing, card().images[0]], best_image=1, parts=[])
    assert len(shown.content.images) == 1
    assert shown.place_of(0) == 1

"""Results as a page: what is said of each, and what the page may do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from helpers import png
from hypothesis import given
from hypothesis import strategies as st
from shown import HOSTILE, QUERY, card, hostile_card, pdf_file
from test_markup import Reader

from mmrerank import Content, Image, InvalidInputError, OCRReranker
from mmrerank.display import ResultsPage, show
from mmrerank.display.cards import CardImage
from mmrerank.index import Index
from mmrerank.index.hits import HitImage

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "article", "span", "bdi",
    "dl", "div", "dt", "dd", "table", "caption", "tbody", "thead", "tr", "th", "td", "meter", "p",
    "mark", "details", "summary", "figure", "img", "figcaption", "strong", "ul", "li",
}  # fmt: skip


def text_of(page: str) -> str:
    """What a person reads of a page."""
    return " ".join(Reader(re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)).text.split())


def test_a_card_says_where_a_result_is_how_it_was_ranked_and_why_it_is_there():
    page = text_of(ResultsPage([card()], QUERY).html())
    for said in (
        "Results for: torque of the turbine",
        "1. report.pdf, page 3",
        "Score0.750",
        "4 before reranking, 1 after (up 3)",
        "words 2, vectors 9",
        "2 Machines",
        "/data/report.pdf",
        "text0.250",
        "image 1, best image: Figure 1: The gauge.0.750",
        "Best image Figure 1: The gauge. (page 3, box 72,90 to 300,240)",
        "/data/copy.pdf, page 7",
    ):
        assert said in page


def test_words_of_the_query_are_marked():
    page = ResultsPage([card()], QUERY).html()
    assert 'The <mark class="mark">torque</mark> of the <mark class="mark">turbine</mark>.' in page


def test_the_best_image_is_framed_and_has_an_alternative_text():
    page = ResultsPage([card()], QUERY).html()
    assert '<figure class="figure best"><img class="best-picture" src="data:image/' in page
    assert 'alt="Figure 1: The gauge."' in page


def test_a_generated_caption_is_called_one():
    (shown,) = card().images
    facts = replace(shown.facts, generated_caption="A gauge.", generated_by="qwen")
    page = text_of(ResultsPage([card(images=[replace(shown, facts=facts)])]).html())
    assert "Generated caption by qwen, not the document's text: A gauge." in page


def test_a_long_text_is_cut_and_whole_on_demand():
    page = ResultsPage([card("One sentence. " * 3000 + "The turbine.")], QUERY).html()
    assert "<details" in page
    assert "22012 more characters are left out." in page
    assert "The whole text" not in ResultsPage([card("Short.")]).html()


def test_what_is_not_known_is_not_said():
    bare = card(
        "", score=None, retrieval_rank=None, routes={}, source="", page=None, section="",
        images=[], best_image=None, parts=[], also_in=[], title="document 1",
    )  # fmt: skip
    page = ResultsPage([bare]).html()
    assert text_of(page).endswith("Results1. document 1Scorenot knownThis result has no text.")
    assert "None" not in page


def test_a_failed_reranker_is_named():
    assert "the reranker failed" in text_of(ResultsPage([card(is_scored=False)]).html())


def test_images_keep_to_the_limit_best_ones_first_and_what_is_left_out_is_said():
    other = CardImage(HitImage("b.png", None, ""), Image.from_bytes(png("other", (900, 900))))
    first = card()
    two = card(images=[other, first.images[0]], best_image=1, parts=[])
    whole = ResultsPage([first, two]).html()
    sizes = [len(uri) for uri in re.findall(r'src="(data:[^"]*)"', whole)]
    assert len(sizes) == 3
    limited = ResultsPage([first, two], max_bytes=sizes[0] + sizes[1] + 500).html()
    assert limited.count('class="best-picture" src="data:') == 2
    assert limited.count('src="data:') == 2
    assert "1 image was left out: the images of this page have a limit of" in limited
    assert ResultsPage([first, two], max_bytes=0).html().count('src="data:') == 0


def test_an_image_that_cannot_be_read_is_named_with_the_reason(tmp_path):
    (tmp_path / "broken.png").write_bytes(png("torque")[:60])
    shown = CardImage(HitImage("broken.png", None, ""), Image.from_path(tmp_path / "broken.png"))
    page = text_of(ResultsPage([card(images=[shown], parts=[])]).html())
    assert "The image cannot be shown: " in page


def test_a_page_is_shown_with_a_frame_on_demand(tmp_path):
    file = pdf_file(tmp_path / "a.pdf")
    own = card(source=str(file), can_open_source=True, images=[], best_image=None, parts=[])
    framed = replace(own, box=(60.0, 60.0, 200.0, 90.0))
    page = ResultsPage([framed]).html()
    assert '<summary class="summary">Page 3 with a frame around the text</summary><img' in page
    assert "<summary" not in ResultsPage([framed], pages=False).html()
    assert "<summary" not in ResultsPage([replace(framed, can_open_source=False)]).html()
    missing = text_of(ResultsPage([replace(framed, page=9)]).html())
    assert "The page cannot be shown: there is no such page." in missing


def test_a_pdf_that_cannot_be_opened_costs_its_page_only(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 nothing")
    own = card(source=str(tmp_path / "a.pdf"), can_open_source=True, box=(1.0, 1.0, 2.0, 2.0))
    assert "The page cannot be shown: " in text_of(ResultsPage([own]).html())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts_wherever_they_stand(text):
    for page in (
        ResultsPage([hostile_card(text)], text).html(),
        ResultsPage([hostile_card(text)], text)._repr_mimebundle_()["text/html"],
    ):
        read = Reader(re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL))
        assert {tag for tag, _ in read.tags} <= ALLOWED | {"h3", "h4"}
        for _, attributes in read.tags:
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("src", "data:image/png;base64,").startswith("data:image/")
            assert not attributes.keys() & {"href", "action", "srcdoc", "formaction"}
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]", page
        )


@given(st.text(max_size=40))
def test_no_text_of_a_document_makes_an_element(text):
    plain = ResultsPage([hostile_card("x")], "y", max_bytes=0, pages=False).html()
    page = ResultsPage([hostile_card(text + "x")], "y", max_bytes=0, pages=False).html()
    count = plain.count("<article")
    assert page.count("<article") == count
    assert page.count("<script") == page.count("<iframe") == 0
    page.encode()


def test_the_policy_allows_the_style_sheet_and_images_of_the_page_only():
    page = ResultsPage([card()]).html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src &#x27;none&#x27;; img-src data:; style-src &#x27;sha256-")
    assert "unsafe" not in policy
    assert " style=" not in page


def test_a_notebook_gets_text_and_small_html_without_style_sheet_ids_and_frames():
    bundle = ResultsPage([card()], QUERY)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].startswith(
        " 1  /data/report.pdf, page 3\n    score 0.750, was rank 4"
    )
    page = bundle["text/html"]
    tags = {tag for tag, _ in Reader(page).tags}
    assert not tags & {"style", "script", "iframe", "link", "html"}
    assert not any(
        "id" in attributes or "class" in attributes for _, attributes in Reader(page).tags
    )
    assert 'style="' in page
    assert len(page) < 700_000


def test_the_best_image_is_framed_in_a_notebook_too():
    page = ResultsPage([card()])._repr_mimebundle_()["text/html"]
    assert re.search(r'<figure style="[^"]*border: 1px [^"]*; border: 3px solid #d81b60">', page)


def test_a_notebook_may_ask_for_one_kind():
    page = ResultsPage([card()])
    assert set(page._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(page._repr_mimebundle_(exclude={"text/html"})) == {"text/plain"}


def test_results_of_a_reranker_are_shown(tmp_path):
    documents = ["The hall is old.", Content("A gauge.", [Image.from_bytes(png("turbine torque"))])]
    results = OCRReranker().rerank(QUERY, documents)
    saved = show(results, Content(QUERY)).save(tmp_path / "page.html")
    page = text_of(saved.read_text(encoding="utf-8"))
    assert "1. document 2" in page
    assert "2 before reranking, 1 after (up 1)" in page
    assert "Best image image" in page


def test_results_of_an_index_are_shown_with_both_ranks(tmp_path):
    file = pdf_file(tmp_path / "a.pdf")
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync([file])
        stages = index.stages("page 2", OCRReranker(ocr=False), top_n=2)
        page = show(stages, "page 2").html()
        hits = index.search("page 2", top_n=2)
    assert "Ranks before and after reranking" in page
    assert "a.pdf, page 2" in page
    assert "with a frame around the text" in page
    assert "(not reranked)" in show(hits).html()
    assert "Ranks before" not in show(hits).html()


@pytest.mark.parametrize("wrong", ["a text", 3, None, ["a text"], [card(), "x"], {"a": 1}])
def test_what_is_no_result_is_refused(wrong):
    with pytest.raises(InvalidInputError, match="show takes results"):
        show(wrong)


def test_no_results_are_a_page_too():
    assert "Nothing was found." in show([]).html()

"""Explanations of OCRReranker: exact, and with the place of each word."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from helpers import png
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank import Content, Image, InvalidInputError, OCRReranker, UnsupportedOperationError
from mmrerank.ocr.bm25 import WordStatistics, locate_tokens, tokenize

TEXT = "The turbines at plant 4471-C made power; the power plant is old."
WORDS = st.lists(
    st.sampled_from(["Power", "turbines", "the", "4471-C", "Café", "old", "向量库", ",", "x"]),
    max_size=12,
).map(" ".join)


def total(found) -> float:
    return sum(word.weight for word in (*found.document, *found.image_words))


def total_query(found) -> float:
    return sum(word.weight for word in (*found.query, *found.query_image_words))


@given(WORDS.filter(str.strip), st.lists(WORDS, min_size=1, max_size=4), st.booleans())
@settings(deadline=None)
def test_contributions_add_up_to_the_score(query, texts, with_statistics):
    statistics = WordStatistics.of_texts([*texts, "power", "x"]) if with_statistics else None
    reranker = OCRReranker(cache_dir=None, ocr=False, statistics=statistics)
    for text, score in zip(texts, reranker.score(query, texts), strict=True):
        found = reranker.explain(query, text, candidates=texts)
        assert found.score == found.output == score
        assert total(found) == pytest.approx(score, abs=1e-12)
        assert total_query(found) == pytest.approx(score, abs=1e-12)
        for words, source in ((found.document, text), (found.query, query)):
            assert all(source[word.start : word.end] == word.text for word in words)
            assert all(a.end <= b.start for a, b in pairwise(words))


def test_words_that_matched_are_named_as_they_are_written():
    query = "Which turbine at PLANT 4471-C? Answer as a list."
    found = OCRReranker(cache_dir=None, ocr=False).explain(query, TEXT)
    assert [word.text for word in found.document] == ["turbines", "plant", "4471-C", "plant"]
    assert [query[word.start : word.end] for word in found.query] == ["turbine", "PLANT", "4471-C"]
    assert found.method == "bm25"
    assert json.loads(json.dumps(found.to_dict()))["gap"] == 0


def test_the_words_of_a_text_layer_and_of_a_caption_count(tmp_path):
    (tmp_path / "a.png").write_bytes(png("nothing"))
    facts = {"page": 1, "box": [0, 0, 1, 1], "caption": "Figure 2: a turbine",
             "words": "power of the five turbines in winter"}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(facts))
    document = Content("A turbine.", [Image.from_path(tmp_path / "a.png")])
    reranker = OCRReranker(cache_dir=None, ocr=False)
    found = reranker.explain("turbine power", document)
    assert [(word.text, word.image, word.box) for word in found.image_words if word.weight] == [
        (word.text, 0, None) for word in found.image_words
    ]
    assert sorted(word.text for word in found.image_words) == ["power", "turbine", "turbines"]
    assert total(found) == pytest.approx(reranker.score("turbine power", [document])[0])


@pytest.mark.slow
def test_words_read_by_ocr_have_the_box_of_their_line(tmp_path):
    pytest.importorskip("rapidocr")
    data = png("TURBINE POWER")
    reranker = OCRReranker(cache_dir=tmp_path)
    document = Content(images=[Image.from_bytes(data)])
    found = reranker.explain(Content("turbine", [Image.from_bytes(data)]), document)
    (*_, word) = [word for word in found.image_words if word.text.lower().startswith("turbine")]
    from mmrerank.images.facts import image_facts

    facts = image_facts(Image.from_bytes(data))
    x0, y0, x1, y1 = word.box
    assert 0 <= x0 < x1 <= facts.width
    assert 0 <= y0 < y1 <= facts.height
    assert found.query_image_words
    assert total(found) == pytest.approx(found.score)
    assert total_query(found) == pytest.approx(found.score)


def test_boxes_of_a_text_layer_come_from_ocr(tmp_path):
    pytest.importorskip("rapidocr")
    (tmp_path / "a.png").write_bytes(png("TURBINE POWER"))
    facts = {"page": 1, "box": [0, 0, 1, 1], "words": "turbine power of the five units in winter"}
    (tmp_path / "a.json").write_text(json.dumps(facts))
    document = Content(images=[Image.from_path(tmp_path / "a.png")])
    found = OCRReranker(cache_dir=tmp_path / "cache").explain("turbine in winter", document)
    boxes = {word.text: word.box for word in found.image_words}
    assert boxes["turbine"] is not None
    assert boxes["winter"] is None  # OCR does not find it in the picture


@given(st.text())
@settings(deadline=None)
def test_located_tokens_are_the_tokens(text):
    located = locate_tokens(text)
    assert [token for token, _, _ in located] == tokenize(text)
    assert all(0 <= start < end <= len(text) for _, start, end in located)


@given(st.text(alphabet="ae\u0301가ᄀ\u1161\u11a8か\u3099ｶﾞßﬁ\u09c7\u09be\u0dd9\u0dcf İ-4"))
@settings(deadline=None)
def test_letters_that_change_each_other_keep_their_places(text):
    located = locate_tokens(text)
    assert [token for token, _, _ in located] == tokenize(text)
    assert all(not text[start:end].isspace() for _, start, end in located)
    for token, start, end in located:
        assert token in tokenize(text[start:end], stop_words=True)


def test_what_cannot_be_explained_says_why():
    reranker = OCRReranker(cache_dir=None, ocr=False)
    with pytest.raises(InvalidInputError, match="explains by bm25"):
        reranker.explain("a", "b", method="leave_one_out")
    from mmrerank.ocr.reranker import Pages

    pages = Pages(words=[["b"]], of_document=[0], bonus=[0.0])
    with pytest.raises(UnsupportedOperationError, match="page"):
        reranker.with_pages(pages).explain("a", "b")

"""Reranking by the words in texts and images."""

from __future__ import annotations

import logging
import sys
import threading

import pytest
from helpers import png

from mmrerank import (
    Content,
    Image,
    ImageError,
    MissingDependencyError,
    OCRReranker,
    RerankWarning,
)
from mmrerank.ocr.bm25 import WordStatistics, tokenize
from mmrerank.ocr.engine import ReadLine
from mmrerank.ocr.reranker import Pages


@pytest.mark.parametrize(
    ("query", "text", "other"),
    [
        ("Kosten der Größe", "die GRÖSSE bestimmt die kosten", "am Rest"),
        ("café prices", "CAFE price list", "tea"),
        ("queries", "one query", "a quarry"),
        ("向量数据库", "我们使用向量数据库进行检索", "今天天气很好"),
        ("検索の精度", "画像検索の精度が上がる", "今日は晴れ"),
        ("재랭커", "재랭커는 이미지를 읽는다", "날씨가 좋다"),
        ("ราคาสินค้า", "ตารางราคาสินค้าใหม่", "อากาศดี"),
        ("ﬁgure ＡＢＣ", "figures abc", "nothing"),
        ("किताब", "यह किताब है", "तबक"),
        ("The Who", "who is it", "else"),
    ],
)
def test_words_of_many_scripts_match(query, text, other):
    scores = OCRReranker().score(query, [other, text])
    assert scores[1] > scores[0]
    assert scores[0] == 0.0


def test_a_chunk_is_found_by_the_words_in_its_image(image_root):
    chunk = Content("see the drawing", [Image.from_path(image_root / "words.png")])
    (first, second) = OCRReranker().rerank("torque of the turbine", ["the turbine hall", chunk])
    assert first.index == 1
    assert first.best_image == 0
    assert second.best_image is None


def test_no_image_is_read_twice(image_root, tmp_path, monkeypatch):
    reads = []
    line = ReadLine((0.0, 0.0, 1.0, 1.0), "torque")
    monkeypatch.setattr(
        "mmrerank.ocr.words.read_lines", lambda data, name: reads.append(name) or [line]
    )
    (image_root / "copy.png").write_bytes((image_root / "words.png").read_bytes())
    documents = [
        Content(images=[Image.from_path(image_root / name)]) for name in ("words.png", "copy.png")
    ]
    first = OCRReranker(cache_dir=tmp_path / "cache")
    threads = [threading.Thread(target=first.score, args=("torque", documents)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    again = OCRReranker(cache_dir=tmp_path / "cache")  # as in another process
    again.warm(documents)
    assert again.score("torque", documents)[0] > 0
    assert len(reads) == 1
    (image_root / "words.png").write_bytes(png("changed words"))
    again.score("torque", documents)
    assert len(reads) == 2


def test_a_rule_has_no_words(tmp_path):
    rule = Image.from_bytes(png(size=(3000, 1)))
    assert OCRReranker().score("x", [Content("x", [rule])])[0] > 0


def test_a_cache_that_cannot_be_written_warns_once(image_root, tmp_path):
    (tmp_path / "file").write_text("")
    reranker = OCRReranker(cache_dir=tmp_path / "file")
    document = Content("x", [Image.from_path(image_root / "words.png")])
    with pytest.warns(RerankWarning, match="cannot be cached"):
        first = reranker.score("turbine", [document])
    assert reranker.score("turbine", [document]) == first


def test_warm_shows_progress_and_reads_ahead(own_cache, image_root, capsys):
    reranker = OCRReranker()
    document = Content("x", [Image.from_path(image_root / "words.png")])
    reranker.warm([document], show_progress=True)
    assert "Reading words in images" in capsys.readouterr().err
    assert reranker._reader.is_known(document.images[0])


def test_a_query_shows_progress_on_request(own_cache, image_root, capsys):
    document = Content("x", [Image.from_path(image_root / "words.png")])
    scores = OCRReranker(show_progress=True).score("turbine", [document])
    assert "Reading words in images" in capsys.readouterr().err
    assert OCRReranker().score("turbine", [document]) == scores
    assert "Reading" not in capsys.readouterr().err


def test_an_unusable_image_is_an_error(image_root):
    (image_root / "bad.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"bad\.png"):
        OCRReranker().score("x", [Content("y", [Image.from_path(image_root / "bad.png")])])


def test_a_missing_ocr_package_is_named_when_it_is_needed(image_root, monkeypatch):
    from mmrerank.ocr import rapid

    rapid._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    document = Content("turbine", [Image.from_path(image_root / "words.png")])
    assert OCRReranker().score("turbine", ["turbine"])[0] > 0
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[ocr\]"):
        OCRReranker().score("turbine", [document])
    assert OCRReranker(ocr=False).score("turbine", [document])[0] > 0
    rapid._engine.cache_clear()


def test_ocr_is_quiet(image_root, caplog, capsys):
    with caplog.at_level(logging.INFO):
        OCRReranker().score("x", [Content("y", [Image.from_path(image_root / "words.png")])])
    assert caplog.text == ""
    assert capsys.readouterr() == ("", "")


def test_at_most_so_many_images_count(image_root):
    images = [Image.from_path(image_root / "blank.png")] * 4
    late = Content("x", [*images, Image.from_path(image_root / "words.png")])
    assert OCRReranker().score("turbine", [late]) == [0.0]
    assert OCRReranker(max_images_per_document=5).score("turbine", [late])[0] > 0


def test_statistics_of_the_collection_make_rare_words_count():
    candidates = ["the turbine report", "the turbine hall", "report of the year"]
    others = ["an annual report"] * 50
    query = "turbine report"
    alone = OCRReranker().score(query, candidates)
    assert alone[1] == pytest.approx(alone[2])  # each has one word that two of three have
    for statistics in (
        WordStatistics.of_texts([*candidates, *others]),
        lambda words: WordStatistics.of(words, [tokenize(t) for t in [*candidates, *others]]),
    ):
        scores = OCRReranker(statistics=statistics).score(query, candidates)
        assert scores[1] > 2 * scores[2]


def test_words_beside_each_other_count_more():
    together, apart = OCRReranker().score(
        "growth rate", ["the growth rate was low", "the rate was low in growth"]
    )
    assert together > apart > 0


def test_the_format_of_the_answer_does_not_count():
    query = "Which pumps leak? Answer as a list."
    documents = ["a list of answers", "a pump leaks"]
    assert OCRReranker().score(query, documents) == OCRReranker().score(
        "Which pumps leak?", documents
    )


def test_a_page_says_what_its_chunks_do_not():
    documents = ["turbine", "turbine", "a shelf"]
    pages = Pages(
        words=[["turbine", "torque"], ["turbine"]], of_document=[1, 0, 0], bonus=[0.0, 0.0, 0.0]
    )
    other, on_page, beside = OCRReranker().with_pages(pages).score("turbine torque", documents)
    assert 1 > on_page > max(other, beside)
    assert min(other, beside) > 0


def test_a_named_page_comes_first():
    documents = ["turbine torque", "torque", "turbine torque"]
    pages = Pages(
        words=[["turbine", "torque"], ["torque"]], of_document=[0, 1, 0], bonus=[0.0, 0.5, 0.4]
    )
    results = OCRReranker().with_pages(pages).rerank("turbine torque", documents)
    assert [result.index for result in results] == [2, 1, 0]
    assert all(0 < result.relevance_score < 1 for result in results)

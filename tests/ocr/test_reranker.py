from __future__ import annotations

import io
import json
import logging
import stat
import sys
import threading

import PIL.Image
import pytest
from helpers import png
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageDraw

from mmrerank import (
    Content,
    Image,
    ImageError,
    MissingDependencyError,
    OCRReranker,
    RerankWarning,
)
from mmrerank.ocr.bm25 import BM25, tokenize
from mmrerank.ocr.engine import ReadLine, read_lines
from mmrerank.ocr.words import ImageReader, is_readable


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


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), min_size=1, max_size=8),
       st.lists(st.sampled_from("abcxyz"), min_size=1, max_size=4))  # fmt: skip
def test_bm25_is_between_0_and_1_and_never_punishes_a_match(texts, query):
    bm25 = BM25(query, texts)
    for text in texts:
        score = bm25.score(text)
        assert 0.0 <= score < 1.0
        assert (score > 0) == bool(set(text) & set(query))


@given(st.text())
def test_any_text_is_tokenized(text):
    tokens = tokenize(text)
    assert all(tokens)
    assert tokenize(text.upper().lower()) == tokenize(text.upper().lower().upper().lower())


def test_a_chunk_is_found_by_the_words_in_its_image(image_root):
    chunk = Content("see the drawing", [Image.from_path(image_root / "words.png")])
    (first, second) = OCRReranker().rerank("torque of the turbine", ["the turbine hall", chunk])
    assert first.index == 1
    assert first.best_image == 0
    assert second.best_image is None


def test_words_kept_by_a_loader_come_before_ocr(image_root):
    facts = {"words": "alpha beta gamma delta epsilon", "caption": "Figure 1", "page": 1, "box": []}
    (image_root / "blank.json").write_text(json.dumps(facts))
    image = Image.from_path(image_root / "blank.png")
    reader = ImageReader(None, ocr=False)
    assert reader.words(image) == "Figure 1 alpha beta gamma delta epsilon"
    assert ImageReader(None).is_known(image)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "\xff", '{"words": 3}', "[" * 10**6])
def test_another_programs_json_beside_an_image_is_no_matter(image_root, text):
    (image_root / "words.json").write_text(text, encoding="latin-1")
    assert "turbine" in ImageReader(None).words(Image.from_path(image_root / "words.png"))


def test_garbled_text_layers_are_not_believed():
    assert is_readable("five whole words stand here")
    assert not is_readable("two words")
    assert not is_readable("=<6>?J+@:=<:#0(1C23# >$%& :<=?@ (#+: <>=:$")
    assert is_readable("0.0 0.5 1.0 -5 10% (a) time [s]")
    assert is_readable("向量 数据库 检索 精度 提高")
    assert not is_readable("\ufffd\ufffd \ue001\ue002 \ufffd \ufffd \ufffd \ufffd")


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
    assert stat.S_IMODE(next((tmp_path / "cache" / "ocr").iterdir()).stat().st_mode) == 0o700


def test_a_damaged_cache_is_read_again(image_root, tmp_path):
    image = Image.from_path(image_root / "words.png")
    ImageReader(tmp_path).words(image)
    (entry,) = (tmp_path / "ocr").rglob("*.json")
    for damage in (b"\xff\xfe\xff", b"[[1, 2]]", b"7", b"[" * 10**6):
        entry.write_bytes(damage)
        assert "turbine" in ImageReader(tmp_path).words(image)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_picture_is_read_whichever_way_it_is_turned(angle):
    page = PIL.Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(page)
    for row, text in enumerate(["Bearings of the turbine", "are greased each week", "by hand"]):
        draw.text((60, 80 + 150 * row), text, "black", font_size=56)
    data = io.BytesIO()
    page.rotate(angle, expand=True).save(data, "PNG")
    lines = read_lines(data.getvalue(), "page.png")
    assert [line.text.split()[0] for line in lines] == ["Bearings", "are", "by"]
    tops = [line.box[1] for line in lines]
    assert tops == sorted(tops)
    assert all(0.0 <= part <= 1.0 for line in lines for part in line.box)


def test_a_rule_has_no_words(tmp_path):
    rule = Image.from_bytes(png(size=(3000, 1)))
    assert OCRReranker().score("x", [Content("x", [rule])])[0] > 0


def test_a_cache_that_cannot_be_written_is_said_once(image_root, tmp_path):
    (tmp_path / "file").write_text("")
    reranker = OCRReranker(cache_dir=tmp_path / "file")
    document = Content("x", [Image.from_path(image_root / "words.png")])
    with pytest.warns(RerankWarning, match="cannot be kept"):
        first = reranker.score("turbine", [document])
    assert reranker.score("turbine", [document]) == first


def test_warm_shows_progress_and_reads_ahead(image_root, capsys):
    reranker = OCRReranker()
    document = Content("x", [Image.from_path(image_root / "words.png")])
    reranker.warm([document], show_progress=True)
    assert "Reading words in images" in capsys.readouterr().err
    assert reranker._reader.is_known(document.images[0])


def test_a_query_shows_progress_where_asked(image_root, capsys):
    document = Content("x", [Image.from_path(image_root / "words.png")])
    found = OCRReranker(show_progress=True).score("turbine", [document])
    assert "Reading words in images" in capsys.readouterr().err
    assert OCRReranker().score("turbine", [document]) == found
    assert "Reading" not in capsys.readouterr().err


def test_an_unusable_image_is_an_error(image_root):
    (image_root / "bad.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"bad\.png"):
        OCRReranker().score("x", [Content("y", [Image.from_path(image_root / "bad.png")])])


def test_a_missing_ocr_package_is_named_when_it_is_needed(image_root, monkeypatch):
    from mmrerank.ocr import engine as ocr_engine

    ocr_engine._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    document = Content("turbine", [Image.from_path(image_root / "words.png")])
    assert OCRReranker().score("turbine", ["turbine"])[0] > 0
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[ocr\]"):
        OCRReranker().score("turbine", [document])
    assert OCRReranker(ocr=False).score("turbine", [document])[0] > 0
    ocr_engine._engine.cache_clear()


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

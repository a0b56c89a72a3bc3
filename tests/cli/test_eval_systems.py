"""The words of `--compare`."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

import pytest

from mmrerank.catalog import RERANKERS
from mmrerank.cli.eval_systems import check_word, systems
from mmrerank.errors import RerankError
from mmrerank.ocr.reranker import OCRReranker

OPTIONS = {"base_url": [], "price": [], "routes": None, "no_ocr": False}


def made(*words, **options):
    return systems(Namespace(compare=words, **{**OPTIONS, **options}), states="s", index_facts={})


def test_every_reranker_is_a_word():
    for row in RERANKERS:
        assert check_word(row.name) == row.name
        assert check_word(f"{row.name}=model") == f"{row.name}=model"


@pytest.mark.parametrize(
    "word", ["", "jima", "words+jima", "run", "run=", "ocr=", "words=x", "none=x"]
)
def test_a_word_that_means_nothing_is_an_error(word):
    with pytest.raises(ArgumentTypeError, match="is none of"):
        check_word(word)


def test_words_become_systems():
    none, text, both, ocr = made("none", "text", "words+vectors", "ocr", "ocr")
    assert (none.routes, text.where, both.routes) == (None, {"kind": "text"}, ["words", "vectors"])
    with ocr.reranker() as reranker, none.reranker() as nothing:
        assert isinstance(reranker, OCRReranker)
        assert nothing is None
    assert len({one.key for one in (none, text, both, ocr)}) == 4


def test_paths_are_shortened_where_names_stay_clear(tmp_path):
    assert [one.name for one in made("qwen3=/a/m1", "run=/b/c.run")] == ["qwen3=m1", "run=c.run"]
    assert [one.name for one in made("qwen3=/a/m", "qwen3=/b/m")] == ["qwen3=/a/m", "qwen3=/b/m"]


def test_results_are_kept_by_what_they_depend_on(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    word = f"qwen3={tmp_path}"
    (before,), (again,) = made(word), made(word)
    assert before.key == again.key
    (tmp_path / "config.json").write_text("{ }")
    others = [*made(word), *made(word, no_ocr=True), *made(word, base_url=[("qwen3", "http://x")])]
    assert len({one.key for one in (before, *others)}) == 4


def test_addresses_and_prices_go_by_the_word_or_the_reranker():
    prices = {"price": [("jina", "2"), ("jina=m3", "3")]}
    m0, m3 = made("jina=m0", "jina=m3", **prices)
    assert (m0.price, m3.price) == (2.0, 3.0)
    with pytest.raises(RerankError, match="base-url"), made("ocr", base_url=[("ocr", "x")])[0].reranker():  # fmt: skip
        pass

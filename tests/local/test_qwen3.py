"""Qwen3-Reranker: text only, and conversions to a classifier."""

from __future__ import annotations

import json

import pytest
from golden_cases import cases, content, golden_image, load
from safetensors.torch import load_file, save_file

from mmrerank.errors import (
    ModelLoadError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.types import Content


@pytest.fixture
def converted(copied):
    """The golden Qwen3 as a sequence classifier of one label: its row is yes - no."""
    path = copied("qwen3-reranker")
    with load("qwen3-reranker") as reranker:
        yes, no = (reranker._tokenizer.word(word) for word in ("yes", "no"))
    weights = load_file(path / "model.safetensors")
    rows = weights["model.embed_tokens.weight"].float()
    weights["score.weight"] = (rows[yes] - rows[no])[None]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((path / "config.json").read_text())
    config |= {
        "architectures": ["Qwen3ForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
    }
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_a_sequence_classification_conversion(converted):
    case = cases("qwen3-reranker")[0]
    with load("qwen3-reranker", converted) as reranker:
        found = reranker.score(content(case["query"]), [content(d) for d in case["documents"]])
    assert found == pytest.approx(case["scores"], abs=1e-4)


def test_a_classifier_of_several_labels_is_refused(converted):
    config = json.loads((converted / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b"}
    config["label2id"] = {"a": 0, "b": 1}
    (converted / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError, match="2 labels"):
        load("qwen3-reranker", converted)


def test_a_text_model_reads_no_images(loaded):
    reranker = loaded("qwen3-reranker")
    image = golden_image("0_56x56.png")
    with pytest.raises(UnsupportedModalityError):
        reranker.score("q", [Content(images=[image])])
    with pytest.raises(UnsupportedModalityError):
        reranker.score(Content("q", [image]), ["d"])
    with pytest.warns(RerankWarning, match="images"):
        found = reranker.score("q", [Content("text", [image])])
    assert found == reranker.score("q", ["text"])

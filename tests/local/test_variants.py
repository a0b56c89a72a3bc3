"""Converted and quantised checkpoints, the cross-encoder wrapper, the embedder."""

from __future__ import annotations

import json
import math

import pytest
import torch
import transformers
from golden_cases import GOLDEN, cases, content, load
from safetensors.torch import load_file, save_file

from mmrerank.errors import (
    InvalidInputError,
    ModelLoadError,
    RerankError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.local import CrossEncoderReranker
from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder
from mmrerank.types import Content, Image


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


@pytest.fixture(scope="module")
def wider(tmp_path_factory):
    """A Qwen3 whose layers are wide enough for the 4-bit kernel."""
    path = tmp_path_factory.mktemp("wider")
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=10048,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        tie_word_embeddings=True,
    )
    transformers.Qwen3ForCausalLM(config).save_pretrained(path)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (path / file).write_bytes((GOLDEN / "qwen3-reranker" / file).read_bytes())
    return path


@pytest.mark.parametrize(("bits", "package"), [("int8", "torchao"), ("int4", "bitsandbytes")])
def test_quantised_on_a_cpu(wider, bits, package):
    pytest.importorskip(package)
    pytest.importorskip("accelerate")
    documents = ["gravity pulls", "a recipe", "torque of a turbine " * 20]
    with load("qwen3-reranker", wider, scores="logit") as exact:
        wanted = exact.score("gravity", documents)
        width = exact._engine.decoder._model.layers[0].mlp.up_proj.weight.untyped_storage()
    with load("qwen3-reranker", wider, scores="logit", quantization=bits) as small:
        found = small.score("gravity", documents)
        weight = small._engine.decoder._model.layers[0].mlp.up_proj.weight
    assert found != wanted
    assert found == pytest.approx(wanted, abs=0.1)
    assert type(weight).__name__ in ("Int8Tensor", "Params4bit")
    assert width.nbytes() == 128 * 256 * 4


def test_quantisation_of_a_model_too_narrow_for_it():
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    with pytest.raises(ModelLoadError, match="multiple of 32"):
        load("qwen3-reranker", quantization="int4")


@pytest.mark.parametrize("model", ["jina-reranker-m0", "qwen3-vl-reranker"])
def test_int8_leaves_the_vision_tower_and_the_head_alone(model):
    pytest.importorskip("torchao")
    pytest.importorskip("accelerate")
    case = cases(model)[0]
    with load(model, quantization="int8") as reranker:
        found = reranker.score(content(case["query"]), [content(d) for d in case["documents"]])
        visual = reranker._engine.tower._visual
        assert {p.dtype for p in visual.parameters()} == {torch.float32}
        assert {type(p) for p in visual.parameters()} == {torch.nn.Parameter}
    assert found == pytest.approx(case["scores"], abs=0.05)


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


TEXTS = ["gravity pulls", "", "a recipe for bread " * 30, "<|endoftext|>", "什么是重力？"]


def native_vectors(texts: list[str]) -> list[list[float]]:
    """One text at a time through transformers, the last token pooled, length 1."""
    path = GOLDEN / "qwen3-reranker"
    model = transformers.Qwen3Model.from_pretrained(path, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    out = []
    for text in texts:
        ids = tokenizer(text, split_special_tokens=True, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*ids, tokenizer.convert_tokens_to_ids("<|endoftext|>")]])
        with torch.no_grad():
            hidden = model(ids).last_hidden_state[0, -1]
        out.append(torch.nn.functional.normalize(hidden, dim=-1).tolist())
    return out


@pytest.fixture(scope="module")
def embedder():
    return Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu", instruction="Find it")


@pytest.mark.parametrize("budget", [1, 10000])
def test_embeddings_are_those_of_the_native_model(embedder, budget):
    embedder._engine.budget = budget
    found, wanted = embedder.embed_documents(TEXTS), native_vectors(TEXTS)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
        assert math.fsum(x * x for x in one) == pytest.approx(1, abs=1e-5)


def test_a_query_is_embedded_with_the_instruction(embedder):
    (wanted,) = native_vectors(["Instruct: Find it\nQuery:what is torque"])
    assert embedder.embed_query("what is torque") == pytest.approx(wanted, abs=1e-5)


async def test_the_embedder_awaited(embedder):
    assert await embedder.aembed_documents(TEXTS) == embedder.embed_documents(TEXTS)
    assert await embedder.aembed_query("torque") == embedder.embed_query("torque")


def test_fewer_dimensions():
    path = str(GOLDEN / "qwen3-reranker")
    with_all = Qwen3Embedder(path, device="cpu").embed_documents(["text"])[0]
    short = Qwen3Embedder(path, device="cpu", dimensions=8)
    (found,) = short.embed_documents(["text"])
    length = math.sqrt(math.fsum(x * x for x in with_all[:8]))
    assert found == pytest.approx([x / length for x in with_all[:8]], abs=1e-5)
    assert short.dimensions == 8
    with pytest.raises(InvalidInputError):
        Qwen3Embedder(path, device="cpu", dimensions=64)


def test_a_long_text_is_cut_and_reported():
    embedder = Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu", max_length=20)
    with pytest.warns(RerankWarning, match="1 of 2 texts"):
        found = embedder.embed_documents(["short", "a longer text " * 40])
    assert len(found) == 2


def test_what_cannot_be_embedded(embedder):
    assert embedder.embed_documents([]) == []
    with pytest.raises(InvalidInputError):
        embedder.embed_query("  ")
    with pytest.raises(InvalidInputError):
        embedder.embed_documents("one text")


def test_a_closed_embedder():
    embedder = Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu")
    embedder.close()
    with pytest.raises(RerankError, match="closed"):
        embedder.embed_query("q")

"""Each checkpoint that cannot be used says so; weights in 8 and 4 bits."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from golden_cases import GOLDEN, cases, content, load
from safetensors.torch import load_file, save_file

from mmrerank.errors import (
    ModelLoadError,
)


def edit(path, **changes):
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))


def test_no_such_folder(name, tmp_path):
    for path in (tmp_path / "nothing", tmp_path / "a" / "b"):
        with pytest.raises(ModelLoadError, match="no model folder"):
            load(name, path)


def test_a_hub_id_offline(name, monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelLoadError, match="nobody/such-a-model"):
        type(load(name))("nobody/such-a-model", device="cpu")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file(name, copied, file):
    path = copied(name)
    (path / file).unlink()
    with pytest.raises(ModelLoadError):
        load(name, path)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_json_file(name, copied, file, data):
    path = copied(name)
    (path / file).write_bytes(data)
    with pytest.raises(ModelLoadError):
        load(name, path)


@pytest.mark.parametrize("keep", [0, 7, 100, 5000, -1])
def test_truncated_weights(name, copied, keep):
    path = copied(name) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelLoadError):
        load(name, path.parent)


def test_weights_that_are_not_safetensors(name, copied):
    path = copied(name)
    (path / "model.safetensors").write_bytes(b"not weights" * 100)
    with pytest.raises(ModelLoadError):
        load(name, path)


def test_pickled_weights_are_not_read(name, copied):
    path = copied(name)
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError):
        load(name, path)


def test_a_checkpoint_of_another_kind_is_named(name):
    for other in {"jina-reranker-m0", "qwen3-reranker", "qwen3-vl-reranker"} - {name}:
        with pytest.raises(ModelLoadError, match=r"is a qwen\w+ checkpoint of .*loads qwen"):
            load(name, GOLDEN / other)


def test_a_language_model_of_the_same_backbone_is_refused(copied):
    path = copied("jina-reranker-m0")
    edit(path / "config.json", architectures=["Qwen2VLForConditionalGeneration"])
    with pytest.raises(ModelLoadError, match="Qwen2VLForConditionalGeneration"):
        load("jina-reranker-m0", path)


def test_remote_code_is_never_run(copied):
    path = copied("jina-reranker-m0")
    (path / "modeling.py").write_text("raise SystemExit('remote code ran')")
    edit(path / "config.json", auto_map={"AutoConfig": "modeling.X", "AutoModel": "modeling.X"})
    assert load("jina-reranker-m0", path).score("q", ["d"])


@pytest.mark.parametrize("change", ["missing", "foreign", "misshapen"])
def test_weights_that_do_not_fit_the_model(name, copied, change):
    path = copied(name) / "model.safetensors"
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("layers.0.mlp.up_proj.weight"))
    if change == "missing":
        del weights[key]
    elif change == "foreign":
        weights["something.else"] = torch.zeros(3)
    else:
        weights[key] = weights[key][:-1].clone()
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelLoadError):
        load(name, path.parent)


def test_loading_changes_nothing_for_other_users_of_transformers():
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load("qwen3-reranker").close()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


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

"""Each checkpoint, image or weight that cannot be used says so; none changes another's score."""

from __future__ import annotations

import json

import pytest
import torch
from golden_cases import GOLDEN, golden_image, load
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file

from mmrerank.errors import (
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    ModelLoadError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.local import JinaM0Reranker, Qwen3Reranker
from mmrerank.types import Content, Image

IMAGE_MODELS = ["jina-reranker-m0", "qwen3-vl-reranker"]


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


def test_weights_that_are_no_safetensors(name, copied):
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


@pytest.mark.parametrize("model", ["qwen3-reranker", "qwen3-vl-reranker"])
def test_a_vocabulary_without_yes(model, copied):
    path = copied(model) / "tokenizer.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["model"]["vocab"]["yesno"] = spec["model"]["vocab"].pop("yes")
    spec["model"]["merges"] = [
        merge
        for merge in spec["model"]["merges"]
        if "".join(merge if isinstance(merge, list) else merge.split()) != "yes"
    ]
    path.write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="yes"):
        load(model, path.parent)


def test_a_vocabulary_without_control_tokens(copied):
    path = copied("qwen3-reranker") / "tokenizer.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] != "<|im_start|>"]
    path.write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="im_start"):
        load("qwen3-reranker", path.parent)


def test_nan_weights(name, copied):
    path = copied(name) / "model.safetensors"
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
    weights[key][0, 0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with (
        load(name, path.parent) as reranker,
        pytest.raises(InvalidResponseError, match=r"documents\[0\].*no finite score"),
    ):
        reranker.score("q", ["a", "b"])


def test_one_bad_embedding_leaves_the_others_alone(copied, loaded):
    """Only the prompt that has the token is named; packed neighbours keep their scores."""
    path = copied("qwen3-reranker") / "model.safetensors"
    good = loaded("qwen3-reranker")
    token = good._tokenizer.encode([" gravity"])[0][0]
    weights = load_file(path)
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    texts = ["a", "b", "c" * 30]
    with load("qwen3-reranker", path.parent) as reranker:
        with pytest.raises(InvalidResponseError, match=r"documents\[1\] and 0 others"):
            reranker.score("q", ["a", "a gravity", "b"])
        prompts, _ = reranker._prompts(Content("q"), [Content(t) for t in [*texts, " gravity"]])
        found = reranker._engine.compute(prompts)
        wanted = good._engine.compute(good._prompts(Content("q"), [Content(t) for t in texts])[0])
        assert found[:3] == pytest.approx(wanted, abs=1e-5)
        assert found[3] != found[3]


@pytest.fixture(params=IMAGE_MODELS)
def reader(request, loaded):
    return loaded(request.param)


def picture(tmp_path, width, height, kind="png") -> Image:
    path = tmp_path / f"{width}x{height}.{kind}"
    Pillow.new("RGB", (width, height), "red").save(path)
    return Image.from_path(path)


def test_one_pixel_has_a_score(reader, tmp_path):
    assert 0 <= reader.score("q", [Content(images=[picture(tmp_path, 1, 1)])])[0] <= 1


@pytest.mark.parametrize("size", [(300, 1), (3, 900), (4000, 13)])
def test_an_aspect_ratio_over_200_is_refused(reader, tmp_path, size):
    with pytest.raises(ImageError, match="aspect ratio"):
        reader.score("q", ["text", Content(images=[picture(tmp_path, *size)])])


@pytest.mark.parametrize("size", [(2, 400), (10, 1000), (1000, 10), (5000, 40), (29, 29)])
def test_thin_images_have_a_score(reader, tmp_path, size):
    assert 0 <= reader.score("q", [Content(images=[picture(tmp_path, *size)])])[0] <= 1


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image(reader, data):
    with pytest.raises(ImageError):
        reader.score("q", [Content(images=[Image.from_bytes(data)])])


def test_a_truncated_image(reader):
    whole = (GOLDEN / "images" / "2_1200x900.png").read_bytes()
    with pytest.raises(ImageError):
        reader.score("q", [Content("text", [Image.from_bytes(whole[: len(whole) // 2])])])


def test_a_vanished_image_is_named(reader, tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png"):
        reader.score("q", [Content(images=[Image.from_path(tmp_path / "gone.png")])])


def test_a_url_is_not_opened(reader):
    with pytest.raises(ImageError, match="URL"):
        reader.score("q", [Content(images=[Image.from_url("https://example.com/a.png")])])


def test_a_turned_photograph_is_read_upright(reader, tmp_path):
    upright = Pillow.effect_noise((90, 240), 80).convert("RGB")
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown a quarter to the right
    for kind in ("png", "webp"):
        upright.rotate(90, expand=True).save(tmp_path / f"turned.{kind}", exif=exif, lossless=True)
    upright.save(tmp_path / "upright.png")
    names = ["turned.png", "turned.webp", "upright.png"]
    found = reader.score(
        "q", [Content(images=[Image.from_path(tmp_path / name)]) for name in names]
    )
    assert found[:2] == pytest.approx([found[2]] * 2, abs=1e-5)


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


def test_empty_calls(loaded, name):
    reranker = loaded(name)
    assert reranker.score("q", []) == []
    assert reranker.rerank("q", [], top_n=3) == []
    with pytest.raises(InvalidInputError):
        reranker.score(" ", ["d"])


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (JinaM0Reranker, {"max_query_length": 10240}),
        (JinaM0Reranker, {"max_query_length": 0}),
        (JinaM0Reranker, {"max_images_per_document": 0}),
        (Qwen3Reranker, {"max_length": -1}),
    ],
)
def test_limits_that_leave_no_room(cls, wrong):
    name = "jina-reranker-m0" if cls is JinaM0Reranker else "qwen3-reranker"
    with pytest.raises(InvalidInputError):
        cls(str(GOLDEN / name), device="cpu", **wrong)

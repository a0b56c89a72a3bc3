"""The models of texts and images: each gives what a few lines of transformers give.

The expected vectors are computed one item at a time, without padding where the model was trained so,
and pooled here by hand.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import io
import json
import math
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import tiny_models
from PIL import Image as Pillow

import mmrerank
from mmrerank import (
    Content,
    Image,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    MissingDependencyError,
    ModelLoadError,
    RerankError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.retrieval.embedders import EMBEDDERS, make_embedder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

CLASSES = {
    "clip": mmrerank.CLIPEmbedder,
    "metaclip2": mmrerank.CLIPEmbedder,
    "chinese-clip": mmrerank.ChineseCLIPEmbedder,
    "siglip2-naflex": mmrerank.SiglipEmbedder,
    "siglip2-fixed": mmrerank.SiglipEmbedder,
    "embeddinggemma2": mmrerank.EmbeddingGemma2Embedder,
}
TEXTS = ["a cat", "A Cat and a dog near the 一张图表", "", "x", "a longer text"]
SHAPES = [(40, 30), (32, 32), (200, 30), (9, 70), (3, 3), (60, 60)]


def photo(width, height):
    """Stripes and a ramp, so that what is cut off or squeezed matters."""
    picture = Pillow.new("RGB", (width, height))
    picture.putdata(
        [
            (x * 255 // width, y * 255 // height, 255 * (x // 4 % 2))
            for y in range(height)
            for x in range(width)
        ]
    )
    return picture


def image(picture) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


IMAGES = [image(photo(*shape)) for shape in SHAPES]


@pytest.fixture(autouse=True, scope="module")
def quick():
    """With models this small, threads only wait for each other, and collecting garbage takes longest."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-models")
    return {name: make(folder / name) for name, make in tiny_models.MAKERS.items()}


@pytest.fixture(params=CLASSES)
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def made(checkpoints):
    """One embedder of each kind, for all tests that leave it as it is."""
    return functools.cache(lambda kind: CLASSES[kind](str(checkpoints[kind]), device="cpu"))


@pytest.fixture
def embedder(kind, made):
    embedder = made(kind)
    embedder._cache.clear()
    return embedder


@pytest.fixture
def own_embedder(kind, checkpoints):
    """An embedder that a test may break."""
    return CLASSES[kind](str(checkpoints[kind]), device="cpu")


@functools.cache
def native_model(path):
    name = json.loads((path / "config.json").read_text())["architectures"][0]
    return getattr(transformers, name).from_pretrained(path)


@functools.cache
def native_tokenizer(path, name):
    return getattr(transformers, name).from_pretrained(path)


def native_ids(kind, path, text) -> list[int]:
    """The tokens of one text, spelt out."""
    name = "Siglip2Tokenizer" if kind.startswith("siglip2") else "AutoTokenizer"
    ids = native_tokenizer(path, name)(text)["input_ids"]
    if not kind.startswith("siglip2"):
        return ids
    assert ids[-1] == 1  # <eos>, and no <bos>
    return ids + [0] * (64 - len(ids))


def native_text(kind, path, text):
    """The vector of one text."""
    model = native_model(path)
    prompt = f"title: none | text: {text}" if kind == "embeddinggemma2" else text
    ids = torch.tensor([native_ids(kind, path, prompt)])
    with torch.no_grad():
        if kind == "embeddinggemma2":
            return model(input_ids=ids).last_hidden_state[0].mean(dim=0)
        states = model.text_model(input_ids=ids).last_hidden_state[0]
        if kind.startswith("siglip2"):
            return model.text_model.head(states[-1])
        if kind == "chinese-clip":
            return model.text_projection(states[0])
        place = int(ids[0].argmax()) if kind == "clip" else ids[0].tolist().index(2)
        return model.text_projection(states[place])


def native_image(kind, path, picture):
    """The vector of one picture."""
    model = native_model(path)
    config = json.loads((path / "preprocessor_config.json").read_text())
    processor_class = getattr(
        transformers, config["image_processor_type"].removesuffix("Pil") + "Pil"
    )
    inputs = processor_class.from_pretrained(path)(images=[picture], return_tensors="pt")
    with torch.no_grad():
        if kind == "embeddinggemma2":
            count = int(inputs.pop("num_soft_tokens_per_image")[0])
            ids = torch.tensor([[2, 5, *[6] * count, 7, 1]])  # <bos> <boi> ... <eoi> <eos>
            return model(input_ids=ids, **inputs).last_hidden_state[0].mean(dim=0)
        if kind.startswith("siglip2"):
            return model.vision_model(**inputs).pooler_output[0]
        states = model.vision_model(**inputs).last_hidden_state
        return model.visual_projection(model.vision_model.post_layernorm(states[0, 0]))


def same(found, wanted):
    unit = torch.nn.functional.normalize(wanted, dim=-1).tolist()
    assert found == pytest.approx(unit, abs=1e-5)


def test_texts_are_those_of_transformers(kind, embedder, checkpoints):
    for text, found in zip(TEXTS, embedder.embed_texts(TEXTS), strict=True):
        same(found, native_text(kind, checkpoints[kind], text))


def test_images_are_those_of_transformers(kind, embedder, checkpoints):
    for shape, found in zip(SHAPES, embedder.embed_images(IMAGES), strict=True):
        same(found, native_image(kind, checkpoints[kind], photo(*shape)))
    assert embedder.dimensions == len(found)


def test_a_vector_does_not_depend_on_its_batch(kind, embedder, checkpoints):
    alone = CLASSES[kind](str(checkpoints[kind]), device="cpu", batch_size=1, cache_bytes=0)
    pairs = zip(
        embedder.embed_texts(TEXTS) + embedder.embed_images(IMAGES),
        alone.embed_texts(TEXTS) + alone.embed_images(IMAGES),
        strict=True,
    )
    for together, one in pairs:
        assert together == pytest.approx(one, abs=1e-5)
        assert math.hypot(*together) == pytest.approx(1, abs=1e-5)


def test_a_query_is_a_text_or_an_image(kind, embedder):
    text = embedder.embed_query(TEXTS[0])
    assert (text == embedder.embed_texts(TEXTS[:1])[0]) == (kind != "embeddinggemma2")
    assert embedder.embed_query(Content(images=IMAGES[:1])) == embedder.embed_images(IMAGES[:1])[0]
    with pytest.raises(UnsupportedModalityError, match="as one"):
        embedder.embed_query(Content("which?", IMAGES[:1]))
    with pytest.raises(InvalidInputError, match="empty"):
        embedder.embed_query(" ")


def test_threads_and_tasks_get_the_same(embedder):
    wanted = embedder.embed_texts(TEXTS), embedder.embed_images(IMAGES)
    embedder._cache.clear()
    with ThreadPoolExecutor(4) as pool:
        texts = [pool.submit(embedder.embed_texts, TEXTS) for _ in range(4)]
        images = [pool.submit(embedder.embed_images, IMAGES) for _ in range(4)]
        for future in texts:
            assert future.result() == [pytest.approx(one, abs=1e-5) for one in wanted[0]]
        for future in images:
            assert future.result() == [pytest.approx(one, abs=1e-5) for one in wanted[1]]
    embedder._cache.clear()
    assert asyncio.run(embedder.aembed_images(IMAGES)) == [
        pytest.approx(one, abs=1e-5) for one in wanted[1]
    ]


def test_long_texts_are_cut_with_a_warning(kind, embedder, checkpoints):
    if kind == "embeddinggemma2":
        embedder = CLASSES[kind](str(checkpoints[kind]), device="cpu", max_length=40)
    with pytest.warns(RerankWarning, match="1 of 2 texts were cut"):
        long, _ = embedder.embed_texts(["a cat " * 200, "x"])
    with pytest.warns(RerankWarning, match="1 of 1 texts were cut"):
        assert embedder.embed_texts(["a cat " * 300])[0] == pytest.approx(long, abs=1e-5)


def test_a_control_token_in_a_text_is_text(kind, embedder):
    token = {"metaclip2": "</s>", "clip": "<|endoftext|>", "chinese-clip": "[SEP]"}.get(
        kind, "<eos>"
    )
    one, other = embedder.embed_texts([f"a cat {token} one", f"a cat {token} two dogs"])
    assert one != pytest.approx(other, abs=1e-3)  # pooled at the real end, not at this one


def test_images_of_odd_shapes(embedder):
    shapes = [(3000, 1), (1, 3000), (1, 1), (65_000, 2)]
    for vector in embedder.embed_images([image(Pillow.new("RGB", one, "red")) for one in shapes]):
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_an_image_in_the_way_is_named(embedder, tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(IMAGES[0].data[:80])
    with pytest.raises(ImageError, match=r"cut\.png"):
        embedder.embed_images([IMAGES[1], Image.from_path(path)])


def test_a_closed_embedder_says_so(own_embedder):
    own_embedder.close()
    own_embedder.close()
    with pytest.raises(RerankError, match="was closed"):
        own_embedder.embed_texts(["a"])


def test_a_batch_that_does_not_fit_is_halved(kind, own_embedder, monkeypatch):
    wanted = own_embedder.embed_images(IMAGES)
    own_embedder._cache.clear()
    network = own_embedder._network
    name = "get_image_features"
    real = getattr(network, name)

    def small(*args, **inputs):
        if len(inputs.get("pixel_values", args[0] if args else ())) > 2:
            raise torch.OutOfMemoryError("no room")
        return real(*args, **inputs)

    monkeypatch.setattr(network, name, small)
    found = own_embedder.embed_images(IMAGES)
    assert found == [pytest.approx(one, abs=1e-5) for one in wanted]
    assert own_embedder.batch_size < 4

    def never(*args, **inputs):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(network, name, never)
    own_embedder._cache.clear()
    with pytest.raises(RerankError, match="no room"):
        own_embedder.embed_images(IMAGES)


def test_damaged_weights_are_a_typed_error(own_embedder):
    with torch.no_grad():
        for parameter in own_embedder._network.parameters():
            parameter.fill_(math.nan)
    with pytest.raises(InvalidResponseError, match="not finite"):
        own_embedder.embed_texts(["a"])
    with pytest.raises(InvalidResponseError, match="not finite"):
        own_embedder.embed_images(IMAGES[:1])


def test_a_missing_file_is_a_typed_error(kind, checkpoints, tmp_path):
    for gone in ("tokenizer.json", "preprocessor_config.json", "model.safetensors"):
        folder = shutil.copytree(checkpoints[kind], tmp_path / gone)
        (folder / gone).unlink()
        with pytest.raises(ModelLoadError):
            CLASSES[kind](str(folder))


def test_another_model_is_refused(kind, checkpoints):
    other = "siglip2-fixed" if "clip" in kind and "siglip" not in kind else "clip"
    with pytest.raises(ModelLoadError, match=f"{CLASSES[kind].__name__} loads"):
        CLASSES[kind](str(checkpoints[other]))
    with pytest.raises(ModelLoadError, match="no model folder"):
        CLASSES[kind]("/nowhere/model")


def test_weights_of_another_shape_are_refused(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["clip"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["projection_dim"] = 25
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError, match=r"mismatched|shape|size"):
        mmrerank.CLIPEmbedder(str(folder))


def test_the_newer_clip_pools_at_its_own_eos(tmp_path):
    path = tiny_models.clip(tmp_path / "model", eos=None)
    found = mmrerank.CLIPEmbedder(str(path), device="cpu").embed_texts(["a cat", "a"])
    same(found[0], native_text("clip", path, "a cat"))


def test_siglip2_of_a_fixed_size_reads_capitals_as_small_letters(checkpoints):
    for kind in ("siglip2-fixed", "siglip2-naflex"):
        embedder = mmrerank.SiglipEmbedder(str(checkpoints[kind]), device="cpu")
        assert embedder.embed_texts(["A CAT"]) == embedder.embed_texts(["a cat"])


def test_siglip_of_the_first_version(tmp_path):
    pytest.importorskip("sentencepiece")
    path = tiny_models.siglip1(tmp_path)
    embedder = mmrerank.SiglipEmbedder(str(path), device="cpu")
    texts = ["a cat, and a dog!", "the dog"]
    found = embedder.embed_texts(texts)
    tokenizer = transformers.SiglipTokenizer.from_pretrained(path)
    for text, one in zip(texts, found, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += [tokenizer.eos_token_id] * (64 - len(ids))  # which is also what it pads with
        with torch.no_grad():
            states = native_model(path).text_model(torch.tensor([ids])).last_hidden_state
            same(one, native_model(path).text_model.head(states[0, -1]))
    assert embedder.embed_texts(["A CAT and a dog"])[0] == pytest.approx(found[0], abs=1e-5)
    native = native_image("siglip2-fixed", path, photo(*SHAPES[0]))
    same(embedder.embed_images(IMAGES[:1])[0], native)


def test_siglip_of_the_first_version_needs_a_package(tmp_path, checkpoints, monkeypatch):
    folder = shutil.copytree(checkpoints["siglip2-fixed"], tmp_path / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["tokenizer_class"] = "SiglipTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[siglip\]"):
        mmrerank.SiglipEmbedder(str(folder))


def test_embeddinggemma2_queries_dimensions_and_formats(checkpoints, tmp_path):
    path = str(checkpoints["embeddinggemma2"])
    embedder = mmrerank.EmbeddingGemma2Embedder(path, device="cpu")
    ids = native_ids("", path, "task: search result | query: a cat")
    model = transformers.EmbeddingGemma2Model.from_pretrained(path)
    with torch.no_grad():
        same(embedder.embed_query("a cat"), model(torch.tensor([ids])).last_hidden_state[0].mean(0))
    short = mmrerank.EmbeddingGemma2Embedder(path, device="cpu", dimensions=8)
    whole = torch.tensor(embedder.embed_texts(["a cat"])[0])
    same(short.embed_texts(["a cat"])[0], whole[:8])
    with pytest.raises(InvalidInputError, match="has 24 dimensions"):
        mmrerank.EmbeddingGemma2Embedder(path, dimensions=25)
    with pytest.raises(InvalidInputError, match="float16"):
        mmrerank.EmbeddingGemma2Embedder(path, device="cpu", dtype="float16")
    with pytest.raises(InvalidInputError, match="max_length"):
        mmrerank.EmbeddingGemma2Embedder(path, max_length=3)
    text_only = tiny_models.embedding_gemma2(tmp_path / "text", with_images=False)
    embedder = mmrerank.EmbeddingGemma2Embedder(str(text_only), device="cpu")
    assert len(embedder.embed_texts(["a"])[0]) == 24
    with pytest.raises(UnsupportedModalityError):
        embedder.embed_images(IMAGES[:1])


def test_many_long_texts_are_computed_in_small_batches(checkpoints, monkeypatch):
    monkeypatch.setattr("mmrerank.retrieval.embedding_gemma2._BATCH_TOKENS", 64)
    path = str(checkpoints["embeddinggemma2"])
    embedder = mmrerank.EmbeddingGemma2Embedder(path, device="cpu")
    for text, found in zip(TEXTS, embedder.embed_texts(TEXTS), strict=True):
        same(found, native_text("embeddinggemma2", checkpoints["embeddinggemma2"], text))


def test_each_row_of_the_table_makes_its_embedder(checkpoints):
    for row in EMBEDDERS:
        folder = {"siglip": "siglip2-fixed", "siglip2": "siglip2-naflex"}.get(row.name, row.name)
        if folder in checkpoints:
            embedder = make_embedder(f"{row.name}={checkpoints[folder]}")
            assert type(embedder).__name__ == row.class_name
            assert embedder.modalities == row.modalities


def test_bfloat16_is_near(kind, checkpoints, embedder):
    narrow = CLASSES[kind](str(checkpoints[kind]), device="cpu", dtype="bfloat16")
    pairs = [
        *zip(narrow.embed_images(IMAGES), embedder.embed_images(IMAGES), strict=True),
        *zip(narrow.embed_texts(TEXTS), embedder.embed_texts(TEXTS), strict=True),
    ]
    for found, wanted in pairs:
        assert sum(a * b for a, b in zip(found, wanted, strict=True)) > 0.9

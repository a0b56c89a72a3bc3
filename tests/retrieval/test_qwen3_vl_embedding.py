"""The embeddings are those of the native model."""

from __future__ import annotations

import json
import math
import shutil

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from golden_cases import GOLDEN, golden_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from mmrerank.errors import (
    ImageError,
    InvalidInputError,
    ModelLoadError,
    RerankError,
    RerankWarning,
)
from mmrerank.images.decode import open_image
from mmrerank.retrieval.qwen3_vl_embedding import Qwen3VLEmbedder
from mmrerank.types import Content, Image

PATH = GOLDEN / "qwen3-vl-reranker"
TEXTS = ["gravity pulls", "", "a recipe for bread " * 30, "什么是重力？"]
IMAGES = ["0_56x56.png", "1_300x200.png"]
DOCUMENT = "Represent the user's input."
QUERY = "Retrieve images or text relevant to the user's query."


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Native:
    """One item at a time through transformers alone: the last token pooled, length 1."""

    def __init__(self, path=PATH):
        self.model = transformers.Qwen3VLModel.from_pretrained(path, dtype=torch.float32)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        size = {"shortest_edge": 4 * 32 * 32, "longest_edge": 1800 * 32 * 32}
        self.processor = Qwen2VLImageProcessorPil.from_pretrained(path, size=size)

    def vector(self, text="", images=(), instruction=DOCUMENT):
        pixels, seen = {}, ""
        if images:
            pictures = [open_image(golden_image(name)) for name in images]
            pixels = dict(self.processor(images=pictures, return_tensors="pt"))
            for grid in pixels["image_grid_thw"].tolist():
                pads = "<|image_pad|>" * (math.prod(grid) // 4)
                seen += f"<|vision_start|>{pads}<|vision_end|>"
        said = f"{seen}{text}" or "NULL"
        prompt = (
            f"<|im_start|>system\n{instruction}<|im_end|>\n"
            f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n"
        )
        ids = self.tokenizer(prompt, add_special_tokens=True, return_tensors="pt")["input_ids"]
        kinds = (ids == self.model.config.image_token_id).int()
        with torch.no_grad():
            out = self.model(input_ids=ids, mm_token_type_ids=kinds, **pixels)
        return torch.nn.functional.normalize(out.last_hidden_state[0, -1], dim=-1).tolist()


@pytest.fixture(scope="module")
def native():
    return Native()


def near(found, wanted):
    assert list(found) == pytest.approx(list(wanted), abs=1e-5, rel=0)


@pytest.mark.parametrize("budget", [1, 10_000])
def test_texts_and_images_are_those_of_the_native_model(native, budget):
    with Qwen3VLEmbedder(str(PATH), device="cpu", max_batch_tokens=budget) as embedder:
        for text, found in zip(TEXTS, embedder.embed_texts(TEXTS), strict=True):
            near(found, native.vector(text))
        images = [golden_image(name) for name in IMAGES]
        for name, found in zip(IMAGES, embedder.embed_images(images), strict=True):
            near(found, native.vector(images=[name]))


@pytest.fixture
def fresh():
    with Qwen3VLEmbedder(str(PATH), device="cpu") as made:
        yield made


def test_a_query_may_be_text_image_or_both(fresh, native):
    image = golden_image(IMAGES[1])
    near(fresh.embed_query("torque"), native.vector("torque", instruction=QUERY))
    near(fresh.embed_query(Content(images=[image])), native.vector("", IMAGES[1:], QUERY))
    both = Content("torque", [golden_image(name) for name in IMAGES])
    near(fresh.embed_query(both), native.vector("torque", IMAGES, QUERY))


def test_documents_of_text_and_images_together(fresh, native):
    contents = [Content("a chunk", [golden_image(IMAGES[0])]), Content("gravity pulls")]
    one, other = fresh.embed_contents(contents)
    near(one, native.vector("a chunk", IMAGES[:1]))
    near(other, native.vector("gravity pulls"))


async def test_the_embedder_awaited(fresh):
    image = golden_image(IMAGES[0])
    assert await fresh.aembed_texts(TEXTS[:1]) == fresh.embed_texts(TEXTS[:1])
    assert await fresh.aembed_images([image]) == fresh.embed_images([image])
    assert await fresh.aembed_query("torque") == fresh.embed_query("torque")


def test_what_the_tokenizer_puts_after_a_text_is_the_token_that_counts(tmp_path, native):
    """Whether the published tokenizer appends <|endoftext|> is its post-processor's business."""
    path = shutil.copytree(PATH, tmp_path / "model")
    spec = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    end = {"id": "<|endoftext|>", "ids": [10000], "tokens": ["<|endoftext|>"]}
    closed = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": end["id"], "type_id": 0}}]  # fmt: skip
    spec["post_processor"] |= {"single": closed, "special_tokens": {end["id"]: end}}
    (path / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    with Qwen3VLEmbedder(str(path), device="cpu") as embedder:
        found = embedder.embed_texts(["gravity pulls"])[0]
    near(found, Native(path).vector("gravity pulls"))
    assert found != pytest.approx(native.vector("gravity pulls"), abs=1e-3)


def test_an_instruction_ends_in_a_sign(native):
    options = {"device": "cpu", "instruction": " Find it ", "document_instruction": "Read this!"}
    with Qwen3VLEmbedder(str(PATH), **options) as embedder:
        near(embedder.embed_query("q"), native.vector("q", instruction="Find it."))
        near(embedder.embed_texts(["q"])[0], native.vector("q", instruction="Read this!"))


def test_fewer_dimensions(native):
    with Qwen3VLEmbedder(str(PATH), device="cpu", dimensions=8) as short:
        assert short.dimensions == 8
        (found,) = short.embed_texts(["text"])
    wanted = native.vector("text")[:8]
    near(found, [x / math.hypot(*wanted) for x in wanted])
    with pytest.raises(InvalidInputError, match="32 dimensions"):
        Qwen3VLEmbedder(str(PATH), device="cpu", dimensions=64)
    with pytest.raises(InvalidInputError, match="at least 1"):
        Qwen3VLEmbedder(str(PATH), device="cpu", dimensions=0)


def test_control_tokens_in_a_text_are_words(fresh):
    one, other = fresh.embed_texts(["<|im_end|>", "a"])
    assert one != other
    prompt = fresh._prompt(Content("<|im_end|><|image_pad|>"), DOCUMENT)
    assert prompt.ids.count(10002) == 2  # those of the template
    assert 10012 not in prompt.ids


def test_a_long_text_is_cut_and_reported_and_the_template_stays():
    with Qwen3VLEmbedder(str(PATH), device="cpu", max_length=60) as embedder:
        with pytest.warns(RerankWarning, match="1 of 2 texts"):
            found = embedder.embed_texts(["short", "a longer text " * 40])
        assert len(found) == 2
        prompt = embedder._prompt(Content("a longer text " * 40), DOCUMENT)
        assert len(prompt) == 60
        assert prompt.ids[-3:] == embedder._prompt(Content("x"), DOCUMENT).ids[-3:]


def test_an_image_that_does_not_fit_is_shrunk_or_refused():
    image = golden_image("2_1200x900.png")
    with Qwen3VLEmbedder(str(PATH), device="cpu", max_length=100) as embedder:
        assert len(embedder._prompt(Content(images=[image]), DOCUMENT)) <= 100
        embedder._shrink_images = False
        with pytest.raises(ImageError, match="raise max_length"):
            embedder.embed_images([image])


def test_what_cannot_be_embedded(fresh, tmp_path):
    assert fresh.embed_texts([]) == []
    with pytest.raises(InvalidInputError):
        fresh.embed_query("  ")
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"a\.png"):
        fresh.embed_images([Image.from_path(tmp_path / "a.png")])
    with pytest.raises(InvalidInputError, match="max_length"):
        Qwen3VLEmbedder(str(PATH), device="cpu", max_length=20)
    with pytest.raises(ModelLoadError, match="Qwen3VLEmbedder loads"):
        Qwen3VLEmbedder(str(GOLDEN / "qwen3-reranker"), device="cpu")


def test_a_closed_embedder():
    embedder = Qwen3VLEmbedder(str(PATH), device="cpu")
    embedder.close()
    embedder.close()
    with pytest.raises(RerankError, match="closed"):
        embedder.embed_query("q")

"""Embedder: order, duplicates, batches, cache, unit length and checks, for every subclass."""

from __future__ import annotations

import asyncio
import io
import math
import pickle
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from mmrerank import (
    Content,
    Embedder,
    Image,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    StoreError,
    UnsupportedModalityError,
)
from mmrerank.images.decode import open_image
from mmrerank.retrieval.base import as_embedder
from mmrerank.retrieval.vector_cache import VectorCache


class Colours(Embedder):
    """Texts by their letters, images by their mean colour; counts what it computes."""

    modalities = frozenset({"text", "image"})
    model = "colours"

    def __init__(self, **options):
        super().__init__(**options)
        self.batches: list[list[object]] = []

    def _embed_texts(self, texts):
        self.batches.append(list(texts))
        return [[float(len(text)), float(text.count("a")), 1.0] for text in texts]

    def _embed_images(self, images):
        self.batches.append(list(images))
        return [open_image(image).resize((1, 1)).getpixel((0, 0)) for image in images]


def picture(colour="red", size=(4, 3), kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def images(*colours):
    return [Image.from_bytes(picture(colour)) for colour in colours]


@given(st.lists(st.text(max_size=4), max_size=12), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_vectors_are_in_order_whatever_the_batches(texts, batch_size):
    embedder = Colours(batch_size=batch_size)
    vectors = embedder.embed_texts(texts)
    assert vectors == [Colours().embed_texts([text])[0] for text in texts]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-6) for vector in vectors)
    assert all(len(batch) <= batch_size for batch in embedder.batches)
    computed = [text for batch in embedder.batches for text in batch]
    assert len(computed) == len(set(computed))


def test_what_was_seen_comes_from_the_cache():
    embedder = Colours(batch_size=2)
    embedder.embed_texts(["a", "b", "a"])
    embedder.embed_images(images("red", "blue", "red"))
    embedder.embed_query("a")
    embedder.embed_query(Content(images=images("blue")))
    assert [len(batch) for batch in embedder.batches] == [2, 2]
    embedder.close()
    embedder.embed_texts(["a"])
    assert len(embedder.batches) == 3


def test_without_a_cache_only_the_duplicates_of_a_call_are_saved():
    embedder = Colours(cache_bytes=0)
    for _ in range(2):
        embedder.embed_texts(["a", "a"])
    assert embedder.batches == [["a"], ["a"]]


def test_the_cache_keeps_what_was_used_last():
    from array import array

    cache = VectorCache(3 * (8 + 200))
    cache.keep({name: array("f", [1.0, 0.0]) for name in "abc"})
    cache.known("a")
    cache.keep({"d": array("f", [0.0, 1.0])})
    assert set(cache.known("abcd")) == {"a", "c", "d"}
    again = pickle.loads(pickle.dumps(cache))
    assert again.max_bytes == cache.max_bytes
    assert again.known("abcd") == {}


def test_a_returned_vector_is_the_callers_own():
    embedder = Colours()
    embedder.embed_texts(["a"])[0].clear()
    assert len(embedder.embed_texts(["a"])[0]) == 3


async def test_awaited_it_gives_the_same():
    embedder, other = Colours(batch_size=2), Colours()
    texts, pictures = ["one", "two", "", "one"], images("red", "green", "blue")
    assert await embedder.aembed_texts(texts) == other.embed_texts(texts)
    assert await embedder.aembed_images(pictures) == other.embed_images(pictures)
    assert await embedder.aembed_query("q") == other.embed_query("q")
    both = await asyncio.gather(*(embedder.aembed_query(f"q{n}") for n in range(8)))
    assert both == [other.embed_query(f"q{n}") for n in range(8)]


def test_the_number_of_dimensions_is_found_out():
    with Colours() as embedder:
        assert embedder.dimensions == 3
    assert embedder.name == "Colours:colours"


def test_a_text_that_no_tokenizer_takes_is_changed():
    class Placeholder(Colours):
        blank_text = "NULL"

    embedder = Placeholder()
    embedder.embed_texts(["", " \n", "half \ud800"])
    assert embedder.batches == [["NULL", "half ?"]]


def test_what_a_model_cannot_embed_is_refused():
    embedder = Colours()
    (red,) = images("red")
    with pytest.raises(UnsupportedModalityError, match="as one; it embeds text and image"):
        embedder.embed_query(Content("what is this", [red]))
    with pytest.raises(UnsupportedModalityError, match="several images"):
        embedder.embed_query(Content(images=[red, red]))
    assert embedder.embed_query(Content("  ", [red])) == embedder.embed_images([red])[0]
    embedder.modalities = frozenset({"text"})
    with pytest.raises(UnsupportedModalityError, match="embeds only text"):
        embedder.embed_images([red])
    with pytest.raises(UnsupportedModalityError):
        embedder.embed_query(Content(images=[red]))


@pytest.mark.parametrize("query", ["", "  \n", Content("")])
def test_an_empty_query_is_refused(query):
    with pytest.raises(InvalidInputError, match="query is empty"):
        Colours().embed_query(query)


@pytest.mark.parametrize("wrong", ["one text", b"bytes", None, 3, ["a", None], [Content("a")]])
def test_what_is_no_list_of_texts_is_refused(wrong):
    with pytest.raises(InvalidInputError, match="list of str"):
        Colours().embed_texts(wrong)


@pytest.mark.parametrize("wrong", ["a.png", ["a.png"], None, Image.from_path("a.png")])
def test_what_is_no_list_of_images_is_refused(wrong):
    with pytest.raises(InvalidInputError, match="list of Image"):
        Colours().embed_images(wrong)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"batch_size": 1.5}, {"batch_size": True}, {"cache_bytes": -1}],
)
def test_unusable_options_are_refused(options):
    with pytest.raises(InvalidInputError):
        Colours(**options)


BROKEN = {
    "too few": (lambda texts: [[1.0, 0.0]], "made 1 vectors of 2 texts"),
    "two lengths": (lambda texts: [[1.0], [1.0, 0.0]], "vectors of 1 and 2 dimensions"),
    "empty": (lambda texts: [[], []], "vectors of 0 dimensions"),
    "nan": (lambda texts: [[1.0, 0.0], [math.nan, 1.0]], "not finite"),
    "infinite": (lambda texts: [[1.0, 0.0], [1e300, 1.0]], "not finite"),
    "words": (lambda texts: ["ab", "cd"], "not lists of numbers"),
    "other length than before": (lambda texts: [[1.0] * 4] * 2, "4 dimensions; before, they had 3"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_unusable_vectors_are_a_typed_error_and_are_not_cached(kind, monkeypatch):
    made, message = BROKEN[kind]
    embedder = Colours()
    if "before" in message:
        embedder.embed_texts(["before"])
    monkeypatch.setattr(embedder, "_embed_texts", made)
    with pytest.raises(InvalidResponseError, match=message):
        embedder.embed_texts(["a", "b"])
    monkeypatch.undo()
    assert len(embedder.embed_texts(["a", "b"])) == 2


def test_a_vector_of_zeros_stays_one(monkeypatch):
    embedder = Colours()
    monkeypatch.setattr(embedder, "_embed_texts", lambda texts: [[0.0, 0.0]])
    assert embedder.embed_texts(["x"]) == [[0.0, 0.0]]


def huge_png() -> bytes:
    """A PNG whose header says 12,000 x 12,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + picture()[33:]


@pytest.mark.filterwarnings("ignore:Image size")  # Pillow's own, before its size is checked
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (picture(size=(50, 50), kind="JPEG")[:400], "damaged|truncated|cannot"),
        (picture(size=(64, 64))[:60], "damaged|truncated|cannot"),
        (huge_png(), "the limit is"),
        (b"no image", "accepted format"),
        (b"", "empty"),
    ],
)
def test_a_bad_image_is_named_by_its_file_and_what_came_before_it_is_kept(tmp_path, data, reason):
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    embedder = Colours(batch_size=1)
    with pytest.raises(ImageError, match=reason) as caught:
        embedder.embed_images([*images("red"), Image.from_path(path)])
    assert caught.value.reference == str(path)
    embedder.batches.clear()
    embedder.embed_images(images("red"))
    assert embedder.batches == []


def test_missing_files_and_urls_are_image_errors(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        Colours().embed_images([Image.from_path(tmp_path / "none.png")])
    with pytest.raises(ImageError, match="URL is not opened"):
        Colours().embed_query(Content(images=[Image.from_url("https://example.com/a.png")]))


def test_an_animation_counts_as_its_first_frame():
    frames = [Pillow.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    still = images("red")
    found = Colours().embed_images([Image.from_bytes(buffer.getvalue())])
    assert found[0] == pytest.approx(Colours().embed_images(still)[0])


def test_files_are_not_all_in_memory_at_once(monkeypatch):
    monkeypatch.setattr("mmrerank.retrieval.embedding_calls._WINDOW_BYTES", 200)
    embedder = Colours(batch_size=8)
    embedder.embed_images(images("red", "green", "blue"))
    assert max(len(batch) for batch in embedder.batches) < 3


def test_several_vectors_of_an_item_are_one_here():
    embedder = Colours()
    (red,) = images("red")
    assert embedder.several_vectors is False
    assert embedder.vectors_of(["a", red, "b"]) == [
        [embedder.embed_texts(["a"])[0]],
        [embedder.embed_images([red])[0]],
        [embedder.embed_texts(["b"])[0]],
    ]


class LangChainShaped:
    model = "m"

    def embed_documents(self, texts):
        return [[3.0, 4.0] for _ in texts]

    def embed_query(self, text):
        return [0.0, 2.0]


def test_what_langchain_has_is_wrapped_once():
    embedder = as_embedder(LangChainShaped())
    assert as_embedder(embedder) is embedder
    assert embedder.name == "LangChainShaped:m"
    assert embedder.embed_texts(["a"]) == [pytest.approx([0.6, 0.8])]
    assert embedder.embed_query("a") == [0.0, 1.0]
    with pytest.raises(UnsupportedModalityError):
        embedder.embed_images(images("red"))
    with pytest.raises(InvalidInputError, match="int is no embedder"):
        as_embedder(3)


def test_what_a_wrapped_embedder_raises_is_typed(monkeypatch):
    def fail(*_):
        raise RuntimeError("quota")

    monkeypatch.setattr(LangChainShaped, "embed_documents", fail)
    monkeypatch.setattr(LangChainShaped, "embed_query", lambda *_: "text")
    with pytest.raises(StoreError, match="the embedder failed: RuntimeError: quota"):
        as_embedder(LangChainShaped()).embed_texts(["a"])
    with pytest.raises(StoreError, match="the embedder failed: TypeError"):
        as_embedder(LangChainShaped()).embed_query("a")

"""Images get vectors with their files or later; what was interrupted goes on, what is lost is found."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys

import pymupdf
import pytest
from helpers import png
from pictured import image_query, names, open_index, picture, write_pictures
from PIL import Image as Pillow

from mmrerank import RerankWarning, StoreError
from mmrerank.errors import InvalidInputError
from mmrerank.index.index import Index
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.hashing import HashingEmbedder
from mmrerank.retrieval.vector_store import IMAGE
from mmrerank.testing import ColourEmbedder


class Counting(ColourEmbedder):
    """Counts the images that are embedded."""

    def __init__(self):
        super().__init__(cache_bytes=0)
        self.count = 0

    def _embed_images(self, images):
        self.count += len(images)
        return super()._embed_images(images)

    @property
    def name(self):
        return "ColourEmbedder"


@pytest.fixture
def docs(tmp_path):
    return write_pictures(tmp_path / "docs")


def test_each_image_of_a_file_has_one_vector(tmp_path):
    with pymupdf.open() as document:
        for page in range(2):
            new = document.new_page()
            new.insert_textbox((72, 72, 520, 400), f"The hall {page} is old. See Figure {page}.")
            new.insert_image((72, 420, 472, 540), stream=png(f"turbine {page}"))
            new.insert_text((72, 570), f"Figure {page}: What the gauge shows.")
        document.save(tmp_path / "a.pdf")
    for figures in (True, False):
        with open_index(tmp_path / f"store {figures}", figures=figures) as index:
            index.sync(tmp_path / "a.pdf")
            entries = index.entries(tmp_path / "a.pdf")
            embedded = ChromaStore(index.folder).ids(IMAGE)
            assert len(embedded) == 2
            assert {e.kind for e in entries if e.vector_id in embedded} == {
                "figure" if figures else "text"
            }
            assert index.check() == []


def test_an_index_that_gets_an_image_embedder_embeds_what_it_has(tmp_path, docs):
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync(docs)
    embedder = Counting()
    with open_index(tmp_path / "store", image_embedder=embedder) as index:
        report = index.sync(docs)
        assert len(report.unchanged) == 6
        assert embedder.count == 4 + 1  # and the probe
        assert names(index.search("blue", routes=["images"], top_n=1)) == ["2.png"]
        assert index.check() == []
        index.sync(docs)
        assert embedder.count == 5


def test_an_interrupted_run_goes_on_where_it_was(tmp_path, docs, monkeypatch):
    monkeypatch.setattr("mmrerank.index.image_vectors._BATCH", 1)
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync(docs)
    embedder, embed = Counting(), ColourEmbedder._embed_images

    def failing(self, images):
        if self.count == 3:  # the probe and two pictures
            raise RuntimeError("out of memory")
        return embed(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(ColourEmbedder, "_embed_images", failing)
        with (
            open_index(tmp_path / "store", image_embedder=embedder) as index,
            pytest.raises(StoreError, match="the image embedder failed: RuntimeError: out of mem"),
        ):
            index.sync(docs)
    embedder = Counting()
    with open_index(tmp_path / "store", image_embedder=embedder) as index:
        (problem,) = index.check()
        assert problem.what.startswith("some images have no vector yet")
        index.sync(docs)
        assert embedder.count == 1 + 3
        assert index.check() == []


KILLED = """
import os, signal, sys
from mmrerank.index.index import Index
from mmrerank.index.sqlite_writer import SQLiteWriter
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.testing import ColourEmbedder

folder, docs, step, when = sys.argv[1:]
owner = ChromaStore if hasattr(ChromaStore, step) else SQLiteWriter
original = getattr(owner, step)
def killed(self, *args):
    if when == "after":
        original(self, *args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, step, killed)
Index(folder, ocr=False, image_embedder=ColourEmbedder()).sync([docs])
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step", ["_write_vectors", "update_vectors", "add_image_vectors", "swap", "delete"]
)
def test_killed_at_any_step_nothing_is_lost_and_the_next_run_is_whole(tmp_path, docs, step, when):
    with Index(tmp_path / "store", ocr=False) as index:  # two pictures wait for their vectors
        index.sync([docs / "0.png", docs / "1.png", docs / "note.md"])
    picture(docs / "0.png", "purple")  # and a file changes
    arguments = [str(tmp_path / "store"), str(docs), step, when]
    process = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert process.returncode == -signal.SIGKILL
    with Index(tmp_path / "store", ocr=False, embedder=HashingEmbedder()) as index:
        assert names(index.search("harbour", routes=["words"])) == ["note.md"]
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
        assert index.check() == []
        for colour, name in (("purple", "0"), ("green", "1"), ("blue", "2"), ("yellow", "3")):
            (best,) = index.search(colour, routes=["images"], top_n=1)
            assert names([best]) == [f"{name}.png"]
        assert len(index.search("white", routes=["images"], top_n=9)) == 4
        store = ChromaStore(index.folder)
        assert len(store.ids(IMAGE)) == 4
        assert store.ids(IMAGE) < store.ids()


def test_check_finds_lost_image_vectors_and_mends_them(tmp_path, docs):
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
        store = ChromaStore(index.folder)
        lost = sorted(store.ids(IMAGE))[:2]
        store._collections[IMAGE].delete(ids=lost)
    with open_index(tmp_path / "store") as index:
        (problem,) = index.check(mend=True)
        assert problem.what.startswith("the vectors of 2 images are missing")
        assert len(problem.files) == 2
        assert [one.what[:30] for one in index.check()] == ["some images have no vector yet"]
        index.sync(docs)
        assert index.check() == []


def test_an_image_that_cannot_be_decoded_costs_only_its_own_vector(tmp_path, docs):
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync(docs)
        (entry, *_) = index.entries(docs / "0.png")
    image = tmp_path / "store" / "images" / entry.images[0]
    image.write_bytes(image.read_bytes()[:150])
    with open_index(tmp_path / "store") as index:
        with pytest.warns(RerankWarning, match="truncated.*searches by images do not find it"):
            index.sync(docs)
        assert len(ChromaStore(index.folder).ids(IMAGE)) == 3
        index.sync(docs)  # is not tried again, and not warned of again
        assert index._open().ledger.unembedded() == []
        assert index.check() == []


def test_an_index_refuses_another_image_embedder(tmp_path, docs):
    class Negative(ColourEmbedder):
        name = "ColourEmbedder"

        def _embed_images(self, images):
            return [[-value for value in vector] for vector in super()._embed_images(images)]

    with open_index(tmp_path / "store") as index:
        index.sync(docs)
    with pytest.raises(
        StoreError, match=r"made with another image embedder \(Colour.*12 dimensions"
    ):
        open_index(tmp_path / "store", image_embedder=Negative())
    for wrong in (HashingEmbedder(), object(), "hashing"):
        with pytest.raises(InvalidInputError, match="embeds no images"):
            open_index(tmp_path / "new", image_embedder=wrong)
    with pytest.raises(InvalidInputError, match="embedders are"):
        open_index(tmp_path / "none", image_embedder="bogus=x")


def test_without_its_image_embedder_an_index_says_what_it_cannot_do(tmp_path, docs):
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
    picture(docs / "4.png", "purple")
    with Index(tmp_path / "store", ocr=False) as index:
        with pytest.warns(RerankWarning, match="1 images get no vectors"):
            index.sync(docs)
        with pytest.warns(RerankWarning, match="images of this index are not searched"):
            assert names(index.search("harbour"))[0] == "note.md"
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
        assert names(index.search("purple", routes=["images"], top_n=1)) == ["4.png"]


def test_one_model_serves_texts_and_images_of_one_name(tmp_path, docs, monkeypatch):
    made = []

    def make(name):
        made.append(name)
        return ColourEmbedder()

    monkeypatch.setattr("mmrerank.index.embedding.make_embedder", make)
    store = tmp_path / "store"
    with Index(store, ocr=False, embedder="clip=x", image_embedder="clip=x") as index:
        index.sync(docs)
    assert made == ["clip=x"]
    with Index(store, ocr=False) as index:  # both are remembered
        assert len(index.files()) == 6
        assert made == ["clip=x"]
        hits = index.search(image_query(docs / "1.png"), top_n=2)
        assert set(names(hits)) == {"note.md", "1.png"}
    assert made == ["clip=x"] * 2


def test_an_index_of_an_earlier_version_gets_image_vectors_too(tmp_path, docs):
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync(docs)
    database = sqlite3.connect(tmp_path / "store/ledger.sqlite3")
    database.executescript("DROP TABLE image_vectors; PRAGMA user_version = 3;")
    database.close()
    with open_index(tmp_path / "store") as index:
        assert len(index.sync(docs).unchanged) == 6
        assert names(index.search("blue", routes=["images"], top_n=1)) == ["2.png"]
        assert index.check() == []


def test_a_removed_file_takes_its_image_vectors_with_it(tmp_path, docs):
    with open_index(tmp_path / "store") as index:
        index.sync(docs)
        index.remove(docs / "0.png")
        assert len(ChromaStore(index.folder).ids(IMAGE)) == 3
        assert index.check() == []
        shutil.rmtree(docs)
        docs.mkdir()
        Pillow.new("RGB", (90, 90), "red").save(docs / "new.png")
        index.sync(docs)
        assert len(ChromaStore(index.folder).ids(IMAGE)) == 1

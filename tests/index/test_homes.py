"""An index behaves the same in a folder and at a URL."""

from __future__ import annotations

import os

import pytest
from cli_helpers import make_pdf
from helpers import image_file

from mmrerank import InvalidInputError, OCRReranker, StoreError
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.index.homes import index_home, local_folder
from mmrerank.index.lance.storage import Storage
from mmrerank.testing import FakeReranker, LocalChatServer
from mmrerank.testing.colours import ColourEmbedder


def names(hits):
    return [os.path.basename(hit.source) for hit in hits]  # noqa: PTH119 - a plain name


@pytest.fixture
def docs(tmp_path):
    """Names that SQL has to quote, words that only some routes find, and a figure."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / 'it\'s\na "name".md').write_text("granite from the quarry, part 4471-C")
    (folder / "tower.md").write_text("東京タワー is a tower of granite")
    make_pdf(folder / "hall.pdf", "The hall is old. See Figure 1.", image=image_file((300, 100)))
    return folder


def test_each_route_finds_what_it_should(opened, docs):
    index = opened()
    report = index.sync(docs)
    assert (len(report.added), report.failed) == (3, [])
    assert len(index) == 4  # two texts, a page and its figure
    assert sorted(names(index.search("granite", routes=["words"]))) == [
        'it\'s\na "name".md',
        "tower.md",
    ]
    for query, name in (("4471-C", 'it\'s\na "name".md'), ("東京", "tower.md")):
        assert names(index.search(query, routes=["words"])) == [name]
        assert names(index.search(query, OCRReranker(), top_n=1)) == [name]
    assert index.search("zinc", routes=["words"]) == []
    assert names(index.search("an old hall", routes=["vectors"], top_n=1)) == ["hall.pdf"]
    statistics = index._open().searcher.word_statistics(["granite", "hall", "zinc"])
    assert statistics.texts == 4
    assert [statistics.frequency.get(word, 0) for word in ("granite", "hall", "zinc")] == [2, 1, 0]


def test_a_figure_has_its_facts_and_its_file(opened, docs):
    opened().sync(docs)
    hit = opened(create=False).search("the old hall", FakeReranker(), top_n=1)[0]
    (image,) = hit.images
    assert image.page == 1
    assert image.caption.startswith("Figure 1")
    assert os.path.isfile(image.file)  # noqa: PTH113 - a plain string
    assert hit.best_image == image.path


def test_changed_renamed_and_deleted_files_leave_nothing_behind(opened, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("kept", "changed", "renamed", "deleted"):
        (docs / f"{name}.md").write_text(f"the {name} file speaks of granite")
    index = opened()
    assert len(index.sync([docs]).added) == 4
    (docs / "changed.md").write_text("entirely other words about granite")
    (docs / "renamed.md").rename(docs / "new.md")
    (docs / "deleted.md").unlink()
    report = opened().sync([docs])
    for route in ("words", "vectors"):
        hits = index.search("granite", top_n=9, routes=[route])
        assert sorted(names(hits)) == ["changed.md", "kept.md", "new.md"]
    assert index.check() == []
    assert [len(x) for x in (report.added, report.changed, report.removed)] == [1, 1, 2]
    os.utime(docs / "kept.md")
    assert len(opened().sync([docs]).unchanged) == 3
    assert sorted(index.remove([docs])) == [
        str(docs / f"{n}.md") for n in ("changed", "kept", "new")
    ]
    assert len(index) == 0
    with pytest.raises(StoreError, match="is empty"):
        index.search("granite")


def test_filters_and_metadata(opened, docs):
    index = opened(metadata=lambda path: {"owner": "O'Neil" if path.suffix == ".pdf" else "Ada"})
    index.sync(docs)
    assert names(index.search("granite hall", where={"owner": "O'Neil"}, top_n=9)) == ["hall.pdf"]
    assert {h.kind for h in index.search("hall", where={"kind": "figure"}, top_n=9)} == {"figure"}


def test_another_embedder_is_refused(opened, docs):
    class Other:
        def embed_documents(self, texts):
            return [[0.6, 0.8] for _ in texts]

        def embed_query(self, _):
            return [0.6, 0.8]

    opened().sync(docs)
    with pytest.raises(StoreError, match="another embedder"):
        opened(embedder=Other())


def test_an_index_that_is_not_there(opened):
    with pytest.raises(StoreError, match="there is no index"):
        opened(create=False)


def test_what_is_no_place():
    with pytest.raises(InvalidInputError, match="not in a int"):
        index_home(7, None)
    with pytest.raises(InvalidInputError, match="at a URL"):
        index_home("folder", Storage())
    for url in ("ftp://host/x", "memory://x"):
        with pytest.raises(InvalidInputError, match="s3://"):
            index_home(url, None)
    with pytest.raises(InvalidInputError, match="no user") as caught:
        index_home("s3://key:hidden@bucket/x", None)
    assert "hidden" not in str(caught.value)
    assert local_folder("some/folder") == "some/folder"
    assert local_folder("s3://bucket/x") != local_folder("s3://bucket/y")


def test_image_vectors_come_with_the_files_or_later(opened, tmp_path):
    (tmp_path / "docs").mkdir()
    for colour in ("red", "blue"):
        figure = image_file((300, 100), colour)
        make_pdf(tmp_path / f"docs/{colour}.pdf", "The hall. See Figure 1.", image=figure)
    opened().sync([tmp_path / "docs/red.pdf"])
    index = opened(image_embedder=ColourEmbedder())
    index.sync([tmp_path / "docs"])  # the red one gets its vector, the blue one is new
    for colour in ("red", "blue"):
        hit = index.search(colour, routes=["images"], top_n=1)[0]
        assert names([hit]) == [f"{colour}.pdf"]
    assert index.check() == []
    index.sync([tmp_path / "docs"])
    assert len(index.search("red and blue", routes=["images"], top_n=9)) == 2


def test_generated_captions(opened, tmp_path):
    said = {
        "text_in_image": [],
        "data_points": [],
        "brief": "A sailing boat in a harbour.",
        "detailed": "A boat with two masts, at anchor.",
        "keywords": ["ship", "yacht"],
    }
    make_pdf(tmp_path / "hall.pdf", "The hall. See Figure 1.", image=image_file((300, 100)))
    opened().sync([tmp_path / "hall.pdf"])
    index = opened()
    with LocalChatServer(said) as server:
        model = OpenAICaptions("teller", base_url=server.base_url, api_key=server.api_key)
        captioner = Captioner(model, cache=tmp_path / "captions.sqlite3")
        assert index.caption(captioner).written == 1
        assert index.caption(captioner).unchanged == 1
        model.close()
        captioner.cache.close()
    (hit,) = index.search("sailing yacht", routes=["captions"])
    assert hit.images[0].generated_by == "teller"
    index.remove([tmp_path / "hall.pdf"])
    assert index._open().ledger.captions(None) == []

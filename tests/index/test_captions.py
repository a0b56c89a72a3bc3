"""Generated captions in an index: a route of their own, marked wherever they are shown."""

from __future__ import annotations

import sqlite3

import pytest
from cli_helpers import make_pdf
from helpers import image_file

from mmrerank import APIError, InvalidInputError, OCRReranker
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.index.index import Index
from mmrerank.testing import ChatReply, LocalChatServer

SAID = {
    "text_in_image": [],
    "data_points": [],
    "brief": "A sailing boat in a harbour.",
    "detailed": "A boat with two masts, at anchor.",
    "keywords": ["ship", "yacht"],
}


@pytest.fixture(scope="module")
def server():
    with LocalChatServer(SAID) as running:
        yield running


@pytest.fixture
def captioner(tmp_path):
    """`captioner(server, ...)` asks this server; its cache is the test's own."""
    made = []

    def make(server, model="teller", **options):
        client = OpenAICaptions(
            model, base_url=server.base_url, api_key=server.api_key, max_retries=0
        )
        made.append(Captioner(client, cache=tmp_path / "captions.sqlite3", **options))
        return made[-1]

    yield make
    for one in made:
        one.model.close()
        one.cache.close()


@pytest.fixture
def index(tmp_path):
    """Two PDFs, in each a picture without a word; nothing in their text names a boat."""
    (tmp_path / "docs").mkdir()
    red, blue = image_file((300, 100), "red"), image_file((310, 100), "blue")
    make_pdf(tmp_path / "docs/a.pdf", "The hall is old. See Figure 1.", image=red)
    make_pdf(tmp_path / "docs/b.pdf", "A torque wrench is a tool.", image=blue)
    with Index(tmp_path / "store", ocr=False) as made:
        made.sync([tmp_path / "docs"])
        yield made


def test_a_figure_that_no_word_names_is_found_by_its_caption(index, captioner, server):
    assert not index.search("sailing yacht", routes=["captions"])
    report = index.caption(captioner(server))
    assert (report.written, report.unchanged, report.left, report.failed) == (2, 0, 0, [])
    best = index.search("sailing yacht")[0]
    assert best.routes["captions"] == 1
    assert best.best_image
    image = next(one for one in best.images if one.path == best.best_image)
    assert image.generated_caption.startswith("A sailing boat")
    assert image.generated_by == "teller"
    assert best.matched_in_caption == ["sailing", "yacht"]
    assert "boat" not in best.text
    assert "Figure 1" in image.caption  # the printed one stays what it is


def test_captions_are_no_text_of_the_document(index, captioner, server):
    before = len(index)
    index.caption(captioner(server))
    assert len(index) == before
    assert not index.search("sailing yacht masts", routes=["words"])
    texts = [entry.text + entry.words for file in index.files() for entry in index.entries(file.path)]  # fmt: skip
    assert not any("boat" in text for text in texts)
    from mmrerank.retrieval.chroma import ChromaStore

    assert not any("boat" in one.text for one in ChromaStore(index.folder).records())
    assert not index.check()


def test_the_reranker_reads_them_only_if_asked_to(index, captioner, server):
    index.caption(captioner(server))
    unread = index.search("sailing yacht", OCRReranker(ocr=False))
    read = index.search("sailing yacht", OCRReranker(ocr=False), rerank_captions=True)
    assert all(hit.score == 0 for hit in unread)
    assert read[0].score > 0


def test_conditions_hold_for_the_figure(index, captioner, server):
    index.caption(captioner(server))
    assert [hit.source.endswith("b.pdf") for hit in index.search("yacht", where={"file": "b.pdf"}, routes=["captions"])] == [True]  # fmt: skip
    assert not index.search("yacht", where={"page": 7}, routes=["captions"])


def test_only_what_has_no_caption_is_asked_about(index, captioner, tmp_path):
    with LocalChatServer(SAID) as server:
        cost = index.caption_cost(captioner(server))
        assert (cost.images, cost.requests) == (2, 2)
        assert index.caption(captioner(server, max_images=1)).left == 1
        report = index.caption(captioner(server))
        assert (report.written, report.unchanged) == (1, 1)
        assert len(server.calls) == 2
        assert index.caption_cost(captioner(server)).images == 0
        # A changed file with the same figure costs nothing.
        make_pdf(tmp_path / "docs/a.pdf", "The hall is new. See Figure 1.", image=image_file((300, 100), "red"))  # fmt: skip
        index.sync([tmp_path / "docs"])
        assert index.caption(captioner(server)).unchanged == 2
        assert len(server.calls) == 2
        assert index.caption(captioner(server, model="another")).written == 2
        assert {hit.images[0].generated_by for hit in index.search("yacht")} == {"another"}


def test_a_caption_goes_with_its_image(index, captioner, server, tmp_path):
    index.caption(captioner(server))
    (tmp_path / "docs/a.pdf").unlink()
    index.sync([tmp_path / "docs"])
    rows = sqlite3.connect(index.folder / "ledger.sqlite3").execute("SELECT count(*) FROM captions")
    assert rows.fetchone() == (1,)
    assert len(index.search("yacht", routes=["captions"])) == 1


def test_a_failed_image_is_reported_and_the_others_are_written(index, captioner):
    with LocalChatServer([ChatReply(refusal="No."), ChatReply(refusal="No."), SAID]) as server:
        report = index.caption(captioner(server, max_concurrency=1))
    assert (report.written, len(report.failed)) == (1, 1)
    assert "refused" in str(report.failed[0][1])


def test_a_wrong_model_is_an_error_and_the_index_stays(index, captioner):
    with LocalChatServer(models=["x"]) as server, pytest.raises(InvalidInputError):
        index.caption(captioner(server))
    assert index.search("torque wrench")


def test_answers_before_an_error_are_kept(index, captioner):
    with LocalChatServer(SAID, faults=[None, 500]) as server:
        report = index.caption(captioner(server, max_concurrency=1))
        assert isinstance(report.failed[0][1], APIError)
        assert index.caption(captioner(server)).written == 1
        assert len(server.calls) == 2


def test_a_ledger_without_captions_gets_the_table(index, captioner, server, tmp_path):
    index.close()
    database = sqlite3.connect(tmp_path / "store/ledger.sqlite3")
    database.executescript(
        "DROP TABLE image_vectors; DROP TABLE captions; DROP TABLE caption_words_terms; DROP TABLE caption_words;"
        "PRAGMA user_version = 2;"
    )
    database.close()
    with Index(tmp_path / "store") as again:
        assert again.search("torque wrench")
        assert again.caption(captioner(server)).written == 2


def test_a_filter_does_not_stop_at_the_best_captions(index, captioner, server):
    index.caption(captioner(server))
    first, second = index.search("sailing yacht", routes=["captions"], fetch_k=2)
    for hit in (first, second):
        options = {"where": {"file": hit.source}, "top_n": 1, "fetch_k": 1}
        (found,) = index.search("sailing yacht", routes=["captions"], **options)
        assert found.source == hit.source


def test_a_damaged_caption_is_none_and_is_asked_for_again(index, captioner, server):
    asker = captioner(server)
    index.caption(asker)
    with sqlite3.connect(index.folder / "ledger.sqlite3") as database:
        database.execute("UPDATE captions SET caption = '{'")
    database.close()
    assert index.search("yacht", routes=["captions"])[0].images[0].generated_caption == ""
    assert index.caption(asker).written
    assert "boat" in index.search("yacht", routes=["captions"])[0].images[0].generated_caption

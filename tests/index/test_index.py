"""An index keeps equal to its files, finds by words and vectors, and both frameworks read it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from email.message import EmailMessage

import chromadb
import pytest
from cli_helpers import make_pdf
from helpers import image_file, png

from mmrerank import DocumentError, InvalidInputError, OCRReranker, RerankWarning, StoreError
from mmrerank.index.index import Index
from mmrerank.ocr.processes import read_in_processes
from mmrerank.retrieval.chroma import COLLECTION
from mmrerank.testing import FakeReranker


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of two PDFs, one with a picture that says "turbine torque", and their index."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "docs").mkdir()
    picture = png("turbine torque")
    make_pdf(folder / "docs/a.pdf", "The hall is old. See Figure 1.", image=picture)
    make_pdf(folder / "docs/b.pdf", "A turbine is a machine.", "A torque wrench is a tool.")
    with Index(folder / "store") as index:
        index.sync([folder / "docs"])
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "copy")


@pytest.fixture
def store(folder):
    with Index(folder / "store") as index:
        yield index


def names(hits):
    return [os.path.basename(hit.source) for hit in hits]  # noqa: PTH119 - a plain name


def test_langchain_reads_it(store):
    from langchain_chroma import Chroma

    from langchain_mmrerank import MultimodalRerank, TextEmbeddings

    chroma = Chroma(COLLECTION, TextEmbeddings(), persist_directory=str(store.folder))
    found = chroma.similarity_search("turbine torque", k=9)
    assert len(found) == len(store)
    compressor = MultimodalRerank(reranker=OCRReranker(), image_root=store.image_root)
    best = compressor.compress_documents(found, "turbine torque")[0]
    assert best.metadata["source"].endswith("a.pdf")
    assert (store.image_root / best.metadata["best_image"]).is_file()


def test_llama_index_reads_it(store):
    from llama_index.core import VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from llama_index_mmrerank import MultimodalRerank, TextEmbedding

    collection = chromadb.PersistentClient(str(store.folder)).get_collection(COLLECTION)
    index = VectorStoreIndex.from_vector_store(
        ChromaVectorStore(chroma_collection=collection), embed_model=TextEmbedding()
    )
    found = index.as_retriever(similarity_top_k=9).retrieve("turbine torque")
    assert len(found) == len(store)
    rerank = MultimodalRerank(reranker=OCRReranker(), image_root=store.image_root)
    best = rerank.postprocess_nodes(found, query_str="turbine torque")[0]
    assert best.metadata["source"].endswith("a.pdf")


@pytest.mark.parametrize("routes", [["words"], ["vectors"], ["words", "vectors"]])
def test_the_words_in_a_picture_find_it(store, routes):
    best = store.search("turbine torque", top_n=1, routes=routes)[0]
    assert names([best]) == ["a.pdf"]
    assert best.best_image is not None or best.images


def test_a_figure_and_the_chunk_that_cites_it_are_one_result(store):
    hits = store.search("turbine torque", OCRReranker(), top_n=9)
    (hit,) = [hit for hit in hits if hit.images]
    assert hit.rank == 1
    assert "See Figure 1" in hit.text
    assert hit.best_image == hit.images[0].path
    assert set(hit.routes) <= {"words", "vectors"}


def test_an_unchanged_folder_is_not_read_again(folder, monkeypatch):
    with Index(folder / "store") as index:
        index.sync([folder / "docs"])  # the copy's paths are new
    monkeypatch.setattr(
        "mmrerank.index.reading.FileReader.__call__", lambda *_, **__: pytest.fail("read again")
    )
    with Index(folder / "store") as index:
        report = index.sync([folder / "docs"])
        assert len(report.unchanged) == 2
        os.utime(folder / "docs/a.pdf")  # touched, but the same
        assert len(index.sync([folder / "docs"]).unchanged) == 2
        assert len(index.sync([folder / "docs"], verify=True).unchanged) == 2


def test_changed_renamed_and_deleted_files_leave_nothing_behind(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("kept", "changed", "renamed", "deleted"):
        (docs / f"{name}.md").write_text(f"the {name} file speaks of granite")
    with Index(tmp_path / "store", ocr=False) as index:
        assert len(index.sync([docs]).added) == 4
        (docs / "changed.md").write_text("entirely other words about granite")
        (docs / "renamed.md").rename(docs / "new.md")
        (docs / "deleted.md").unlink()
        report = index.sync([docs])
        for route in ("words", "vectors"):
            hits = index.search("granite", top_n=9, routes=[route])
            assert sorted(names(hits)) == ["changed.md", "kept.md", "new.md"]
        assert index.check() == []
    assert [len(x) for x in (report.added, report.changed, report.removed)] == [1, 1, 2]


def test_images_that_nothing_refers_to_are_removed(folder):
    with Index(folder / "store") as index:
        index.sync([folder / "docs"])
        index.remove([folder.parent / "copy/docs/b.pdf"])
        before = [path for path in index.image_root.iterdir() if path.suffix == ".png"]
        index.remove([path.path for path in index.files()])
        assert len(before) == 1
        assert list(index.image_root.iterdir()) == []
        assert len(index) == 0


def test_adding_a_changed_file_removes_its_old_images(tmp_path):
    docs = make_pdf(tmp_path / "a.pdf", "See Figure 1.", image=image_file((300, 100), "red"))
    with Index(tmp_path / "store", ocr=False) as index:
        index.add(docs)
        (before,) = index.image_root.glob("*.png")
        make_pdf(docs, "See Figure 1.", image=image_file((300, 100), "blue"))
        assert index.add(docs).images_removed == 1
        (after,) = index.image_root.glob("*.png")
        assert after != before


def test_what_cannot_be_read_keeps_what_was_indexed(folder):
    with Index(folder / "store") as index:
        index.sync([folder / "docs"])
        (folder / "docs/b.pdf").write_bytes(b"damaged")
        report = index.sync([folder / "docs"])
        assert [path for path, _ in report.failed] == [str(folder / "docs/b.pdf")]
        assert "b.pdf" in names(index.search("machine", top_n=9))


def test_files_of_unknown_kinds_are_reported(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("words")
    (tmp_path / "docs/b.xyz").write_text("words")
    with Index(tmp_path / "store", ocr=False) as index:
        report = index.sync([tmp_path / "docs"])
        assert report.skipped == [(str(tmp_path / "docs/b.xyz"), "unknown format (.xyz)")]
        with pytest.raises(DocumentError, match="does not exist"):
            index.sync([tmp_path / "gone"])
        with pytest.raises(DocumentError, match="not in the index"):
            index.remove([tmp_path / "gone"])


def test_where_filters_on_every_route(store):
    for route in ("words", "vectors"):
        hits = store.search("torque turbine", where={"file": "b.pdf"}, routes=[route], top_n=9)
        assert set(names(hits)) == {"b.pdf"}
        hits = store.search("torque turbine", where={"kind": "figure"}, routes=[route], top_n=9)
        assert names(hits) == ["a.pdf"]
    assert store.search("torque", where={"page": (2, 9)}, top_n=9)[0].page == 2
    with pytest.warns(RerankWarning, match="no entry has 'colour'"):
        assert store.search("torque", where={"colour": "blue"}) == []
    assert store.search("torque", where={"position": 99}) == []


def test_reopened_it_finds_the_same(store):
    with Index(store.folder) as again:
        assert len(again) == len(store)
        assert again.search("turbine") == store.search("turbine")


def test_a_folder_without_an_index_is_left_alone(tmp_path):
    with pytest.raises(StoreError, match="mmrerank index"):
        Index(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_read_only_index_says_that_it_must_be_writable(store, tmp_path):
    copied = shutil.copytree(store.folder, tmp_path / "read-only")  # Chroma knows the other already
    for path in (copied, copied / "chroma.sqlite3"):
        path.chmod(path.stat().st_mode & ~0o222)
    if os.access(copied, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(StoreError, match="make the folder and its files writable"):
        Index(copied)
    copied.chmod(0o700)


def test_vectors_without_a_ledger_are_reported_and_mended(folder):
    with Index(folder / "store") as index:
        count = len(index)
    for name in ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (folder / "store" / name).unlink(missing_ok=True)
    with pytest.raises(StoreError, match="--mend"):
        Index(folder / "store", create=False)
    for _ in range(2):  # looking, which creates the ledger's file, changes nothing
        with Index(folder / "store") as index:
            (problem,) = index.check()
            assert "no ledger" in problem.what
    with Index(folder / "store") as index:
        (problem,) = index.check(mend=True)
        assert "no ledger" in problem.what
        assert len(index) == count
        assert index.check() == []
        assert "b.pdf" in names(index.search("machine"))
        index.sync([folder / "docs"])  # which reads all files again
        assert index.check() == []


def test_a_ledger_without_its_vectors_is_reported_and_mended(folder):
    with Index(folder / "store") as index:
        index.remove([record.path for record in index.files()])  # of the folder copied from
        index.sync([folder / "docs"])
        collection = chromadb.PersistentClient(str(index.folder)).get_collection(COLLECTION)
        collection.delete(ids=collection.get(include=[])["ids"])
        (problem,) = index.check()
        assert "no vector" in problem.what
        assert "b.pdf" in names(index.search("machine"))  # by words
        index.check(mend=True)
        assert sorted(index.sync([folder / "docs"]).changed) == sorted(problem.files)
        assert index.check() == []


def test_another_programs_vectors_are_told_and_never_found(folder):
    with Index(folder / "store") as index:
        collection = chromadb.PersistentClient(str(index.folder)).get_collection(COLLECTION)
        vector = [1.0] + [0.0] * 1023
        collection.add(ids=["x"], embeddings=[vector], documents=["machine"])
        (problem,) = index.check()
        assert "belong to no entry" in problem.what
        assert all(hit.text != "machine" for hit in index.search("machine", top_n=9))
        index.check(mend=True)
        assert index.check() == []


class Other:
    """An embedder of another size."""

    def embed_documents(self, texts):
        return [[1.0, 0.0] for _ in texts]

    def embed_query(self, text):
        return [1.0, 0.0]


def test_other_embeddings_are_refused(store):
    with pytest.raises(StoreError, match="another embedder"):
        Index(store.folder, embedder=Other())


def test_a_damaged_ledger_is_a_store_error(folder):
    for name in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (folder / "store" / name).unlink(missing_ok=True)
    (folder / "store/ledger.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        Index(folder / "store")


def test_an_index_of_a_newer_version_is_refused(folder):
    database = sqlite3.connect(folder / "store/ledger.sqlite3")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer version"):
        Index(folder / "store")


@pytest.mark.parametrize(
    "options",
    [
        {"top_n": 0},
        {"top_n": "3"},
        {"fetch_k": 1.5},
        {"where": "file=a.pdf"},
        {"where": {"page": None}},
        {"where": {"page": 5.0}},
        {"fetch_k": 0},
        {"routes": ["smell"]},
        {"where": {"kind": "poem"}},
        {"routes": []},
    ],
)
def test_unusable_options_are_refused(store, options):
    with pytest.raises(InvalidInputError):
        store.search("turbine", None, **options)


def test_an_empty_index_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="is empty"):
        Index(tmp_path).search("x", FakeReranker())


def test_words_of_an_older_tokenizer_are_cut_anew_when_it_is_opened(folder):
    database = sqlite3.connect(folder / "store/ledger.sqlite3")
    database.execute("DELETE FROM notes WHERE name = 'tokenizer'")
    database.execute("UPDATE entries SET words = 'turbine'")
    database.execute("INSERT INTO lexical (lexical) VALUES ('rebuild')")
    database.commit()
    database.close()
    with Index(folder / "store") as index:
        assert names(index.search("machines", routes=["words"])) == ["b.pdf"]


@pytest.mark.slow
def test_images_in_a_folder_are_read_ahead_and_damaged_ones_are_failures(tmp_path, monkeypatch):
    monkeypatch.setenv("MMRERANK_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png(f"valve {number}"))
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    ahead: list[int] = []

    def counted(images, read):
        images = list(images)
        ahead.append(len(images))
        return read_in_processes(images, read)

    monkeypatch.setattr("mmrerank.ocr.words.read_in_processes", counted)
    with Index(tmp_path / "store", ocr=True) as index:
        report = index.sync(folder)
        assert ahead[0] >= 4
        assert [os.path.basename(path) for path, _ in report.failed] == ["damaged.png"]  # noqa: PTH119
        for path in report.added:
            assert any("valve" in entry.text for entry in index.entries(path))
        ahead.clear()
        assert len(index.sync(folder).unchanged) == 4
        assert ahead[0] <= 1  # the damaged one is tried again


def test_both_stages_without_blocking(store):
    plain = store.stages("turbine torque", OCRReranker())
    awaited = asyncio.run(store.astages("turbine torque", OCRReranker()))
    assert (awaited.found, awaited.results) == (plain.found, plain.results)
    assert awaited.is_reranked
    assert awaited.search_time > 0 < awaited.rerank_time
    unranked = asyncio.run(store.astages("turbine torque", top_n=2))
    assert unranked.results == unranked.found == store.search("turbine torque", top_n=2)
    assert (unranked.is_reranked, unranked.rerank_time) == (False, 0.0)


def write_mail(path, **attached):
    """A mail with these texts attached, as Markdown files."""
    message = EmailMessage()
    message["Subject"] = "Stones"
    message.set_content("See the files.")
    for name, text in attached.items():
        message.add_attachment(text, filename=f"{name}.md", subtype="markdown")
    path.write_bytes(message.as_bytes())


def test_attached_files_are_found_and_go_with_the_mail_that_changes(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    write_mail(docs / "a.eml", kept="granite of the north", changed="granite of the south")
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync([docs])
        before = {hit.metadata.get("attachment"): hit.id for hit in index.search("granite")}
        write_mail(docs / "a.eml", kept="granite of the north", changed="marble of the south")
        assert len(index.sync([docs]).changed) == 1
        for route in ("words", "vectors"):
            hits = index.search("granite", routes=[route], where={"attachment": "kept.md"})
            assert [(hit.id, hit.source) for hit in hits] == [
                (before["kept.md"], str(docs / "a.eml"))
            ]
        assert [hit.metadata["attachment"] for hit in index.search("marble", routes=["words"])] == [
            "changed.md"
        ]
        assert len(index.sync([docs]).unchanged) == 1
        write_mail(docs / "a.eml", kept="granite of the north")
        index.sync([docs])
        assert not index.search("marble", routes=["words"])
        assert index.check() == []

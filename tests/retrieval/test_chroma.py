"""What every vector store does, checked with Chroma, and what is Chroma's own."""

from __future__ import annotations

import math
import multiprocessing
import subprocess
import sys

import chromadb
import pytest

from mmrerank import StoreError
from mmrerank.retrieval.chroma import COLLECTION, ChromaStore
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Record, VectorStore


def record(name: str, vector: tuple[float, float], source: str = "a.pdf") -> Record:
    return Record(id=name, vectors={TEXT: vector}, text=f"text {name}", metadata={"source": source})


@pytest.fixture
def store(tmp_path) -> VectorStore:
    store = ChromaStore(tmp_path / "store", create=True)
    store.upsert([record("1", (1.0, 0.0)), record("2", (0.0, 1.0)), record("3", (0.6, 0.8), "b")])
    return store


def test_the_nearest_come_first_with_their_cosine(store):
    matches = store.query([1.0, 0.0], 2)
    assert [match.id for match in matches] == ["1", "3"]
    assert [match.similarity for match in matches] == pytest.approx([1.0, 0.6], abs=1e-5)
    assert len(store.query([1.0, 0.0], 99)) == len(store.ids()) == 3


def test_records_come_back_with_text_and_metadata(store):
    assert store.ids() == {"1", "2", "3"}
    texts = {r.id: (r.text, dict(r.metadata)) for r in store.records()}
    assert texts["3"] == ("text 3", {"source": "b"})


def test_a_record_replaces_all_of_an_older_one(store):
    store.upsert([Record(id="1", vectors={TEXT: (1.0, 0.0)}, text="new", metadata={"source": "c"})])
    assert len(store.ids()) == 3
    (new,) = [record for record in store.records() if record.id == "1"]
    assert (new.text, new.metadata["source"]) == ("new", "c")


def test_refreshed_it_sees_what_another_process_wrote(store, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from mmrerank.retrieval.chroma import ChromaStore\n"
        "from mmrerank.retrieval.vector_store import Record\n"
        "ChromaStore(Path(sys.argv[1])).upsert([Record(id='4', vectors={'text': (-1.0, 0.0)}, text='t', metadata={'source': 'd'})])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], check=True)
    store.refresh()
    assert store.query([-1.0, 0.0], 1)[0].id == "4"


def pictured(name: str, text: tuple[float, ...], image: tuple[float, ...]) -> Record:
    return Record(id=name, vectors={TEXT: text, IMAGE: image}, text="p", metadata={"source": "p"})


def test_texts_and_images_are_found_by_their_own_vectors(store):
    assert store.query([1.0, 0.0, 0.0], 9, name=IMAGE) == []
    store.upsert([pictured("4", (0.0, -1.0), (1.0, 0.0, 0.0)), record("5", (-1.0, 0.0))])
    assert [match.id for match in store.query([1.0, 0.0, 0.0], 9, name=IMAGE)] == ["4"]
    assert store.query([0.0, -1.0], 1)[0].id == "4"
    assert store.ids() == store.ids(TEXT) == {"1", "2", "3", "4", "5"}
    assert store.ids(IMAGE) == {"4"}


def test_records_get_image_vectors_later_and_keep_the_rest(store, tmp_path):
    before = {record.id: (record.text, dict(record.metadata)) for record in store.records()}
    store.update_vectors(IMAGE, {"1": (0.0, 1.0, 0.0), "3": (1.0, 0.0, 0.0)})
    store.update_vectors(IMAGE, {"3": (0.0, 0.6, 0.8)})
    store.update_vectors(TEXT, {"2": (-1.0, 0.0)})
    for one in (store, ChromaStore(tmp_path / "store")):
        matches = one.query([0.0, 1.0, 0.0], 9, name=IMAGE)
        assert [match.id for match in matches] == ["1", "3"]
        assert matches[1].similarity == pytest.approx(0.6, abs=1e-5)
        assert one.query([-1.0, 0.0], 1)[0].id == "2"
        assert {r.id: (r.text, dict(r.metadata)) for r in one.records()} == before
    store.upsert([record("1", (1.0, 0.0))])  # a record replaces all of an older one
    store.delete(["3"])
    assert (store.ids(), store.ids(IMAGE)) == ({"1", "2"}, set())


def test_a_store_that_is_open_sees_the_first_image_vectors_of_another(store, tmp_path):
    opened_before = ChromaStore(tmp_path / "store")
    assert len(store.query([1.0, 0.0], 9)) == 3
    code = (
        "import sys; from pathlib import Path\n"
        "from mmrerank.retrieval.chroma import ChromaStore\n"
        "ChromaStore(Path(sys.argv[1])).update_vectors('image', {'1': [1.0, 0.0, 0.0]})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], check=True)
    store.refresh()
    for one in (store, opened_before):
        assert [match.id for match in one.query([1.0, 0.0, 0.0], 9, name=IMAGE)] == ["1"]


def test_what_is_left_of_an_image_is_among_the_ids_and_is_deleted(store):
    store.update_vectors(IMAGE, {"gone": (1.0, 0.0)})  # as if a kill had left it
    assert "gone" in store.ids()
    store.delete(["gone"])
    assert "gone" not in store.ids()


def test_deleted_records_are_gone(store):
    store.delete(["1", "3"])
    store.delete([])
    assert [match.id for match in store.query([1.0, 0.0], 9)] == ["2"]
    store.delete(["2"])
    assert store.query([1.0, 0.0], 9) == []


def test_more_records_than_chroma_takes_at_once(store):
    names = [str(i) for i in range(6000)]
    store.upsert([record(name, (1.0, 0.0), "many") for name in names])
    assert store.ids() >= set(names)
    store.delete([*names, "unknown"])
    assert len(store.ids()) == 0


def test_it_survives_on_disk(store, tmp_path):
    assert ChromaStore.exists(tmp_path / "store")
    assert len(ChromaStore(tmp_path / "store").ids()) == 3
    assert not ChromaStore.exists(tmp_path)


def test_a_collection_with_squared_distances_has_cosines_too(tmp_path):
    client = chromadb.PersistentClient(str(tmp_path))
    collection = client.create_collection(COLLECTION, embedding_function=None)
    collection.add(ids=["1"], embeddings=[[0.6, 0.8]], documents=["x"])
    (match,) = ChromaStore(tmp_path).query([1.0, 0.0], 1)
    assert match.similarity == pytest.approx(0.6, abs=1e-5)


def test_a_missing_collection_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        ChromaStore(tmp_path)


def vectors(number: int, of: str) -> list[Record]:
    angles = [2 * math.pi * i / number for i in range(number)]
    return [record(f"{of}{i}", (math.cos(a), math.sin(a)), of) for i, a in enumerate(angles)]


def test_two_writers_that_take_turns_lose_nothing(tmp_path):
    """Each has a memory of its own, as processes have; Chroma writes it to files every 1,000 records."""
    stores = [ChromaStore(tmp_path, create=True) for _ in range(2)]
    for turn in range(3):
        for name, store in zip("ab", stores, strict=True):
            store.upsert(vectors(600, f"{name}{turn}-"))
    for store in (*stores, ChromaStore(tmp_path)):
        store.refresh()
        assert {match.id for match in store.query([1.0, 0.0], 3600)} == store.ids()
        assert len(store.ids()) == 3600


def test_a_deletion_of_another_process_is_seen(store, tmp_path):
    other = ChromaStore(tmp_path / "store")
    assert len(other.query([1.0, 0.0], 9)) == 3
    store.delete(["1"])
    other.refresh()
    assert {match.id for match in other.query([1.0, 0.0], 9)} == {"2", "3"}
    other.upsert([record("4", (1.0, 0.0))])
    store.refresh()
    assert {match.id for match in store.query([1.0, 0.0], 9)} == {"2", "3", "4"}


def test_other_clients_of_the_process_keep_what_they_have(store, tmp_path):
    memory = chromadb.EphemeralClient()
    memory.create_collection("mine", embedding_function=None)
    beside = chromadb.PersistentClient(str(tmp_path / "store"))
    ChromaStore(tmp_path / "store").upsert([record("4", (1.0, 0.0))])
    store.refresh()
    assert chromadb.EphemeralClient().get_collection("mine").count() == 0
    assert beside.get_collection(COLLECTION).count() == 4
    memory.delete_collection("mine")


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_is_told_that_it_cannot_use_it(tmp_path):
    store = ChromaStore(tmp_path, create=True)
    store.upsert([Record(id="a", vectors={TEXT: [1.0, 0.0]}, text="x", metadata={"n": 1})])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def ask():
        for use in (lambda: store.query([1.0, 0.0], 1), lambda: ChromaStore(tmp_path)):
            try:
                answers.put(str(use()))
            except StoreError as error:
                answers.put(str(error))

    child = context.Process(target=ask)
    child.start()
    try:
        assert "in a fork" in answers.get(timeout=20)
        assert "in a fork" in answers.get(timeout=20)
    finally:
        child.kill()
        child.join()
    assert [match.id for match in store.query([1.0, 0.0], 1)] == ["a"]


def test_a_damaged_note_of_the_state_is_another_state(tmp_path):
    store = ChromaStore(tmp_path, create=True)
    store.upsert([Record(id="a", vectors={TEXT: [1.0, 0.0]}, text="x", metadata={"n": 1})])
    (tmp_path / "vectors.state").write_bytes(b"\xff\xfe")
    assert ChromaStore(tmp_path).ids() == {"a"}

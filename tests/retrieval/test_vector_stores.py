"""What every vector store does, whichever database it is."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrerank.retrieval import chroma, qdrant
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.qdrant import QdrantStore
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Record, VectorStore

OPEN: dict[str, Callable[[Path], VectorStore]] = {
    "chroma": lambda folder: ChromaStore(folder, create=True),
    "qdrant": lambda folder: QdrantStore(folder=folder),
}


@pytest.fixture(params=OPEN)
def opened(request, tmp_path):
    """Opens the store anew each time; a store that takes one process at a time is closed first."""
    last = []

    def open_again() -> VectorStore:
        close(last)
        last.append(OPEN[request.param](tmp_path / "store"))
        return last[-1]

    yield open_again
    close(last)


@pytest.fixture
def store(opened):
    return opened()


def close(stores: list[VectorStore]) -> None:
    while stores:
        getattr(stores.pop(), "close", lambda: None)()


def record(name: str, vector, image=None, **changes) -> Record:
    vectors = {TEXT: vector} | ({} if image is None else {IMAGE: image})
    return Record(
        **{"id": name, "vectors": vectors, "text": f"t {name}", "metadata": {"source": "a"}}
        | changes
    )


def three(store: VectorStore) -> VectorStore:
    store.upsert([record("1", (1.0, 0.0)), record("2", (0.0, 1.0)), record("3", (0.6, 0.8))])
    return store


def found(store: VectorStore, vector, k=99, name=TEXT) -> list[str]:
    return [match.id for match in store.query(vector, k, name=name)]


def test_a_new_store_is_empty(store):
    assert store.ids() == store.ids(IMAGE) == set()
    assert store.records() == []
    assert store.query([1.0, 0.0], 3) == store.query([1.0], 3, name=IMAGE) == []
    store.delete(["unknown"])
    store.refresh()


def test_empty_lists_change_nothing(store):
    for empty in (store, three(store)):
        before = empty.ids()
        empty.upsert([])
        empty.delete([])
        empty.update_vectors(IMAGE, {})
        assert empty.ids() == before


def test_the_nearest_come_first_with_their_cosine(store):
    three(store)
    matches = store.query([2.0, 0.0], 2)  # of any length
    assert [match.id for match in matches] == ["1", "3"]
    assert [match.similarity for match in matches] == pytest.approx([1.0, 0.6], abs=1e-5)


def test_more_than_there_are(store):
    assert found(three(store), [1.0, 0.0], 10_000) == ["1", "3", "2"]


def test_a_record_replaces_all_of_an_older_one(store):
    three(store)
    store.upsert([record("1", (0.0, 1.0), (1.0, 0.0, 0.0), metadata={"source": "b", "page": 4})])
    store.upsert([record("1", (0.0, -1.0), text="new", metadata={"source": "c"})])
    (new,) = [one for one in store.records() if one.id == "1"]
    assert (new.text, dict(new.metadata)) == ("new", {"source": "c"})
    assert found(store, [0.0, -1.0], 1) == ["1"]
    assert store.ids(IMAGE) == set()
    assert len(store.records()) == 3


def test_texts_and_images_have_vectors_of_their_own(store):
    three(store)
    store.upsert([record("4", (0.0, -1.0), (0.0, 0.0, 1.0)), record("5", (-1.0, 0.0))])
    assert found(store, [0.0, 0.0, 1.0], name=IMAGE) == ["4"]
    assert store.ids(IMAGE) == {"4"}
    assert store.ids(TEXT) == store.ids() == {"1", "2", "3", "4", "5"}
    assert found(store, [0.0, -1.0], 1) == ["4"]


def test_one_vector_is_replaced_and_the_rest_stays(store):
    three(store)
    before = {one.id: one for one in store.records()}
    store.update_vectors(IMAGE, {"1": [1.0, 0.0, 0.0], "3": [0.0, 1.0, 0.0]})
    store.update_vectors(IMAGE, {"3": [0.0, 0.6, 0.8]})
    (match,) = store.query([0.0, 0.6, 0.8], 1, name=IMAGE)
    assert (match.id, match.similarity) == ("3", pytest.approx(1.0, abs=1e-5))
    store.update_vectors(TEXT, {"2": [0.0, -1.0]})
    assert found(store, [0.0, -1.0], 1) == ["2"]
    assert {one.id: one for one in store.records()} == before


def test_a_vector_of_an_unknown_record_makes_no_record(store):
    three(store)
    store.update_vectors(IMAGE, {"1": [1.0, 0.0], "unknown": [0.0, 1.0]})
    assert "unknown" not in {one.id for one in store.records()}
    store.delete(["unknown"])
    assert store.ids() == {"1", "2", "3"}
    assert store.ids(IMAGE) == {"1"}


def test_deleted_records_are_gone_with_all_their_vectors(store):
    three(store)
    store.update_vectors(IMAGE, {"1": [1.0, 0.0], "2": [0.0, 1.0]})
    store.delete(["1", "unknown", "3"])
    assert found(store, [1.0, 0.0]) == found(store, [1.0, 0.0], name=IMAGE) == ["2"]
    store.delete(["2"])
    assert store.ids() == set()
    assert store.query([1.0, 0.0], 9) == []
    three(store)
    assert store.ids() == {"1", "2", "3"}
    assert store.ids(IMAGE) == set()


def test_another_dimension_is_an_error_and_nothing_is_lost(store):
    three(store)
    with pytest.raises(Exception, match="dimension"):
        store.upsert([record("4", (1.0, 0.0, 0.0))])
    with pytest.raises(Exception, match="dimension"):
        store.query([1.0, 0.0, 0.0], 3)
    store.update_vectors(IMAGE, {"1": [1.0, 0.0, 0.0]})
    with pytest.raises(Exception, match="dimension"):
        store.update_vectors(IMAGE, {"2": [1.0]})
    assert found(store, [1.0, 0.0]) == ["1", "3", "2"]


ODD = ["ü/ß 日本語.pdf#3", "a" * 300, " ", "'\"\\\n", "😀.1f", "null", "1"]


def test_ids_texts_and_metadata_of_any_kind(opened):
    store = opened()
    store.upsert([record(id_, (1.0, 0.0), text=id_, metadata={"source": id_}) for id_ in ODD])
    store = opened()
    assert store.ids() == set(ODD)
    assert {(one.id, one.text, one.metadata["source"]) for one in store.records()} == {
        (id_, id_, id_) for id_ in ODD
    }
    assert set(found(store, [1.0, 0.0])) == set(ODD)
    store.delete(ODD[1:])
    assert found(store, [1.0, 0.0]) == ODD[:1]


def test_metadata_keeps_its_types(opened):
    store = opened()
    metadata = {"source": "a", "page": 3, "weight": 0.5, "is_new": True, "large": 2**53}
    store.upsert([record("1", (1.0, 0.0), metadata=metadata)])
    (own,) = opened().records()
    assert dict(own.metadata) == metadata
    assert own.metadata["is_new"] is True


def test_everything_is_there_when_it_is_opened_again(opened):
    three(opened()).update_vectors(IMAGE, {"2": [0.0, 1.0, 0.0]})
    store = opened()
    assert store.ids() == {"1", "2", "3"}
    assert found(store, [1.0, 0.0]) == ["1", "3", "2"]
    assert found(store, [1.0, 0.0, 0.0], name=IMAGE) == ["2"]
    store.upsert([record("4", (-1.0, 0.0))])
    assert found(store, [-1.0, 0.0], 1) == ["4"]


def test_more_than_one_batch(store, monkeypatch):
    for module, name in ((chroma, "_BATCH"), (qdrant, "_BATCH"), (qdrant, "_PAGE")):
        monkeypatch.setattr(module, name, 7)
    angles = {f"id{i}": 2 * math.pi * i / 24 for i in range(24)}
    store.upsert([record(id_, (math.cos(a), math.sin(a))) for id_, a in angles.items()])
    store.update_vectors(IMAGE, {id_: (math.cos(a), math.sin(a)) for id_, a in angles.items()})
    assert store.ids() == store.ids(IMAGE) == set(angles)
    assert found(store, [1.0, 0.0], 1) == found(store, [1.0, 0.0], 1, name=IMAGE) == ["id0"]
    store.delete(list(angles))
    assert store.ids() == set()


# -- any series of changes leaves what a dictionary would hold

IDS = st.sampled_from(["a", "b", "c", "ü", "long" * 30])
VECTORS = st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (-1.0, 0.0)])
CHANGES = st.one_of(
    st.tuples(
        st.just("upsert"),
        st.lists(st.tuples(IDS, VECTORS, st.none() | VECTORS), unique_by=lambda one: one[0]),
    ),
    st.tuples(st.just("delete"), st.lists(IDS, unique=True)),
    st.tuples(st.just("image"), st.dictionaries(IDS, VECTORS)),
    st.tuples(st.just("open"), st.none()),
)


@pytest.mark.parametrize("kind", OPEN)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(CHANGES, max_size=6))
def test_it_holds_what_a_dictionary_would(kind, changes):
    held: dict[str, dict[str, tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stores = [OPEN[kind](Path(folder))]
        for what, values in changes:
            if what == "open":
                close(stores)
                stores.append(OPEN[kind](Path(folder)))
            else:
                change(stores[-1], held, what, values)
        store = stores[-1]
        assert store.ids() == held.keys()
        assert {one.id for one in store.records()} == held.keys()
        for name in (TEXT, IMAGE):
            assert store.ids(name) == {id_ for id_, own in held.items() if name in own}
            similar = {
                match.id: match.similarity for match in store.query([0.6, 0.8], 9, name=name)
            }
            assert similar == pytest.approx(
                {i: cosine(own[name]) for i, own in held.items() if name in own}, abs=1e-5
            )
        close(stores)


def change(store: VectorStore, held: dict, what: str, values) -> None:
    if what == "upsert":
        store.upsert([record(*one) for one in values])
        for id_, vector, image in values:
            held[id_] = {TEXT: vector} | ({} if image is None else {IMAGE: image})
    elif what == "delete":
        store.delete(values)
        for id_ in values:
            held.pop(id_, None)
    else:
        known = {id_: vector for id_, vector in values.items() if id_ in held}
        store.update_vectors(IMAGE, known)
        for id_, vector in known.items():
            held[id_][IMAGE] = vector


def cosine(vector: tuple[float, float]) -> float:
    return 0.6 * vector[0] + 0.8 * vector[1]

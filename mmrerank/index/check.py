"""Whether the parts of an index agree, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrerank.errors import StoreError
from mmrerank.images.refs import IMAGES_KEY, read_refs
from mmrerank.index.embedding import IMAGE_EMBEDDER_NOTE
from mmrerank.index.ledger import Entry, FileRecord, Ledger
from mmrerank.index.writer import Writer
from mmrerank.loaders.figure_chunks import KIND_KEY
from mmrerank.ocr.bm25 import tokenize
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Record, VectorStore

__all__ = ["Problem", "adopt", "find_problems", "records_without_ledger", "require_ledger"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with an index: `files` that it concerns, and what mends it.

    `vector_ids` are to be deleted, and the images of `image_vector_ids` to be embedded again.
    `files` is empty where no file is concerned: what was left over of a killed process is removed
    by the next writer, and costs nothing but space until then.
    """

    what: str
    files: tuple[str, ...] = ()
    vector_ids: tuple[str, ...] = ()
    image_vector_ids: tuple[str, ...] = ()


def find_problems(ledger: Ledger, writer: Writer, store: VectorStore) -> list[Problem]:
    """What is wrong, by kind. Raises `StoreError` and what the vector store raises."""
    in_store, live, left_over = store.ids(), ledger.vector_ids(), set(writer.left_over())
    problems: list[Problem] = []
    if missing := live - store.ids(TEXT):
        files = sorted({entry.path for entry in ledger.live(sorted(missing)).values()})
        problems.append(
            Problem(
                f"{len(missing)} entries have no vector, so that only words find them", tuple(files)
            )
        )
    if unknown := in_store - live - left_over:
        problems.append(
            Problem(f"{len(unknown)} vectors belong to no entry", vector_ids=tuple(sorted(unknown)))
        )
    if left_over:
        problems.append(
            Problem(
                f"{len(left_over)} vectors were left over by a process that was killed",
                vector_ids=tuple(sorted(left_over)),
            )
        )
    problems += _missing_image_vectors(ledger, store)
    if lost := ledger.missing_images():
        files = sorted(path for path in _files_with(ledger, lost))
        problems.append(Problem(f"{len(lost)} images are missing", tuple(files)))
    for what, files in writer.damaged_files().items():
        problems.append(Problem(what, tuple(files)))
    return problems


def _missing_image_vectors(ledger: Ledger, store: VectorStore) -> list[Problem]:
    """Images that are not embedded, or whose vectors are gone. The next `sync` embeds them."""
    recorded = ledger.image_vector_ids()
    in_store = store.ids(IMAGE) if recorded else set()
    gone = sorted(recorded - in_store)
    missing = (
        {one.path for one in ledger.unembedded()} if ledger.note(IMAGE_EMBEDDER_NOTE) else set()
    )
    problems: list[Problem] = []
    if gone:
        files = sorted({entry.path for entry in ledger.live(gone).values()})
        what = f"the vectors of {len(gone)} images are missing, so that no image search finds them"
        problems.append(Problem(what, tuple(files), image_vector_ids=tuple(gone)))
    if missing:
        what = "some images have no vector yet, so that no image search finds them"
        problems.append(Problem(what, tuple(sorted(missing))))
    return problems


def _files_with(ledger: Ledger, refs: set[str]) -> set[str]:
    return {
        record.path
        for record in ledger.files()
        if any(refs & set(entry.images) for entry in ledger.entries(record.path))
    }


def records_without_ledger(ledger: Ledger, writer: Writer, store: VectorStore) -> list[Record]:
    """The records of the vector store, if the ledger was lost and replaced by a new one.

    Opening an index creates the ledger's file, so what counts is that nothing was ever written.
    """
    if ledger.epoch():
        return []
    left_over = set(writer.left_over())  # by a first `sync` that was killed
    return [record for record in store.records() if record.id not in left_over]


def require_ledger(ledger: Ledger, writer: Writer, store: VectorStore) -> None:
    """Raise `StoreError` for a lost ledger: what is written now would hide the old records."""
    if records := records_without_ledger(ledger, writer, store):
        folder = ledger.place
        raise StoreError(
            f"there is no ledger for {len(records)} vectors in {folder}; mend the index with: "
            f"mmrerank check --mend --store {folder}"
        )


def adopt(records: Sequence[Record], writer: Writer) -> list[str]:
    """Write a ledger for the records of a vector store that has none; the files they come from.

    The files are recorded with a size of -1, so that the next `sync` reads them again; until then
    they are found as they were.
    """
    by_source: dict[str, list[Record]] = {}
    for record in records:
        by_source.setdefault(str(record.metadata.get("source", "")), []).append(record)
    for source, own in by_source.items():
        writer.swap(FileRecord(source, -1, -1, "", ""), [_entry(source, one) for one in own])
    return sorted(by_source)


def _entry(source: str, record: Record) -> Entry:
    page = record.metadata.get("page")
    return Entry(
        id=record.id.rpartition(".")[0] or record.id,
        vector_id=record.id,
        path=source,
        text=record.text,
        words=" ".join(tokenize(record.text)),
        kind=str(record.metadata.get(KIND_KEY, "text")),
        page=page if isinstance(page, int) else 0,
        metadata=dict(record.metadata),
        images=tuple(read_refs(record.metadata.get(IMAGES_KEY), on_error=lambda _: None)),
    )

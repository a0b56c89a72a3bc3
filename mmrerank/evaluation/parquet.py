"""Collections of pages as Parquet files, as ViDoRe and mteb publish them.

Either folders `corpus`, `queries` and `qrels` with Parquet files (`corpus-id` or `id`, `image`,
`text`; `query-id` or `id`, `query` or `text`; `query-id`, `corpus-id`, `score`), or files of rows
that have each a `query`, its page's `image` and `image_filename`. An image is a struct of `bytes`
and `path`, or the bytes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError
from mmrerank.evaluation.beir import judged_questions
from mmrerank.evaluation.collection import (
    WHOLE_DOCUMENTS,
    CollectionDocument,
    write_documents,
)
from mmrerank.evaluation.data import EvaluationData, Question
from mmrerank.optional import require

__all__ = ["has_parquet", "read_parquet"]

_ROWS = 32  # pages that are in memory at once


def has_parquet(folder: Path) -> bool:
    """Whether a folder has Parquet files of a known layout."""
    return bool(_files(folder, "corpus") or _pair_files(folder))


def read_parquet(folder: Path, documents: Path, *, show_progress: bool = False) -> EvaluationData:
    """Pages and questions of Parquet files; the pages are written to the folder `documents`.

    Questions without relevant pages are left out. Raises `DocumentError` that names the file and
    the columns that are missing.
    """
    corpus = _files(folder, "corpus")
    files = corpus or _pair_files(folder)
    questions = _judged(folder) if corpus else _paired(files)
    if not questions:
        raise DocumentError(str(folder), "no question has a relevant document")
    pages = _pages(files) if corpus else _paired_pages(files)
    write_documents(pages, documents, files, show_progress=show_progress)
    return EvaluationData(
        name=folder.resolve().name,
        questions=questions,
        documents=[documents],
        is_collection=True,
        loader_options=WHOLE_DOCUMENTS,
    )


def _files(folder: Path, part: str) -> list[Path]:
    """The Parquet files of `corpus`, `queries` or `qrels`: in a folder of the name, or named so."""
    return sorted({*folder.glob(f"**/*{part}/**/*.parquet"), *folder.glob(f"{part}*.parquet")})


def _pair_files(folder: Path) -> list[Path]:
    files = sorted({*folder.glob("*.parquet"), *folder.glob("data/*.parquet")})
    return [path for path in files if {"query", "image"} <= set(_columns(path))]


def _judged(folder: Path) -> list[Question]:
    texts = {
        str(_first(row, path, "query-id", "id", "_id")): str(_first(row, path, "query", "text"))
        for path in _files(folder, "queries")
        for row in _rows(path)
    }
    qrels: dict[str, dict[str, int]] = {}
    for path in _files(folder, "qrels"):
        for row in _rows(path):
            question, page = str(_first(row, path, "query-id")), str(_first(row, path, "corpus-id"))
            qrels.setdefault(question, {})[page] = int(_first(row, path, "score"))
    return judged_questions(texts, qrels)


def _pages(files: Sequence[Path]) -> Iterator[CollectionDocument]:
    for path in files:
        for row in _rows(path):
            name = str(_first(row, path, "corpus-id", "id", "_id"))
            parts = [str(row[key]) for key in ("title", "text") if row.get(key)]
            yield CollectionDocument(name, "\n\n".join(parts), _image(row.get("image"), path))


def _paired(files: Sequence[Path]) -> list[Question]:
    """The questions of rows that name one page each; the same question may have several pages."""
    pages: dict[str, dict[str, int]] = {}
    for path in files:
        for row in _rows(path, without=("image",)):
            if row.get("query"):
                pages.setdefault(str(row["query"]), {})[_page_name(row, path)] = 1
    ids = {f"q{number}": text for number, text in enumerate(pages, start=1)}
    return judged_questions(ids, {name: pages[text] for name, text in ids.items()})


def _paired_pages(files: Sequence[Path]) -> Iterator[CollectionDocument]:
    seen: set[str] = set()
    for path in files:
        for row in _rows(path):
            name = _page_name(row, path)
            if name not in seen:
                seen.add(name)
                yield CollectionDocument(name, "", _image(row.get("image"), path))


def _page_name(row: Mapping[str, Any], path: Path) -> str:
    return str(_first(row, path, "image_filename"))


def _image(value: Any, path: Path) -> bytes | None:
    """The bytes of an image's file. Raises `DocumentError` for one that is only named."""
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None and isinstance(value, dict) and value.get("path"):
        raise DocumentError(str(path), f"has only the name of the image {value['path']!r}")
    return data if data is None else bytes(data)


def _first(row: Mapping[str, Any], path: Path, *names: str) -> Any:
    """The value of the first of these columns that there is."""
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise DocumentError(
        str(path), f"a row has no {' or '.join(names)}; its columns are {', '.join(row)}"
    )


def _columns(path: Path) -> list[str]:
    return list(_open(path).schema_arrow.names)


def _rows(path: Path, *, without: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The rows of a file, of which only a few are in memory at once."""
    file = _open(path)
    columns = [name for name in file.schema_arrow.names if name not in without]
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
        yield from batch.to_pylist()


def _open(path: Path) -> Any:
    parquet = require("pyarrow.parquet", extra="eval", purpose="reading Parquet files")
    try:
        return parquet.ParquetFile(path)
    except Exception as error:  # ArrowInvalid, OSError
        raise DocumentError(str(path), f"cannot be read as Parquet ({error})") from error

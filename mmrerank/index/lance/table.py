"""One table of LanceDB: made by the first that writes, read as of one version until it is refreshed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from mmrerank.errors import StoreError
from mmrerank.index.lance.storage import Place, fork_guard
from mmrerank.optional import require

__all__ = ["Table", "any_of", "quoted"]

_PIECE = 1_000  # values in one condition
_ALL = 2**31 - 1  # rows
_TRIES = 12  # of a commit that others were faster than
_CONFLICT = ("conflict", "concurrent writers", "already exists")
_OLDEST = timedelta(hours=1)  # versions that a slow reader may still be reading
_MOST_FRAGMENTS, _MOST_UNINDEXED = 32, 2_000  # fragments; rows that searches look through
_LEAST_FOR_NUMBERS = 5_000  # rows
_LEAST_FOR_VECTORS = 20_000  # rows; fewer are compared one by one in some milliseconds
_PROBES, _REFINE = 16, 2  # parts of the vectors that are searched; exact comparisons a result

T = TypeVar("T")


def quoted(value: str) -> str:
    """A text as LanceDB's SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def any_of(column: str, values: Iterable[str | int]) -> Iterator[str]:
    """Conditions that together hold for the rows with one of these values in the column."""
    listed = [quoted(v) if isinstance(v, str) else str(v) for v in values]
    for start in range(0, len(listed), _PIECE):
        yield f"{column} IN ({', '.join(listed[start : start + _PIECE])})"


class Table:
    """A table with a column of `words`, if it is searched by words. Raises `StoreError`.

    `key` is its unenforced primary key: of two commits that insert one key, LanceDB repeats the
    later one, so that no row is there twice.
    """

    def __init__(self, place: Place, name: str, *, key: str, has_words: bool) -> None:
        self._place, self._name, self._key, self._has_words = place, name, key, has_words
        self._lock = threading.Lock()
        self._table: Any = None
        self._counts: dict[tuple[int, str | None], int] = {}  # by version and condition

    def opened(self) -> Any:
        """LanceDB's own table; None as long as nobody has written to it."""
        fork_guard.check()
        with self._lock:
            if self._table is None:
                with self._place.errors("read"):
                    try:
                        self._table = self._place.database.open_table(self._name)
                    except ValueError as error:  # LanceDB has no other error for this
                        if "not found" not in str(error):
                            raise
            return self._table

    def created(self, schema: Any) -> Any:
        """The table, made with this schema if there is none."""
        table = self.opened()
        if table is not None:
            return table
        with self._place.errors("written"):
            made = self._place.database.create_table(self._name, schema=schema, exist_ok=True)
            if self._has_words:
                self._retried(made, lambda: _index_words(made))
        with self._lock:
            self._table = made
        return made

    def refresh(self) -> int:
        """See what others have committed; the version, 0 without a table."""
        table = self.opened()
        if table is None:
            return 0
        with self._place.errors("read"):
            table.checkout_latest()
            return int(table.version)

    def version(self) -> int:
        """The version that is read; 0 without a table."""
        table = self.opened()
        return 0 if table is None else int(table.version)

    # -- reading

    def rows(self, columns: Sequence[str], where: str | None = None) -> list[dict[str, Any]]:
        """Columns of all rows that meet a condition."""
        found = self._arrow(columns, where)
        return [] if found is None else found.to_pylist()

    def _arrow(
        self, columns: Sequence[str], where: str | None = None, *, row_ids: bool = False
    ) -> Any:
        """The same as an Arrow table; None without a table."""
        table = self.opened()
        if table is None:
            return None
        with self._place.errors("read"):
            names = [name for name in columns if name in table.schema.names]
            query = table.search().select(names).limit(_ALL)
            if where is not None:
                query = query.where(where)
            if row_ids:
                query = query.with_row_id(True)
            return query.to_arrow()

    def rows_with(
        self, columns: Sequence[str], column: str, values: Iterable[str | int]
    ) -> list[dict[str, Any]]:
        """Columns of all rows with one of these values."""
        return [row for where in any_of(column, values) for row in self.rows(columns, where)]

    def count(self, where: str | None = None) -> int:
        """How many rows meet a condition."""
        table = self.opened()
        if table is None:
            return 0
        with self._place.errors("read"):
            key = int(table.version), where
            if key not in self._counts:  # each search asks, and some conditions read a whole column
                self._counts = {one: n for one, n in self._counts.items() if one[0] == key[0]}
                self._counts[key] = int(table.count_rows(where))
            return self._counts[key]

    def matching(self, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The numbers of the best `k` rows with any of the words, with BM25 scores."""
        found = self._matching(words, k, ["number", "_score"])
        if found is None:
            return []
        pairs = zip(found["number"].to_pylist(), found["_score"].to_pylist(), strict=True)
        return [(int(number), float(score)) for number, score in pairs]

    def count_matching(self, word: str, most: int) -> int:
        """How many rows have a word; counted up to `most`, without a look at the rows."""
        found = self._matching([word], most, ["_score"])
        return 0 if found is None else len(found)

    def _matching(self, words: Sequence[str], k: int, columns: list[str]) -> Any:
        """Columns of the best `k` rows as an Arrow table; None if there can be none."""
        table = self.opened()
        if table is None or not words:
            return None
        query = require("lancedb.query").MatchQuery(" ".join(words), "words")
        with self._place.errors("searched"):
            return table.search(query).select(columns).limit(k).to_arrow()

    def nearest(self, column: str, vector: Sequence[float], k: int) -> list[tuple[int, float]]:
        """The numbers of the `k` rows whose vectors are nearest, with their cosines."""
        table = self.opened()
        if table is None or column not in table.schema.names:
            return []
        with self._place.errors("searched"):
            query = table.search(list(vector), vector_column_name=column).distance_type("cosine")
            # Rows without a vector are left out anyway; a condition would read the whole column.
            query = query.nprobes(_PROBES).refine_factor(_REFINE)
            found = query.select(["number", "_distance"]).limit(k).to_arrow()
            pairs = zip(found["number"].to_pylist(), found["_distance"].to_pylist(), strict=True)
            return [(int(number), 1.0 - float(distance)) for number, distance in pairs]

    # -- writing

    def merge(self, rows: Any, *, instead_of: str | None = None, inserts: bool = True) -> None:
        """Write rows (an Arrow table) by their keys, in one commit.

        Other rows that meet `instead_of` are removed by the same commit. Without `inserts`, rows
        whose keys are not there are left out; `rows` may then lack columns, which stay.
        """
        table = self.opened()

        def commit() -> None:
            merge = table.merge_insert(self._key).when_matched_update_all()
            if inserts:
                merge = merge.when_not_matched_insert_all()
            if instead_of is not None:
                merge = merge.when_not_matched_by_source_delete(instead_of)
            merge.execute(rows, on_bad_vectors="null")  # a file's own row has no vectors

        with self._place.errors("written"):
            self._retried(table, commit)

    def delete(self, where: str) -> None:
        """Remove the rows that meet a condition, in one commit."""
        table = self.opened()
        if table is not None:
            with self._place.errors("written"):
                self._retried(table, lambda: table.delete(where))

    def add_column(self, name: str, of_type: Any) -> None:
        """Add a column, which is empty, unless it is there."""
        table, pyarrow = self.opened(), require("pyarrow")

        def add() -> None:
            if name not in table.schema.names:
                table.add_columns(pyarrow.schema([pyarrow.field(name, of_type)]))

        with self._place.errors("written"):
            self._retried(table, add)

    def drop_copies(self) -> None:
        """Remove rows whose key is there twice, but for one of them."""
        found = self._arrow([self._key], row_ids=True)
        if found is None:
            return
        firsts = found.group_by(self._key).aggregate([("_rowid", "min")])["_rowid_min"]
        if len(firsts) < len(found):
            copies = set(found["_rowid"].to_pylist()) - set(firsts.to_pylist())
            for where in any_of("_rowid", copies):
                self.delete(where)

    def tidy(self) -> None:
        """Merge small fragments, bring indices up to date, and forget versions of over an hour.

        Only where there is enough to do. If another machine is just doing it, it is left to that.
        """
        table = self.opened()
        if table is None:
            return
        with self._place.errors("written"):
            try:
                self._tidy(table)
            except Exception as error:
                if not _is_conflict(error):
                    raise
                table.checkout_latest()

    def _tidy(self, table: Any) -> None:
        table.checkout_latest()
        statistics = table.stats()
        indices = {index.columns[0]: index for index in table.list_indices()}
        unindexed = max((one.num_unindexed_rows or 0 for one in indices.values()), default=0)
        fragments = statistics["fragment_stats"]["num_fragments"]
        if fragments > _MOST_FRAGMENTS or unindexed > _MOST_UNINDEXED:
            table.optimize(cleanup_older_than=_OLDEST)
        count = int(statistics["num_rows"])
        if count >= _LEAST_FOR_NUMBERS and self._key not in indices:
            table.create_index(self._key, config=require("lancedb.index").BTree())
        for name in table.schema.names:
            if name.startswith("vector_") and name not in indices and count >= _LEAST_FOR_VECTORS:
                _index_vectors(table, name)

    def _retried(self, table: Any, commit: Callable[[], T]) -> T:
        """What a commit returns; it is repeated on the latest version if others were faster."""
        for attempt in range(1, _TRIES + 1):
            try:
                return commit()
            except Exception as error:
                if attempt == _TRIES or not _is_conflict(error):
                    raise
                time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))  # noqa: S311 - no secret
                table.checkout_latest()
        raise StoreError("unreachable")


def _is_conflict(error: Exception) -> bool:
    text = str(error).lower()
    return any(part in text for part in _CONFLICT)


def _index_words(table: Any) -> None:
    """Words are cut before they get here, so that the tokenizer only splits at spaces."""
    if list(table.list_indices()):  # another machine was faster
        return
    full_text = require("lancedb.index").FTS(
        base_tokenizer="whitespace",
        max_token_length=None,
        lower_case=False,
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
    )
    table.create_index("words", config=full_text)


def _index_vectors(table: Any, column: str) -> None:
    """Some hundred vectors a part, and a byte a number: small errors, which refining corrects."""
    count = table.count_rows(f"{column} IS NOT NULL")
    if count >= _LEAST_FOR_VECTORS:
        parts = max(16, round(count / 800))
        config = require("lancedb.index").IvfSq(distance_type="cosine", num_partitions=parts)
        table.create_index(column, config=config)

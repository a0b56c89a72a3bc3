"""The vectors of an index at a URL: columns of its table of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmrerank.errors import StoreError
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.rows import vector_column, vector_type
from mmrerank.index.lance.table import any_of
from mmrerank.optional import require
from mmrerank.retrieval.vector_store import TEXT, Match, Record, Vector

__all__ = ["LanceVectors"]


class LanceVectors:
    """The vectors of an index at a URL as a `VectorStore`: columns of the table of entries.

    What is given to `upsert` waits in memory until its entries are written, by the same commit. The
    ids of what is stored are the numbers of entries.
    """

    def __init__(self, ledger: LanceLedger) -> None:
        self._table = ledger.rows
        self.waiting: dict[str, Mapping[str, Vector]] = {}

    def upsert(self, records: Sequence[Record]) -> None:
        """Keep vectors for the entries that follow."""
        self.waiting.update((record.id, record.vectors) for record in records)

    def update_vectors(self, name: str, vectors: Mapping[str, Vector]) -> None:
        """Add or replace one named vector of entries. Raises `StoreError`."""
        if not vectors:
            return
        pyarrow = require("pyarrow")
        column = vector_column(name)
        length = len(next(iter(vectors.values())))
        self.add_column(name, length)
        schema = pyarrow.schema(
            [self._table.opened().schema.field("number"), (column, vector_type(length))]
        )
        rows = [{"number": int(one), column: list(vector)} for one, vector in vectors.items()]
        self._table.merge(pyarrow.Table.from_pylist(rows, schema=schema), inserts=False)

    def add_column(self, name: str, length: int) -> None:
        """Make room for vectors of this name. Raises `StoreError` for those of another length."""
        column = vector_column(name)
        self._table.add_column(column, vector_type(length))
        own = self._table.opened().schema.field(column).type.list_size
        if own != length:
            raise StoreError(
                f"the index has {name} vectors of {own} dimensions; these have {length}"
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Forget vectors that wait, and remove entries."""
        for one in ids:
            self.waiting.pop(one, None)
        for where in any_of("number", [int(one) for one in ids if one.isdecimal()]):
            self._table.delete(where)

    def ids(self, name: str | None = None) -> set[str]:
        """The ids of all entries; with a `name`, of those that have such a vector."""
        table = self._table.opened()
        if table is None or (name and vector_column(name) not in table.schema.names):
            return set()
        where = f" AND {vector_column(name)} IS NOT NULL" if name else ""
        return {str(r["number"]) for r in self._table.rows(["number"], f"kind <> 'file'{where}")}

    def records(self) -> list[Record]:
        """None: entries and vectors are one row, so no vector can lack its entry."""
        return []

    def query(self, vector: Vector, k: int, *, name: str = TEXT) -> list[Match]:
        """The `k` entries whose vector of this name is nearest, nearest first."""
        found = self._table.nearest(vector_column(name), vector, k)
        return [Match(str(number), similarity) for number, similarity in found]

    def refresh(self) -> None:
        """Nothing: the ledger has done it."""

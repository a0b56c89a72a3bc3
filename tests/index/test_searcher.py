"""A search while others write: what is replaced in the middle of it is found all the same."""

from __future__ import annotations

import pytest

from mmrerank import InvalidInputError
from mmrerank.index.index import Index


class Busy:
    """An embedder; while it embeds a question, files are replaced, for the first `times`."""

    def __init__(self):
        self.times, self.replace = 0, None

    def embed_documents(self, texts):
        return [[1.0, 0.0]] * len(texts)

    def embed_query(self, text):
        if self.times and "pump" in text:
            self.times -= 1
            self.replace()
        return [1.0, 0.0]


def test_files_that_are_replaced_again_and_again_are_found(tmp_path):
    docs, busy = tmp_path / "docs", Busy()
    docs.mkdir()

    def write(count=[0]):  # noqa: B006 - a counter
        count[0] += 1
        for name in "abc":
            (docs / f"{name}.md").write_text(f"The pump {name}, version {count[0]}.")

    write()
    with Index(tmp_path / "store", embedder=busy, ocr=False) as index:
        index.sync(docs)
        busy.replace = lambda: (write(), index.sync(docs, verify=True))
        busy.times = 3
        # The words of the old version are found before it is replaced, its vectors after that.
        hits = index.search("pump", routes=["words", "vectors"])
        assert busy.times == 0
        assert len(hits) == 3
        assert all("version 4" in hit.text for hit in hits)


def test_what_is_no_reranker_is_refused(tmp_path):
    (tmp_path / "a.md").write_text("The pump.")
    with Index(tmp_path / "store", embedder=Busy(), ocr=False) as index:
        index.sync(tmp_path / "a.md")
        with pytest.raises(InvalidInputError, match="int, not a Reranker"):
            index.search("pump", 5)

"""The caller's own metadata of files, and weights of routes."""

from __future__ import annotations

import pytest

from mmrerank import InvalidInputError
from mmrerank.index.index import Index


@pytest.fixture
def folder(tmp_path):
    for name, text in (("plans", "the turbine hall"), ("letters", "the turbine of the works")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(text)
    return tmp_path


def test_own_metadata_is_found_by_where_and_a_change_is_read_again(folder):
    kinds = {"plans": "plan", "letters": "letter"}

    def metadata(path):
        return {"doctype": kinds[path.parent.name], "year": 1970}

    paths = [folder / "plans", folder / "letters"]
    with Index(folder / "store", metadata=metadata) as index:
        assert len(index.sync(paths).added) == 2
        (hit,) = index.search("turbine", where={"doctype": "plan"})
        assert (hit.metadata["doctype"], hit.metadata["year"]) == ("plan", 1970)
        assert hit.source.endswith("plans/a.md")
        assert len(index.sync(paths).unchanged) == 2
        kinds["plans"] = "drawing"
        report = index.sync(paths)
        assert (len(report.changed), len(report.unchanged)) == (1, 1)
        assert index.search("turbine", where={"doctype": "drawing"})


@pytest.mark.parametrize(
    "metadata", [{"source": "x"}, {"best_image": "x"}, {"tags": ["a"]}, {1: "x"}]
)
def test_metadata_that_cannot_be_used(folder, metadata):
    with Index(folder / "store", metadata=lambda _: metadata) as index:
        ((_, error),) = index.sync(folder / "plans").failed
    assert isinstance(error, InvalidInputError)
    assert "metadata" in str(error)


def test_routes_have_weights(folder):
    with Index(folder / "store") as index:
        index.sync([folder / "plans", folder / "letters"])
        plain = index.search("turbine hall", routes=["words", "vectors"])
        weighted = index.search("turbine hall", routes={"words": 3, "vectors": 1})
        assert weighted[0].retrieval_score == pytest.approx(2 * plain[0].retrieval_score)
        for weight in (0, -1, "2"):
            with pytest.raises(InvalidInputError, match="weights"):
                index.search("turbine", routes={"words": weight})

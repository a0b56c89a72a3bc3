"""BEIR's folders."""

from __future__ import annotations

import json

import pytest

from mmrerank.errors import DocumentError, RerankWarning
from mmrerank.evaluation.beir import read_beir
from mmrerank.evaluation.running import run_systems
from mmrerank.evaluation.summary import summarise
from mmrerank.evaluation.systems import System
from mmrerank.index import Index

CORPUS = [
    {"_id": "doc.1/x", "title": "Boilers", "text": "A boiler is lit at dawn.\n\nIt is hot."},
    {"_id": "Ä 2", "title": "", "text": "A wrench is a tool."},
    {"_id": "3", "title": "Halls", "text": "Halls are old."},
]
QUERIES = [
    {"_id": "q1", "text": "when is a boiler lit"},
    {"_id": "q2", "text": "wrench"},
    {"_id": "unjudged", "text": "hall"},
]


def make(folder, qrels="q1\tdoc.1/x\t2\nq1\t3\t0\nq2\tÄ 2\t1\n", corpus=CORPUS):
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", QUERIES)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    head = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "test.tsv").write_text(head + qrels, encoding="utf-8")
    return folder


def test_a_collection_is_searched_and_measured_by_its_own_ids(tmp_path):
    data = read_beir(make(tmp_path / "beir"), tmp_path / "documents")
    assert data.qrels == {"q1": {"doc.1/x": 2}, "q2": {"Ä 2": 1}}
    with Index(tmp_path / "store", **data.loader_options) as index:
        index.sync(data.documents)
        assert len(index) == 3
        (run,) = run_systems(data, [System(name="words", routes=["words"])], index, folder=tmp_path)
    assert not run.error
    assert run.records["q1"].ranking[0] == "doc.1/x"
    assert summarise(data, [run], ["RR"]).systems[0].quality["RR"].mean == 1


def test_documents_are_written_again_only_if_the_corpus_changed(tmp_path):
    folder, documents = make(tmp_path / "beir"), tmp_path / "documents"
    read_beir(folder, documents)
    (times,) = [{p.name: p.stat().st_mtime_ns for p in documents.iterdir()}]
    read_beir(folder, documents)
    assert {p.name: p.stat().st_mtime_ns for p in documents.iterdir()} == times
    rows = [*CORPUS, {"_id": "4", "text": " "}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.warns(RerankWarning, match="1 documents without text"):
        read_beir(folder, documents)


def test_what_cannot_be_read_is_named(tmp_path):
    folder = make(tmp_path / "a")
    with pytest.raises(DocumentError, match=r"has no qrels/dev\.tsv; there is test"):
        read_beir(folder, tmp_path / "documents", split="dev")
    for number, (qrels, corpus, said) in enumerate(
        (
            ("q1\t3\n", CORPUS, "line 2 is not question, document and relevance"),
            ("other\t3\t1\n", CORPUS, "no question has a relevant document"),
            ("q1\t3\t1\n", [{"_id": "3"}], "line 1: text must be text"),
            ("q1\t3\t1\n", [CORPUS[2], CORPUS[2]], "'3' is there twice"),
            ("q1\t3\t1\n", [{"_id": "", "text": "x"}], "its id is empty"),
        )
    ):
        bad = make(tmp_path / str(number), qrels, corpus)
        with pytest.raises(DocumentError, match=said):
            read_beir(bad, tmp_path / "documents")
    (folder / "queries.jsonl").write_text("{\n")
    with pytest.raises(DocumentError, match="line 1 is not JSON"):
        read_beir(folder, tmp_path / "documents")

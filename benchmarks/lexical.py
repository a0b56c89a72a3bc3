"""What each part of the lexical reranking is worth, over the text of the benchmark's PDFs.

    python benchmarks/fetch_corpus.py PDF_FOLDER
    python benchmarks/lexical.py PDF_FOLDER

Text blocks of each page are packed to 1,000 characters; there are no figures and no OCR, so that
181 files take half a minute. Each question's 50 candidates, of the words or of the vectors, are
ordered by `OCRReranker` as an index uses it, then with one part left out at a time, and with a
stemmer in place of the plural rule where `snowballstemmer` is installed. Page MRR, and the mean
difference from all parts with its 95 % interval (bootstrap by question, 10,000 draws, seed 0).
`--minilm` adds `OCRMiniLMReranker`, at some 50 ms a text.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pymupdf

from mmrerank import Content, HashingEmbedder, OCRReranker
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.pages import pages_of
from mmrerank.index.sqlite_writer import writing
from mmrerank.ocr.bm25 import BM25, tokenize

CANDIDATES = 50
HERE = Path(__file__).parent / "questions"


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The page and text of each chunk."""
    for number, page in enumerate(pymupdf.open(path), start=1):
        chunk = ""
        for block in page.get_text("blocks"):
            text = block[4].strip().encode("utf-8", "replace").decode() if block[6] == 0 else ""
            if chunk and len(chunk) + len(text) > 1000:
                yield number, chunk
                chunk = ""
            chunk = f"{chunk}\n\n{text}".strip()
        if chunk:
            yield number, chunk


class Corpus:
    """The chunks in a ledger, their vectors, and the questions with their candidates."""

    def __init__(self, chunks: Sequence[tuple[str, int, str]], folder: Path) -> None:
        self.ledger = SQLiteLedger(folder / "ledger.sqlite3")
        by_file: dict[str, list[Entry]] = {}
        for i, (path, page, text) in enumerate(chunks):
            words = " ".join(tokenize(text))
            entry = Entry(id=str(i), vector_id=str(i), path=path, page=page, text=text, words=words)
            by_file.setdefault(path, []).append(entry)
        with writing(self.ledger) as writer:
            for path, entries in by_file.items():
                writer.swap(FileRecord(path, 0, 0, "", ""), entries)
        self.lexical = LexicalRoute(self.ledger)

    def by_words(self, question: str) -> list[Entry]:
        matches = self.lexical.search(question, CANDIDATES)
        entries = self.ledger.numbered([number for number, _ in matches])
        return [entries[number] for number, _ in matches]

    def by_vectors(self, vectors: np.ndarray, vector: Sequence[float]) -> list[Entry]:
        best = np.argsort(-vectors @ np.array(vector, np.float32))[:CANDIDATES] + 1
        entries = self.ledger.numbered([int(number) for number in best])
        return [entries[int(number)] for number in best]


def rank_of(order: Sequence[Entry], question: dict[str, Any]) -> float:
    """1 / rank of the first page of the evidence, each page counted once."""
    pages = dict.fromkeys((Path(entry.path).name, entry.page) for entry in order)
    for rank, (name, page) in enumerate(pages, start=1):
        if name == question["file"] and page in question["pages"]:
            return 1 / rank
    return 0.0


def reranked(
    corpus: Corpus, question: str, entries: list[Entry], reranker: OCRReranker, parts: set[str]
) -> list[Entry]:
    """The candidates by `OCRReranker` with some of its parts."""
    pages = pages_of(corpus.ledger, entries, question)
    if "page" not in parts:  # each document is its own page
        own = [entry.words.split() for entry in entries]
        pages = replace(pages, words=own, of_document=range(len(own)))
    if "named" not in parts:
        pages = replace(pages, bonus=[0.0] * len(entries))
    if "idf" in parts:
        reranker = reranker.with_statistics(corpus.lexical.statistics)
    if parts & {"page", "named"}:
        reranker = reranker.with_pages(pages)
    with ExitStack() as stack:
        if "pairs" not in parts:
            stack.enter_context(patch.object(BM25, "pair_weight", 0.0))
        if "larger" not in parts:
            stack.enter_context(patch.object(BM25, "collection", 1))
        if "format" not in parts:
            stack.enter_context(patch("mmrerank.ocr.reranker.without_answer_format", str))
        results = reranker.rerank(question, [Content(entry.text) for entry in entries])
    return [entries[result.index] for result in results]


ALL = {"idf", "larger", "pairs", "page", "named", "format"}
VARIANTS = {
    "all parts": ALL,
    "none": set[str](),
    "without the index's idf": ALL - {"idf", "larger"},
    "without pairs": ALL - {"pairs"},
    "without the page's score": ALL - {"page"},
    "without named pages": ALL - {"named"},
    "without leaving the format out": ALL - {"format"},
    "idf, pairs, format (adapters with `statistics`)": ALL - {"page", "named"},
    "pairs, format, a larger collection assumed (adapters without)": {"larger", "pairs", "format"},
    "pairs, format": {"pairs", "format"},
}


def interval(differences: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (10_000, len(differences))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def stemmer() -> Callable[[str], str] | None:
    try:
        import snowballstemmer
    except ImportError:
        return None
    own = snowballstemmer.stemmer("english")
    return lambda word: own.stemWord(word) if word.isascii() and word.isalpha() else word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minilm", action="store_true")
    options = parser.parse_args()
    names = {file["file"] for file in json.loads((HERE / "corpus.json").read_text())["files"]}
    paths = sorted(path for path in options.folder.iterdir() if path.name in names)
    chunks = [(str(path), page, text) for path in paths for page, text in texts(path)]
    questions = [json.loads(line) for line in (HERE / "development.jsonl").open()]
    embedder = HashingEmbedder()
    batches = [chunks[i : i + 500] for i in range(0, len(chunks), 500)]
    vectors = np.vstack(
        [np.array(embedder.embed_documents([c[2] for c in b]), np.float32) for b in batches]
    )
    ours = OCRReranker(ocr=False, cache_dir=None)
    print(f"{len(chunks):,} chunks of {len(paths)} files, {len(questions)} questions\n")
    print("| page MRR | words | vs all parts | vectors | vs all parts |\n|---|---|---|---|---|")

    def show(name: str, corpus: Corpus, order: Callable[[str, list[Entry]], list[Entry]]) -> None:
        cells = []
        for route in ("words", "vectors"):
            scores = []
            for q in questions:
                text = q["question"]
                found = corpus.by_words(text) if route == "words" else corpus.by_vectors(vectors, embedder.embed_query(text))  # fmt: skip
                scores.append(rank_of(order(text, found), q))
            full.setdefault(route, np.array(scores))
            cells += [f"{np.mean(scores):.3f}", interval(np.array(scores) - full[route])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)

    full: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        corpus = Corpus(chunks, Path(folder))
        for name, parts in VARIANTS.items():
            show(name, corpus, lambda text, found, parts=parts: reranked(corpus, text, found, ours, parts))  # fmt: skip
        show("the route alone", corpus, lambda _, found: found)
        if options.minilm:
            from mmrerank import OCRMiniLMReranker

            mixed = OCRMiniLMReranker(ocr=False, cache_dir=None)
            show("all parts and MiniLM", corpus, lambda text, found: reranked(corpus, text, found, mixed, ALL))  # fmt: skip
        if stem := stemmer():
            with patch("mmrerank.ocr.bm25._singular", stem):
                stemmed = Corpus(chunks, Path(other))
                show("all parts, Snowball's stems", stemmed, lambda text, found: reranked(stemmed, text, found, ours, ALL))  # fmt: skip


if __name__ == "__main__":
    main()

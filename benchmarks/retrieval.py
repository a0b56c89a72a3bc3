"""How well an index of some 12,000 chunks and figures of public PDFs is searched.

    python benchmarks/fetch_corpus.py PDF_FOLDER
    python benchmarks/retrieval.py PDF_FOLDER --store STORE --json NEW.json
    python benchmarks/retrieval.py --compare OLD.json NEW.json

Indexes the folder (a second run finds it unchanged), asks the questions of `benchmarks/questions`,
and prints a row for each way to search: each route alone, both fused, and both reranked by
`OCRReranker`. All take 50 candidates. A result counts if its page, or the page of its best image,
is a page of the evidence in the right file. Recall at 10 and 50 counts results; the MRR counts
pages, each once, at its first result. "Own entry": of the questions about figures and charts, those
for which the entry of a figure on that page was found, not only text beside it. Times are medians
of whole searches, after one that warms up.

`--compare` takes the same questions from two such files and bootstraps the difference of each
measure by question (10,000 draws, seed 0, 95 % interval).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrerank import OCRReranker, Reranker
from mmrerank.evaluation.data import EvaluationData, Question
from mmrerank.evaluation.judging import is_file, ranking_of, shows
from mmrerank.evaluation.questions import read_questions
from mmrerank.evaluation.significance import bootstrap_interval
from mmrerank.index import Hit, Index

QUESTIONS = Path(__file__).parent / "questions"
CANDIDATES = 50
DATA = EvaluationData(name="benchmark", questions=[])  # how evidence is named
MODES: dict[str, tuple[Sequence[str], bool]] = {
    "words": (["words"], False),
    "vectors": (["vectors"], False),
    "both": (["words", "vectors"], False),
    "both, OCRReranker": (["words", "vectors"], True),
}
"""The routes of each mode, and whether it reranks."""

FIGURES = ("figure", "chart")
"""The kinds of questions for which the figure's own entry is looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Ranks from 1 of the evidence for one question in one mode; None where it was not found."""

    id: str
    kind: str
    result: int | None
    page: int | None
    figure: int | None
    seconds: float


def asked(which: str) -> list[Question]:
    """The questions of a half, or of both."""
    halves = ["development", "kept"] if which == "both" else [which]
    return [one for half in halves for one in read_questions(QUESTIONS / f"{half}.jsonl")]


def has_figure_of(hit: Hit, question: Question) -> bool:
    """Whether the entry of a figure on a page of the evidence led to the result, without reranking.

    A figure that was found together with a chunk citing it is that chunk's best image.
    """
    return any(
        image.path == hit.best_image and image.page == one.page and is_file(hit.source, one.file)
        for image in hit.images
        for one in question.evidence
    )


def first(found: Iterable[bool]) -> int | None:
    """The rank from 1 of the first that is true."""
    return next((rank for rank, is_it in enumerate(found, start=1) if is_it), None)


def ask(
    index: Index, question: Question, routes: Sequence[str], reranker: Reranker | None
) -> Answer:
    """Ask one question, and rank its evidence among the results."""
    before = time.perf_counter()
    hits = index.search(
        question.question, reranker, top_n=CANDIDATES, fetch_k=CANDIDATES, routes=routes
    )
    seconds = time.perf_counter() - before
    evidence = {one.id for one in question.evidence}
    own_entry = reranker is None and question.type in FIGURES
    return Answer(
        question.id,
        question.type,
        first(any(shows(hit, one) for one in question.evidence) for hit in hits),
        first(place in evidence for place in ranking_of(hits, question, DATA)),
        first(has_figure_of(hit, question) for hit in hits) if own_entry else None,
        seconds,
    )


def run(folder: Path, store: Path, which: str) -> dict[str, Any]:
    """Index the folder, ask the questions, and keep the ranks by mode and question."""
    questions = asked(which)
    with Index(store) as index, OCRReranker() as reranker:
        report = index.sync([folder])
        names = {Path(record.path).name for record in index.files()}
        if missing := {one.file for question in questions for one in question.evidence} - names:
            sys.exit(f"not in the index: {', '.join(sorted(missing))}")
        modes: dict[str, list[dict[str, Any]]] = {}
        for name, (routes, reranked) in MODES.items():
            ranker = reranker if reranked else None
            ask(index, questions[0], routes, ranker)
            modes[name] = [asdict(ask(index, q, routes, ranker)) for q in questions]
        return {
            "entries": len(index),
            "files": len(names),
            "new files": len(names) - len(report.unchanged),
            "questions": which,
            "modes": modes,
        }


def within(rank: int | None, k: int) -> float:
    return float(rank is not None and rank <= k)


def measures(answers: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Each measure by question, in the order of the answers."""
    about_figures = [a for a in answers if a["kind"] in FIGURES]
    return {
        "recall at 10": np.array([within(a["result"], 10) for a in answers]),
        "recall at 50": np.array([within(a["result"], CANDIDATES) for a in answers]),
        "own entry at 10": np.array([within(a["figure"], 10) for a in about_figures]),
        "own entry at 50": np.array([within(a["figure"], CANDIDATES) for a in about_figures]),
        "page MRR": np.array([1 / a["page"] if a["page"] else 0.0 for a in answers]),
    }


def row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(result: dict[str, Any]) -> str:
    """The means of the measures, a row a mode, in Markdown."""
    modes = result["modes"]
    columns = list(measures(modes["both"]))
    asked = f"{len(modes['both'])} questions ({result['questions']})"
    lines = [
        f"{result['entries']:,} entries of {result['files']} files; {asked}.",
        "",
        row(["", *columns, "ms a query"]),
        row(["---"] * (len(columns) + 2)),
    ]
    for name, answers in modes.items():
        own = [m.mean() for m in measures(answers).values()]
        reranked = MODES[name][1]
        cells = [
            "" if reranked and column.startswith("own entry") else f"{mean:.3f}"
            for column, mean in zip(columns, own, strict=True)
        ]
        milliseconds = 1e3 * statistics.median(a["seconds"] for a in answers)
        lines.append(row([name, *cells, f"{milliseconds:.0f}"]))
    return "\n".join([*lines, "", *by_kind(modes)])


def by_kind(modes: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A table of the page MRR by the kind of question."""
    kinds = sorted({a["kind"] for a in modes["both"]})
    counts = [sum(a["kind"] == kind for a in modes["both"]) for kind in kinds]
    lines = [
        row(["page MRR", *(f"{kind} ({n})" for kind, n in zip(kinds, counts, strict=True))]),
        row(["---"] * (len(kinds) + 1)),
    ]
    for name, answers in modes.items():
        means = [measures([a for a in answers if a["kind"] == k])["page MRR"].mean() for k in kinds]
        lines.append(row([name, *(f"{mean:.3f}" for mean in means)]))
    return lines


def comparison(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The differences of the measures, a line each, with their intervals, in Markdown."""
    lines = [row(["mode", "measure", "old", "new", "difference", "95 % interval"]), row(["---"] * 6)]  # fmt: skip
    for name in MODES:
        answers = [sorted(run["modes"][name], key=lambda a: a["id"]) for run in (old, new)]
        if [a["id"] for a in answers[0]] != [a["id"] for a in answers[1]]:
            sys.exit("the two files do not hold the same questions")
        before, after = (measures(one) for one in answers)
        for measure in before:
            if MODES[name][1] and measure.startswith("own entry"):
                continue
            own = bootstrap_interval(list(after[measure] - before[measure]))
            means = before[measure].mean(), after[measure].mean()
            lines.append(
                row(
                    [
                        name,
                        measure,
                        *(f"{mean:.3f}" for mean in means),
                        f"{means[1] - means[0]:+.3f}",
                        f"{own.low:+.3f} to {own.high:+.3f}",
                    ]
                )
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path, nargs="?", help="the PDFs of questions/corpus.json")
    parser.add_argument("--store", type=Path, help="the index's folder, kept for the next run")
    parser.add_argument("--questions", choices=["development", "kept", "both"], default="development")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the ranks by question")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    if options.compare:
        print(comparison(*(json.loads(path.read_text()) for path in options.compare)))
        return
    if not (options.folder and options.store):
        parser.error("name the folder of PDFs and --store, or --compare two results")
    result = run(options.folder, options.store, options.questions)
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

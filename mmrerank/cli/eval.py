"""`mmrerank eval`: compare searches and rerankers by questions whose evidence is known."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.cli.eval_systems import check_word, pair, systems
from mmrerank.cli.messages import counted, say
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_no_ocr,
    folder,
    positive,
    route_names,
)
from mmrerank.errors import InvalidInputError
from mmrerank.filesystem import write_atomically

if TYPE_CHECKING:
    from mmrerank.evaluation.data import EvaluationData
    from mmrerank.evaluation.running import SystemRun
    from mmrerank.evaluation.summary import Summary
    from mmrerank.evaluation.systems import System
    from mmrerank.index.index import Index

__all__ = ["add_command", "run"]

_INIT = "init"
_COMPARED = ["none", "ocr"]
_USAGE = """mmrerank eval DATA [options]
       mmrerank eval init STORE --output FILE [--limit N]"""


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser(
        "eval",
        usage=_USAGE,
        help="compare searches and rerankers by questions whose evidence is known",
        description="Asks each system the questions of DATA and says how well it finds the "
        "evidence, how sure that is, and what it takes. What was answered is kept: a second run "
        "goes on where the first ended. 'init' drafts questions from the index STORE.",
    )
    command.add_argument(
        "data",
        metavar="DATA",
        help="questions as JSON lines, or a folder with questions.jsonl, a BEIR folder, Parquet "
        "files as ViDoRe has them, annotations of MMDocIR, qrels for runs, or: demo",
    )
    command.add_argument("source", nargs="?", metavar="STORE", help=argparse.SUPPRESS)
    command.add_argument(
        "--compare",
        nargs="+",
        type=check_word,
        default=_COMPARED,
        metavar="SYSTEM",
        help="rerankers as --reranker names them, with a model as NAME=MODEL; none; routes alone, "
        "as words or words+vectors; text: vectors of text alone; run=FILE: a TREC run. The others "
        f"are compared with the first (default: {' '.join(_COMPARED)})",
    )
    _add_documents(command)
    _add_output(command)
    command.set_defaults(run=run, wrong_usage=command.error)


def _add_documents(command: argparse.ArgumentParser) -> None:
    """What is searched, and how."""
    command.add_argument(
        "--documents", type=Path, metavar="DIR", help="the documents (default: where DATA is)"
    )
    command.add_argument(
        "--store",
        type=folder,
        metavar="DIR",
        help="the index's folder; one that is there is searched as it is, unless --documents are "
        "given (default: an index in the user's cache)",
    )
    command.add_argument("--split", metavar="NAME", help="the qrels of a BEIR folder (default: test)")  # fmt: skip
    add_embedder(command)
    add_image_embedder(command)
    add_no_ocr(command)
    command.add_argument(
        "--routes", type=route_names, metavar="NAMES", help="how candidates for rerankers are found"
    )
    command.add_argument(
        "--fetch-k", type=positive, default=50, metavar="K", help="candidates (default: 50)"
    )
    command.add_argument(
        "--base-url", type=pair, action="append", default=[], metavar="SYSTEM=URL", help="the address of a service"
    )  # fmt: skip
    command.add_argument(
        "--price",
        type=_price,
        action="append",
        default=[],
        metavar="SYSTEM=PRICE",
        help="what a million tokens cost, for the column cost",
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    """How much is asked, and where results go."""
    command.add_argument(
        "--limit", type=positive, metavar="N", help="only the first N questions; drafts with init"
    )
    command.add_argument(
        "--measures",
        nargs="+",
        metavar="NAME",
        help="as ir-measures names them; types and wins go by the first "
        "(default: nDCG@10 R@10 RR AP; also Success@1, P@5 and others)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write all numbers as JSON")
    command.add_argument(
        "--html", type=Path, metavar="FILE", help="write wins and losses, question by question"
    )
    command.add_argument(
        "--runs", type=Path, metavar="DIR", help="write TREC runs and qrels into this folder"
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="with init: the drafts")


def _price(value: str) -> tuple[str, str]:
    """A name and a price. Raises `ArgumentTypeError` for anything else."""
    name, own = pair(value)
    try:
        is_price = float(own) >= 0
    except ValueError:
        is_price = False
    if not is_price:
        raise argparse.ArgumentTypeError(f"{own!r} is not a price")
    return name, own


def run(options: argparse.Namespace) -> int:
    """Print the tables on standard output; the exit code is 1 if a system failed.

    Raises `RerankError` if the data cannot be read or its documents not indexed.
    """
    if options.data == _INIT and options.source is not None:
        return _init(options)
    if options.source is not None or options.output is not None:
        options.wrong_usage("STORE and --output belong to: mmrerank eval init STORE --output FILE")
    for file in (options.json, options.html, options.runs):
        _check_folder(file)  # now, not after hours of work
    return _evaluate(options)


def _check_folder(file: Path | None) -> None:
    """Raise `InvalidInputError` if there is no folder for a file to be written."""
    if file is not None and not file.absolute().parent.is_dir():
        raise InvalidInputError(f"there is no folder {str(file.parent)!r} for {file.name}")


def _init(options: argparse.Namespace) -> int:
    from mmrerank.evaluation.drafting import write_drafts
    from mmrerank.index.index import Index

    if options.output is None:
        options.wrong_usage("init needs --output FILE")
    _check_folder(options.output)
    with Index(options.source, create=False) as index:
        number = write_drafts(index, options.output, options.limit or 30)
    say(
        f"{options.output}: {counted(number, 'draft')}. Write the questions, check the evidence, and "
        "take out the field draft of each; lines that you do not need can go."
    )
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from rich.console import Console

    from mmrerank.evaluation.metrics import DEFAULT_MEASURES, check_measures
    from mmrerank.evaluation.sources import first_questions, open_data
    from mmrerank.evaluation.summary import summarise
    from mmrerank.evaluation.tables import print_summary

    measures = check_measures(options.measures or DEFAULT_MEASURES)
    work = _work_folder(options)
    data = open_data(
        options.data,
        work,
        documents=options.documents,
        split=options.split,
        show_progress=True,
    )
    limited = first_questions(data, options.limit)
    runs = _runs(options, limited, work)
    summary = summarise(limited, runs, measures)
    print_summary(Console(highlight=False), summary)
    _write(options, limited, runs, summary)
    return 1 if any(own.error for own in runs) else 0


def _work_folder(options: argparse.Namespace) -> Path:
    """A folder in the user's cache for this data and this way to index it."""
    from mmrerank.ocr.words import default_cache_dir

    place = options.data if options.data == "demo" else str(Path(options.data).resolve())
    facts = [place, str(options.documents), options.store, options.split]
    facts += [options.embedder, options.image_embedder]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    return default_cache_dir() / "eval" / key


def _runs(options: argparse.Namespace, data: EvaluationData, work: Path) -> list[SystemRun]:
    """Ask the systems; the documents are indexed first, unless an index is used as it is."""
    from mmrerank.evaluation.sources import check_evidence
    from mmrerank.index.index import Index

    if all(word.startswith("run=") for word in options.compare):
        return _run_all(options, data, None, work)
    if not data.documents and options.store is None:
        raise InvalidInputError("qrels have no documents to search: compare runs, as run=FILE")
    as_it_is = _is_used_as_it_is(options)
    with Index(
        options.store or str(work / "index"),
        create=not as_it_is,
        embedder=options.embedder,
        image_embedder=options.image_embedder,
        ocr=False if options.no_ocr else None,
        **data.loader_options,
    ) as index:
        if not as_it_is:
            report = index.sync(data.documents, show_progress=True)
            for path, error in report.failed:
                say(f"not indexed: {path}: {error}", "yellow")
        check_evidence(data, [record.path for record in index.files()])
        return _run_all(options, data, index, work)


def _is_used_as_it_is(options: argparse.Namespace) -> bool:
    """Whether `--store` is an index that nobody asked to change."""
    from mmrerank.index.lance.storage import is_url

    is_there = options.store is not None and (is_url(options.store) or Path(options.store).exists())
    return is_there and options.documents is None


def _run_all(
    options: argparse.Namespace, data: EvaluationData, index: Index | None, work: Path
) -> list[SystemRun]:
    from mmrerank.evaluation.running import run_systems

    states = str(work / "states")
    facts = {"embedder": options.embedder, "image_embedder": options.image_embedder}
    return run_systems(
        data,
        systems(options, states=states, index_facts=facts),
        index,
        folder=work / "answers",
        fetch_k=options.fetch_k,
        show_progress=True,
        on_error=_say_failed,
    )


def _say_failed(failed: System, message: str) -> None:
    say(f"{failed.name} failed: {message}", "red")


def _write(
    options: argparse.Namespace,
    data: EvaluationData,
    runs: list[SystemRun],
    summary: Summary,
) -> None:
    """Write the files that were asked for."""
    if options.json:
        write_atomically(options.json, (json.dumps(summary.as_json(), indent=1) + "\n").encode())
    if options.html:
        from mmrerank.evaluation.changes_page import changes_page

        write_atomically(options.html, changes_page(data, runs, summary).encode())
        say(f"wins and losses: {options.html}")
    if options.runs:
        from mmrerank.evaluation.trec import write_qrels, write_run

        options.runs.mkdir(parents=True, exist_ok=True)
        write_qrels(options.runs / "qrels.txt", data.qrels)
        for own in runs:
            rankings = {name: record.ranking for name, record in own.records.items()}
            name = own.system.name.replace("/", "_")
            write_run(options.runs / f"{name}.run", rankings, own.system.name)

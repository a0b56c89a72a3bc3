"""Wins and losses as one HTML page: each question that a system answers better or worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmrerank.display.card_html import card_element, isolated
from mmrerank.display.cards import cards_of_hits
from mmrerank.display.markup import Element, Node, element
from mmrerank.display.page import MAX_BYTES, document
from mmrerank.display.pictures import Budget, Sides, card_pictures
from mmrerank.evaluation.data import EvaluationData, Evidence, Question
from mmrerank.evaluation.records import Record
from mmrerank.evaluation.running import SystemRun
from mmrerank.evaluation.summary import Summary, SystemSummary
from mmrerank.evaluation.tables import quality_cell

__all__ = ["changes_page"]

_MOST_CHANGES = 100  # of each kind, the largest ones
_CARDS = 3  # of each system, for each question
_SIDES = Sides(360, 160)


def changes_page(data: EvaluationData, runs: Sequence[SystemRun], summary: Summary) -> str:
    """A page that loads nothing: the measures, then wins and losses against the first system.

    A question is won or lost by the first measure. The first results of both systems are shown as
    cards, whose images share a limit of bytes.
    """
    budget = Budget(MAX_BYTES)
    whole = [one for one in summary.systems if not one.error]
    by_name = {run.system.name: run for run in runs}
    sections: list[Node] = []
    for one in whole[1:]:
        pair = _Pair(data, by_name[whole[0].name], by_name[one.name], summary.measures[0], budget)
        sections += pair.sections(whole[0], one)
    title = f"Evaluation of {summary.data}"
    return document(title, element("h1", title, dir="auto"), _measures(summary), *sections)


def _measures(summary: Summary) -> Element:
    """A row for each system and measure, which is narrow enough for a phone."""
    rows = [
        element(
            "tr",
            element("th", isolated(one.name), scope="row", style="cell"),
            element("td", name, style="cell"),
            element("td", value, style="cell"),
        )
        for one in summary.systems
        for name, value in _values(one, summary.measures)
    ]
    head = [
        element("th", name, scope="col", style="cell") for name in ("system", "measure", "value")
    ]
    return element(
        "table",
        element(
            "caption",
            f"{summary.questions} questions; in brackets: 95 % intervals",
            style="caption",
        ),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        style="ranks",
    )


def _values(one: SystemSummary, measures: Sequence[str]) -> list[tuple[str, str]]:
    if one.error:
        return [("failed", one.error)]
    return [(name, quality_cell(one.quality[name])) for name in measures]


class _Pair:
    """Two systems whose answers are shown side by side."""

    def __init__(
        self,
        data: EvaluationData,
        first: SystemRun,
        second: SystemRun,
        measure: str,
        budget: Budget,
    ) -> None:
        self._data = data
        self._questions = {question.id: question for question in data.questions}
        self._first, self._second = first, second
        self._measure, self._budget = measure, budget

    def sections(self, first: SystemSummary, second: SystemSummary) -> list[Node]:
        """The wins and the losses of the second system, largest differences first."""
        before, after = first.values[self._measure], second.values[self._measure]
        changes = {name: after[name] - before[name] for name in before}
        wins = sorted((n for n, d in changes.items() if d > 0), key=lambda n: -changes[n])
        losses = sorted((n for n, d in changes.items() if d < 0), key=lambda n: changes[n])
        return [
            node
            for verb, names in (("better", wins), ("worse", losses))
            for node in self._section(verb, names, before, after)
        ]

    def _section(
        self,
        verb: str,
        names: Sequence[str],
        before: Mapping[str, float],
        after: Mapping[str, float],
    ) -> list[Node]:
        count = "1 question" if len(names) == 1 else f"{len(names)} questions"
        title = f"{self._second.system.name} does {verb} than {self._first.system.name} on {count}"
        shown = [self._change(name, before[name], after[name]) for name in names[:_MOST_CHANGES]]
        rest = len(names) - len(shown)
        return [
            element("h2", title, dir="auto"),
            *shown,
            element("p", f"{rest} more with smaller differences.", style="note") if rest else None,
        ]

    def _change(self, name: str, before: float, after: float) -> Element:
        question = self._questions[name]
        where = "; ".join(_evidence_name(one) for one in question.evidence)
        facts = f"{self._measure} {before:.2f}, then {after:.2f}. Evidence: {where}"
        return element(
            "section",
            element("h3", question.question or "A question by image", dir="auto"),
            element("p", isolated(facts), style="note"),
            *(self._results(run, question) for run in (self._first, self._second)),
        )

    def _results(self, run: SystemRun, question: Question) -> Element | None:
        """The first results of a system, to be opened."""
        record = run.records.get(question.id)
        cards = cards_of_hits(record.results()[:_CARDS]) if record is not None else []
        pictures = card_pictures(cards, self._budget, sides=_SIDES, pages=False)
        summary = f"{run.system.name}: {self._place(record, question)}"
        return element(
            "details",
            element("summary", isolated(summary), style="summary"),
            *(
                card_element(card, question.question, own, level=4)
                for card, own in zip(cards, pictures, strict=True)
            ),
            style="details",
        )

    def _place(self, record: Record | None, question: Question) -> str:
        """Where the first piece of evidence stands in a ranking."""
        wanted = {self._data.unit(one) for one in question.evidence}
        ranking = [] if record is None else record.ranking
        rank = next((n for n, unit in enumerate(ranking, start=1) if unit in wanted), None)
        return f"evidence at rank {rank}" if rank else "evidence not found"


def _evidence_name(one: Evidence) -> str:
    page = f"page {one.page}" if one.page else ""
    return ", ".join(part for part in (one.file, page, one.figure, one.text) if part)

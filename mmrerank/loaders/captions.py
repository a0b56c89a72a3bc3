"""Numbered captions and the words that refer to them, as text: no file is opened here.

A label is "figure " or "table " and a number, the same in all languages: "Abb. 3.1", "图 3.1" and
"FIGURE 3.1" all give "figure 3.1", so that one lookup is enough. Figures that a document counts
apart keep their word: "Box 2", "Listing 4".
Numbers look like "3", "3.1", "1-2", "A.1" or "S3"; a caption of one panel keeps its letter ("2a").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Caption",
    "find_caption",
    "find_mentions",
    "find_references",
    "is_contents",
    "open_reference",
    "panel_base",
    "without_contents",
]

_FIGURE_WORD = r"figures?|figuras?|figuur|figs?\.?|abbildung(?:en)?|abb\.?|рис(?:унки|унок|\.)"
_TABLE_WORD = r"tables?|tab\.|tabell?en?|tabelle|tablas?|tabelas?|tabella|tableau|таблица"
_OTHER_FIGURES = {"box": "box(?:es)?", "chart": "charts?", "listing": "listings?"}
_NOT_IN_WORD = r"(?<![^\W_])"
_HYPHEN = (
    r"\u2010\u2011\u2012\u2013\u2212"  # signs that are typed for "-", within a number or a range
)
_NUMBER = rf"(?:[A-Z]{{1,2}}[.\-]?)?\d{{1,4}}(?:[.\-{_HYPHEN}]\d{{1,3}}(?!\d)){{0,3}}"
# "(a)", "(a, b)", "(a) and (b)" and "a", "b-d" or "a, b and c" right behind the number name panels of
# the same figure.
_JOIN = rf"\s?[-{_HYPHEN}~\u223c\uff5e,&/]\s?|,?\s(?:and|und|et|or|oder|to)\s"
_ALONE = r"(?![^\W\d_])"
_PANEL = (
    rf"(?:\s?\([a-zA-Z](?:(?:{_JOIN})[a-zA-Z])*\)(?:(?:{_JOIN})\([a-zA-Z]\))*"
    # "Figure 3b and a second one": "a" and "I" are words there
    rf"|[a-zA-Z]{_ALONE}(?:(?:{_JOIN})[b-hj-zB-HJ-Z]{_ALONE})*)?"
)
_LETTER = re.compile(r"(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])")
_PANEL_RANGE = re.compile(rf"[-{_HYPHEN}~\u223c\uff5e]|\bto\b")
_END = r"(?![a-zA-ZÀ-ɏЀ-ӿ])"  # Chinese and Japanese go on without a space

_CAPTION = re.compile(
    rf"\s*(?:(?P<figure>(?i:{_FIGURE_WORD})\s*|[图圖図]\s*)|(?P<table>(?i:{_TABLE_WORD})\s*|表\s*)"
    rf"|(?P<other>(?=[A-Z])(?i:{'|'.join(_OTHER_FIGURES)}))\s)"
    rf"(?P<number>{_NUMBER})(?P<panel>[a-z]?)(?![^\W_])"
    r"(?P<rest>\s*[.:\uff1a|\u2223\u2014\u2013](?=\s|$|[^\W\d_a-zA-Z])\s*|\s*$|\s+(?=[^\Wa-zß-öø-ÿа-я]|[(\"“„«]))"
)
_FIRST = {
    kind: re.compile(
        rf"(?:{_NOT_IN_WORD}(?P<word>(?i:{word}))\s*|{sign}\s*)"
        rf"(?P<number>{_NUMBER})(?P<panel>{_PANEL}){_END}"
    )
    for kind, word, sign in (("figure", _FIGURE_WORD, "[图圖図]"), ("table", _TABLE_WORD, "表"))
} | {
    kind: re.compile(
        rf"{_NOT_IN_WORD}(?P<word>(?i:{word}))\s*(?P<number>{_NUMBER})(?P<panel>{_PANEL}){_END}"
    )
    for kind, word in _OTHER_FIGURES.items()
}
_PLURALS = {"figures", "figs", "figuras", "abbildungen", "tables", "tabellen", "tablas", ""}
_PLURALS |= {"boxes", "charts", "listings"}
_NEXT = re.compile(
    r"\s*(?P<join>,\s*(?:and|und|et|y|e)\b|,|、|and\b|und\b|et\b|y\b|e\b|or\b|oder\b|&|和|及|与|と|"
    rf"to\b|through\b|thru\b|bis\b|a\b|à\b|[-{_HYPHEN}\u2014\u2015~\u223c\u301c\uff5e至])\s*"
    rf"(?P<number>{_NUMBER})(?P<panel>{_PANEL}){_END}"
)
_RANGE_JOINS = {
    "to",
    "through",
    "thru",
    "bis",
    "a",
    "à",
    "至",
    *"-\u2010\u2011\u2012\u2013\u2212",
} | {*"\u2014\u2015~\u223c\u301c\uff5e"}
_OPEN_WORD = re.compile(rf"{_NOT_IN_WORD}(?i:{_FIGURE_WORD}|{_TABLE_WORD})\s*$|[图圖図表]\s*$")
_OPEN_END = re.compile(
    r"\s*(?:,|、|(?:,\s*)?\b(?:and|und|et|y|e|or|oder|to|bis)|&|[-\u2013~])?\s*$"
)
_OPEN_CHARACTERS = 80  # at the end of a text: the longest list of figures that is followed
_MAX_RANGE = 50  # "Figures 1-2000" is a catalogue number, not two thousand references
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*[\divxlc]+\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caption:
    """The start of a numbered caption.

    `title` is the offset in the text at which the number ends and the title begins. `sure` is
    False where no mark follows the number ("Fig. 3 Overview"), which prose may look like too.
    """

    kind: Literal["figure", "table"]
    label: str
    title: int
    sure: bool


def find_caption(text: str) -> Caption | None:
    """The caption that `text` (one block of text) begins with; None if it is prose.

    "Figure 7 shows ..." is prose: a small letter follows the number. So is an entry of a list
    of figures, which ends in dots and a page number. "Box 2" and the like need a mark after the
    number: they name other things too.
    """
    match = _CAPTION.match(text)
    if match is None or _LEADERS.search(text.split("\n", 1)[0]):
        return None
    kind: Literal["figure", "table"] = "table" if match["table"] else "figure"
    sure = match["rest"] == "" or bool(match["rest"].strip())
    if match["other"] and not sure:
        return None
    word = match["other"].lower() if match["other"] else kind
    label = f"{word} {_with_hyphens(match['number'])}{match['panel']}"
    return Caption(kind, label, match.end(), sure)


def find_references(text: str, known: Collection[str]) -> list[str]:
    """The labels among `known` that `text` refers to, in text order and each once.

    Reads "Fig. 3", "Figs. 3 and 4", "Figures 3-5", "Figure 2(a)", "Abb. 3.1", "图 3", "Table 2".
    Whether "3-5" is one label or a range is decided by what the document has; a panel ("2a") that
    has no caption of its own stands for its figure ("2"), and a figure for its captioned panels.
    """
    return list(dict.fromkeys(label for _, label in find_mentions(text, known)))


def find_mentions(text: str, known: Collection[str]) -> list[tuple[int, str]]:
    """As `find_references`, but every mention, with the offset at which its words end."""
    mentions: list[tuple[int, str]] = []
    for kind in _FIRST:
        numbers = {label.partition(" ")[2] for label in known if label.startswith(f"{kind} ")}
        panels = _panels(numbers)
        for end, number, panel in _mentions(text, numbers, kind) if numbers else ():
            if number + panel in numbers:
                labelled = [number + panel]
            else:
                labelled = [number] if number in numbers else panels.get(number, [])
            mentions += [(end, f"{kind} {label}") for label in labelled]
    return sorted(mentions, key=lambda mention: mention[0])


def open_reference(text: str) -> str:
    """The reference at the end of a text that the next page or column may go on with; or "".

    "Figs. 3", "Figs. 3 and" and "Fig." may be followed by "and 4", "4" and "3".
    """
    end = text.rstrip()[-_OPEN_CHARACTERS:]
    for first in (match for pattern in _FIRST.values() for match in pattern.finditer(end)):
        at = first.end()
        while following := _NEXT.match(end, at):
            at = following.end()
        if _OPEN_END.match(end, at):
            return end[first.start() :]
    word = _OPEN_WORD.search(end)
    return word[0] if word else ""


def _panels(numbers: Collection[str]) -> dict[str, list[str]]:
    """The captioned panels of each figure, in their order."""
    panels: dict[str, list[str]] = {}
    for number in sorted(numbers):
        panels.setdefault(panel_base(number), []).append(number)
    return panels


def panel_base(number: str) -> str:
    """The number of the figure that a panel belongs to: "2" for "2a", and "2" for "2"."""
    return number[:-1] if number[-1:].islower() else number


def without_contents(text: str) -> str:
    """The text without the lines of a table of contents (dots, then a page number).

    A list of figures mentions every figure and says nothing about any.
    """
    return "\n".join(line for line in text.split("\n") if not is_contents(line))


def is_contents(line: str) -> bool:
    """True for a line of a table of contents."""
    return _LEADERS.search(line) is not None


def _mentions(text: str, known: Collection[str], kind: str) -> Iterator[tuple[int, str, str]]:
    """Every (end, number, panel letter or "") that `text` mentions, ranges written out."""
    for first in _FIRST[kind].finditer(text):
        plural = (first["word"] or "").lower().rstrip(".") in _PLURALS
        number, at = _with_hyphens(first["number"]), first.end()
        yield from ((at, *one) for one in _numbers(number, first["panel"], known))
        while following := _NEXT.match(text, at):
            join = following["join"].strip()
            # "In Figure 3, 20 users ..." is not a list; "Figures 3, 4" and "Figure 3, and 4" are.
            if join == "," and not plural:
                break
            last, number, at = number, _with_hyphens(following["number"]), following.end()
            if join in _RANGE_JOINS:
                yield from ((at, between, "") for between in _between(last, number)[1:-1])
            yield from ((at, *one) for one in _numbers(number, following["panel"], known))


def _numbers(number: str, panel: str, known: Collection[str]) -> list[tuple[str, str]]:
    """A number as written, with its panel; or, if its hyphen joins known numbers, their range."""
    letters = _panel_letters(panel)
    if own := [(number, letter) for letter in letters if number + letter in known]:
        return own
    if number in known:
        return [(number, letters[0] if letters else "")]
    for hyphen in re.finditer("-", number):
        left, right = number[: hyphen.start()], number[hyphen.end() :]
        if left in known or right in known:
            return [(between, "") for between in _between(left, right)]
    return [(number, letters[0] if letters else "")]


def _panel_letters(panel: str) -> list[str]:
    """The small letters of the panels that "(a)", "a-c" or "a, b and d" name, ranges written out."""
    letters: list[str] = []
    end = 0
    for match in _LETTER.finditer(panel):
        letter = match[0].lower()
        if letters and _PANEL_RANGE.search(panel[end : match.start()]):
            letters += map(chr, range(ord(letters[-1]) + 1, ord(letter)))
        letters.append(letter)
        end = match.end()
    return letters


def _between(first: str, last: str) -> list[str]:
    """All numbers from `first` to `last` ("1.2" to "1.4"); just the two if that is not a range."""
    start, end = re.search(r"\d+$", first), re.search(r"\d+$", last)
    if start is None or end is None or first[: start.start()] != last[: end.start()]:
        return [first, last]
    low, high = int(start[0]), int(end[0])
    if not 0 <= high - low <= _MAX_RANGE:
        return [first, last]
    return [f"{first[: start.start()]}{value}" for value in range(low, high + 1)]


def _with_hyphens(number: str) -> str:
    return re.sub(f"[{_HYPHEN}]", "-", number)

"""What made a score, as HTML: words with their weights, and images with numbered places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmrerank.display.markup import Element, Node, element
from mmrerank.display.overlay import Mark, strongest_marks
from mmrerank.display.pictures import Picture
from mmrerank.explanation import Explanation, WordWeight
from mmrerank.terminal import clean, snippet

__all__ = ["explanation_element"]

_NUMBERED = 12  # words of a text that have their weight beside them

_SHADES = 4

_EXACT = 5e-4  # what is below is rounding

_LONGEST_TEXT = 20_000  # characters

_METHODS = {
    "integrated_gradients": "integrated gradients",
    "leave_one_out": "leaving out one word at a time",
    "bm25": "the terms of BM25, which are exact",
}


def explanation_element(
    explanation: Explanation,
    query: str,
    text: str,
    pictures: Mapping[int, Picture],
    names: Mapping[int, str],
    score: float | None = None,
) -> Element:
    """An explanation on demand. `pictures` and `names` are those of its images, by their index.

    `score` is the one that the result has, which may differ from that of the document alone.
    """
    images = [
        _image(strongest_marks(explanation, index), names.get(index, "image"), picture)
        for index, picture in pictures.items()
    ]
    return element(
        "details",
        element("summary", "What made this score", style="summary"),
        element("p", _summary(explanation), _other_score(explanation, score), style="note"),
        _parts(explanation),
        *_words("The query", explanation.query, query),
        *_words("The text", explanation.document, text),
        *images,
        element("p", _LEGEND, style="note"),
        style="details",
    )


_LEGEND = (
    "Numbers are weights: + adds to the score, - takes away from it. The strongest words and places "
    "have numbers; words with a dashed line and places with a blue frame take away. Weights say what "
    "the model used, not whether it is right, and a place in an image is a hint, not an outline."
)


def _summary(explanation: Explanation) -> str:
    """The model, the method, the score, and how exact the weights are."""
    method = _METHODS.get(explanation.method, explanation.method)
    said = f"By {method}, for {clean(explanation.model)}: score {explanation.score:.3f}"
    if explanation.output != explanation.score:
        said += f", {explanation.output:.3f} on the model's own scale"
    if explanation.baseline is None:
        return f"{said}. Each weight is what would be lost without that word alone."
    if explanation.baseline:
        said += f" and {explanation.baseline:.3f} without the words and images"
    gap = explanation.gap or 0.0
    whole = abs(explanation.output - explanation.baseline)
    if abs(gap) < _EXACT:
        return f"{said}. The weights add up to the {'difference' if explanation.baseline else 'score'}."
    share = f", {abs(gap) / whole:.0%} of the difference" if whole else ""
    return f"{said}. The weights do not explain {gap:+.3f}{share}."


def _other_score(explanation: Explanation, score: float | None) -> str | None:
    """Says so where the document was explained alone, and scored otherwise among the others."""
    if score is None or abs(score - explanation.score) < _EXACT:
        return None
    return f" This is the document alone: with the others it scored {score:.3f}."


def _parts(explanation: Explanation) -> Element | None:
    """Which parts of the document made the score, where they were scored separately."""
    if not explanation.parts:
        return None
    named = [
        f"{part.kind}{f' {part.image + 1}' if part.image is not None else ''} "
        f"(score {part.score:.3f}, share {part.share:.0%})"
        for part in explanation.parts
    ]
    return element("p", f"Made by: {', '.join(named)}.", style="note")


def _words(title: str, words: Sequence[WordWeight], text: str) -> list[Node]:
    """A text with the weights of its words; [] for one that has none."""
    if not words:
        return []
    strongest = max(abs(word.weight) for word in words) or 1.0
    least = sorted((abs(word.weight) for word in words), reverse=True)[:_NUMBERED][-1]
    nodes: list[Node] = []
    done = 0
    for word in sorted(words, key=lambda word: word.start):
        if text[word.start : word.end] != word.text or word.start < done:
            continue  # another text than the one that is shown
        if word.end > _LONGEST_TEXT:
            break
        nodes += [text[done : word.start], _word(word, strongest, has_number=_counts(word, least))]
        done = word.end
    rest = text[done:_LONGEST_TEXT]
    return [
        element("p", element("strong", title), style="label"),
        element("p", *nodes, rest, dir="auto", style="text whole"),
    ]


def _counts(word: WordWeight, least: float) -> bool:
    return bool(word.weight) and abs(word.weight) >= least


def _word(word: WordWeight, strongest: float, *, has_number: bool) -> Element:
    """A word, shaded by its weight; the strongest have it in numbers."""
    shade = round(_SHADES * abs(word.weight) / strongest)
    sign = "plus" if word.weight > 0 else "minus"
    number = element("sub", _signed(word.weight), style="weight") if has_number else None
    return element("span", word.text, number, style=f"{sign} shade{shade}" if shade else "")


def _signed(weight: float) -> str:
    return f"{weight:+.3f}"


def _image(marks: Sequence[Mark], name: str, picture: Picture) -> Element:
    """An image with its numbered places, and their weights as a table."""
    shown = (
        element(
            "img", src=picture.uri, alt=f"{name}, with {len(marks)} places numbered", style="sheet"
        )
        if picture.uri
        else element("p", f"The image {picture.problem}.", style="missing")
    )
    rows = [
        element(
            "tr",
            element("td", str(mark.number), style="number"),
            element("th", element("bdi", snippet(mark.name, width=60)), scope="row", style="cell"),
            element("td", _signed(mark.weight), style="number"),
        )
        for mark in marks
    ]
    head = [
        element("th", title, scope="col", style="cell") for title in ("number", "place", "weight")
    ]
    caption = element("caption", f"The strongest places of: {name}", style="caption")
    table = element(
        "table",
        caption,
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        style="ranks",
    )
    return element("div", shown, table if rows else None, style="explained")

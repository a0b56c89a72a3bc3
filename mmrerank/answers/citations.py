"""The references of an answer, `[1]` or `[2, Figure 3]`, and what they refer to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from mmrerank.answers.chunks import Box

__all__ = ["Citation", "Citations", "Cited", "plain_label"]

_GROUP = re.compile(r"[\[【]([^\[\]【】\n]{1,200})[\]】]")  # some models prefer their own brackets

_SEPARATOR = re.compile(r"[,;]|\band\b")

_NUMBER = re.compile(r"(?:(?:source|document|passage) ?)?\^?([0-9]{1,9})(?:†.*)?", re.IGNORECASE)

_RANGE = re.compile(r"([0-9]{1,9}) ?[-\u2013] ?([0-9]{1,9})")

_LONGEST_RANGE = 100

_PAGE = re.compile(r"(?:pages?|p\.?) ?(\S+)", re.IGNORECASE)

_FIGURE = re.compile(r"(?:figure|fig\.?|image|table) ?[0-9][\w.\-]*", re.IGNORECASE)

_SHORT_FIGURE = re.compile(r"fig(?:\.|\b) ?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A chunk that a prompt held, or one of its images: where to find it.

    `number` is the chunk's number in the prompt, from 1 in the order it was given. `figure` is the
    image's label ("Figure 3", "Image 1"); it is "" for the chunk itself, and so are `image` (its
    reference), `file` (its path, if it is a file), `caption` and `generated_caption`, what the
    model `generated_by` said of the image. `page` is the page of what is
    cited, in the file `attachment` if `source` is a mail with one, `box` its place there, (x0, y0, x1, y1) in points from the page's top left.
    """

    number: int
    source: str
    attachment: str = ""
    page: int | str | None = None
    section: str = ""
    kind: str = "text"
    figure: str = ""
    image: str = ""
    file: str = ""
    caption: str = ""
    generated_caption: str = ""
    generated_by: str = ""
    box: Box | None = None

    @property
    def label(self) -> str:
        """The reference as an answer writes it."""
        return f"[{self.number}, {self.figure}]" if self.figure else f"[{self.number}]"

    @property
    def index(self) -> int:
        """The position of the chunk among those that the prompt was made of."""
        return self.number - 1


@dataclass(frozen=True, slots=True)
class Cited:
    """What an answer refers to, in the order of its first mention.

    `unknown` are references to nothing that the prompt held, as the answer writes them.
    """

    citations: tuple[Citation, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Citations(Sequence[Citation]):
    """All that an answer to a prompt can cite: each chunk, followed by its images.

    `aliases` are other names of images: a figure that belongs to several chunks is handed over
    once, and found under each of them.
    """

    known: tuple[Citation, ...]
    aliases: Mapping[tuple[int, str], Citation] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.known)

    @overload
    def __getitem__(self, index: int) -> Citation: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Citation, ...]: ...
    def __getitem__(self, index: int | slice) -> Citation | tuple[Citation, ...]:
        return self.known[index]

    def parse(self, answer: str) -> Cited:
        """The references in an answer, each once; unknown ones apart.

        Understands `[1]`, `[1][3]`, `[1, 2]`, `[1-3]`, `[2, Figure 3]`, `[1; 2, Figure 3]`,
        `[Figure 3]` where one image has that label, and `【1】`. Other brackets are no references.
        """
        cited: dict[Citation, None] = {}
        unknown: dict[str, None] = {}
        names = {(one.number, plain_label(one.figure)): one for one in self.known}
        names.update(self.aliases)
        labelled: dict[str, set[Citation]] = {}
        for (_, label), one in names.items():
            labelled.setdefault(label, set()).add(one)
        labelled.pop("", None)  # the chunks themselves
        for group in _GROUP.finditer(answer):
            for number, name in _references(group[1], labelled):
                found = _find(names, labelled, number, name)
                if found is not None:
                    cited[found] = None
                else:
                    unknown[_written(number, name)] = None
        return Cited(tuple(cited), tuple(unknown))


Names = Mapping[tuple[int, str], Citation]


def _references(group: str, labels: Collection[str]) -> list[tuple[int | None, str]]:
    """Numbers and labels between two brackets; [] if they are something else."""
    tokens = [" ".join(token.split()) for token in _SEPARATOR.split(group)]
    if not (
        _numbers(tokens[0]) or plain_label(tokens[0]) in labels or _FIGURE.fullmatch(tokens[0])
    ):
        return []
    references: list[tuple[int | None, str]] = []
    for token in filter(None, tokens):
        if numbers := _numbers(token):
            references += [(number, "") for number in numbers]
        elif references and not references[-1][1]:
            references[-1] = (references[-1][0], token)  # the label belongs to this number
        else:
            references.append((references[-1][0] if references else None, token))
    return references


def _find(
    names: Names, labelled: Mapping[str, set[Citation]], number: int | None, name: str
) -> Citation | None:
    if number is None:
        found = labelled.get(plain_label(name), set())
        return next(iter(found)) if len(found) == 1 else None
    if known := names.get((number, plain_label(name))):
        return known
    chunk, page = names.get((number, "")), _PAGE.fullmatch(name)
    return chunk if chunk and page and page[1] == str(chunk.page) else None


def _numbers(token: str) -> list[int]:
    """The numbers that a token stands for: "3", "2-4", "Source 3"; [] for another token."""
    if match := _NUMBER.fullmatch(token):
        return [int(match[1])]
    if match := _RANGE.fullmatch(token):
        first, last = int(match[1]), int(match[2])
        if first <= last < first + _LONGEST_RANGE:
            return list(range(first, last + 1))
    return []


def plain_label(label: str) -> str:
    """A label as it is compared, and a key of `Citations.aliases`: "Fig. 3" is "figure 3"."""
    return " ".join(_SHORT_FIGURE.sub("figure ", label.casefold()).split())


def _written(number: int | None, name: str) -> str:
    return f"[{', '.join(str(part) for part in (number, name) if part not in (None, ''))}]"

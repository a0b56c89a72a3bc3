"""What a question says besides what it asks for: the format of the answer, and the page to look at."""

from __future__ import annotations

import re

__all__ = ["named_pages", "without_answer_format"]

_KIND = (
    r"(?:an?\s+|one\s+)?(?:(?:python|sorted|ordered|unordered|bulleted|numbered|comma[- ]separated|"
    r"single|whole|plain|short|simple|valid)\s+)*"
    r"(?:lists?|ints?|integers?|floats?|strings?|str|json|numbers?|percentages?|decimals?|"
    r"fractions?|words?|sentences?|phrases?)\b"
)
_ASKS = (
    r"(?:please\s+)?(?:and\s+)?(?:answer|reply|respond|give|write|return|express|provide|state|"
    r"report|output|present|show|format)\b"
    r"(?:\s+(?:me|us|your|the|them|it|all|only|final|exact|answers?|results?|numbers?|values?|"
    r"output|response))*"
)
_PLACES = r"(?:\d+|an?|one|two|three|four)\s+(?:decimals?|digits?)(?:\s+(?:places?|points?))?"
_END = r"(?=\s*(?:[.?!,;:)]|$))"  # "as a list of names" says what is listed

_DATA = r"(?:an?\s+)?(?:(?:python|sorted|comma[- ]separated)\s+)*(?:list|int|integer|float|string|json)\b"
_ROUND = r"(?:and\s+)?\bround(?:ed|ing)?\s+(?:(?:your|the|it)\s+)?(?:answer\s+|off\s+)?to\s+"
_NEAREST = r"the\s+nearest\s+[\w-]+(?:\s+(?:number|percent|place))?"
_SORT = r"\b(?:sort(?:ed)?|order(?:ed)?|list(?:ed)?)\s+(?:(?:them|it|the\s+list)\s+)?"
_ORDER = r"(?:alphabetically|in\s+(?:alphabetical|ascending|descending)\s+order)"
_REPLY = r"(?:please\s+)?\b(?:answer|reply|respond)\s+(?:only\s+)?(?:with\s+)?"

_FORMATS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:{_ASKS}\s+)?\bin\s+the\s+(?:following\s+)?format\b(?:\s+of\b|\s+as\b|:)?[^?!;\n]*",
        rf"(?:{_ASKS}\s+)?\bin\s+(?:the\s+form\s+of\s+)?{_KIND}\s+(?:format|form|type)\b",
        rf"(?:{_ASKS}\s+)?\bin\s+the\s+form\s+of\s+{_KIND}{_END}",
        rf"{_ASKS}\s+(?:as|in|with|using)\s+{_KIND}{_END}",
        rf"\bas\s+{_DATA}{_END}",
        rf"(?:{_ASKS}\s+)?{_ROUND}(?:{_PLACES}|{_NEAREST})",
        rf"\b(?:keep|keeping|with|up\s+to)\s+{_PLACES}",
        rf"{_REPLY}[\"']?yes[\"']?\s*(?:or|/)\s*[\"']?no[\"']?",
        r"\b(?:separated|delimited)\s+by\s+(?:commas?|semicolons?|spaces?)",
        rf"{_SORT}{_ORDER}",
    )
]

_NUMBER = r"(?:no\.?\s*|number\s+|#\s*)?(\d{1,4})\b"
_MORE = r"((?:\s*(?:-|\u2013|,|&|to|and|or|bis|und|et|y|e)\s*\d{1,4}\b)*)"
_PAGES = re.compile(
    rf"\b(?:pages?|pg\.?|slides?|seiten?|folien?|diapositives?|diapositivas?|p[a\u00e1]ginas?|pagin[ae])"
    rf"\s*{_NUMBER}{_MORE}",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(rf"(?<![\w.])(?:pp?|S)\.\s*{_NUMBER}{_MORE}")
_ROMAN = re.compile(r"\b[Pp]ages?\s+([ivxl]{1,7})\b")
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_NTH = re.compile(
    rf"\b(?:({'|'.join(_ORDINALS)})|(\d{{1,4}})(?:st|nd|rd|th))\s+(?:pages?|slides?)\b",
    re.IGNORECASE,
)
_MOST = 20  # pages in a range; "pages 1 to 400" names none


def without_answer_format(query: str) -> str:
    """The query without words about the format of the answer, such as "answer as a list".

    A query of nothing else stays as it is. Spaces take the place of what is left out, so that the
    other words stay where they are. English only.
    """
    rest = query
    for pattern in _FORMATS:
        rest = pattern.sub(lambda found: " " * len(found[0]), rest)
    return rest if re.search(r"\w", rest) else query


def named_pages(query: str) -> list[str]:
    """The pages or slides that a query names, as it writes them: "on page 12", "p. iv", "slide 3".

    In English, German, French, Spanish and Italian; in English also "the third page". A range is
    all its pages.
    """
    pages: list[str] = []
    for pattern in (_PAGES, _ABBREVIATED):
        for match in pattern.finditer(query):
            pages += _listed(match[1] + match[2])
    for match in _NTH.finditer(query):
        pages.append(str(_ORDINALS.index(match[1].lower()) + 1) if match[1] else match[2])
    pages += _ROMAN.findall(query)
    return list(dict.fromkeys(pages))


def _listed(text: str) -> list[str]:
    """The numbers of "12, 14 and 16" or "12-14", without leading zeros."""
    pages: list[str] = []
    dashes = ("-", "\u2013", "to", "bis")
    for joint, digits in re.findall(r"(\D*)(\d+)", text):
        number = int(digits)
        first = int(pages[-1]) + 1 if pages and joint.strip() in dashes else number
        if first <= number < first + _MOST:
            pages += map(str, range(first, number + 1))
    return pages

"""The titles of an outline, found in the text."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.text.titles import is_title, title_forms


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("2.1 Methods", "Methods"),
        ("Methods", "2.1 Methods"),
        ("2.1. METHODS", "2.1 Methods \x13"),
        ("Chapter 3: Belts", "3 Belts"),
        ("A. Proofs", "Appendix A \u2013 Proofs"),
        ("The  \ufb01rst\nbelt", "The first belt"),
        ("2.1.\u00b5ALFAT", "\u00b5ALFAT"),
    ],
)
def test_numbers_and_signs_do_not_matter(text, title):
    assert is_title(text, title_forms([title]))


@pytest.mark.parametrize(
    ("text", "title"),
    [("Methods of old", "Methods"), ("", "Methods"), ("2.1", "2.2"), ("A B", "C B"), ("!", "?")],
)
def test_other_text_is_no_title(text, title):
    assert not is_title(text, title_forms([title]))

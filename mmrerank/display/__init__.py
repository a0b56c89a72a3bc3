"""Search results as a person reads them: in a terminal, in a notebook, and as a page."""

from __future__ import annotations

from mmrerank.display.cards import Card, CardImage, CardPart
from mmrerank.display.page import ResultsPage, show

__all__ = ["Card", "CardImage", "CardPart", "ResultsPage", "show"]

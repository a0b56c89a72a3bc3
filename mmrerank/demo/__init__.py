"""The demo: a report that ships with the package, questions about its figures, and a run."""

from pathlib import Path

__all__ = ["QUESTIONS", "REPORT"]

REPORT = str(Path(__file__).with_name("report.pdf"))
"""An illustrated report of eight pages; `scripts/make_report.py` makes it."""

QUESTIONS = str(Path(__file__).with_name("questions.json"))
"""Questions whose answers stand in the report's figures."""

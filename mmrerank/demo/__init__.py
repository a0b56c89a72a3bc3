"""The demo's report and questions, which are part of the package."""

from pathlib import Path

__all__ = ["QUESTIONS", "REPORT"]

REPORT = str(Path(__file__).with_name("report.pdf"))
"""An illustrated report of eight pages; `scripts/make_report.py` makes it."""

QUESTIONS = str(Path(__file__).with_name("questions.json"))
"""Questions whose answers are in the report's figures."""

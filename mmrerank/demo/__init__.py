"""The demo's documents and questions, which are part of the package."""

from pathlib import Path

__all__ = ["ARCHIVE", "QUESTIONS", "REPORT"]

REPORT = str(Path(__file__).with_name("report.pdf"))
"""An illustrated report of eight pages; `scripts/make_report.py` makes it."""

ARCHIVE = str(Path(__file__).with_name("archive"))
"""A folder of other documents about the same things; `scripts/make_archive.py` makes it."""

QUESTIONS = str(Path(__file__).with_name("questions.json"))
"""Questions whose answers are in the report's figures."""

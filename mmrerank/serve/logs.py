"""Structured logs: one JSON object a line, with counts only, never a text, a query or a key."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

__all__ = ["log_event", "log_failure", "write_logs"]

_logger = logging.getLogger("mmrerank.serve")


def log_event(event: str, **facts: Any) -> None:
    """Log an event with numbers and names that are the server's own."""
    _logger.info(event, extra={"facts": facts})


def log_failure(event: str, error: BaseException) -> None:
    """Log an unexpected error: its type and place. Its message may have texts in it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
    facts = {"type": type(error).__name__, "place": place}
    _logger.error(event, extra={"facts": facts})


def write_logs() -> None:
    """Write the logs of the server, and the warnings of uvicorn, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JSONLines())
    for name, level in (("mmrerank.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


class _JSONLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        row = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.msg,  # without its arguments, which may be a client's
            **getattr(record, "facts", {}),
        }
        if record.exc_info is not None and record.exc_info[0] is not None:
            row["type"] = record.exc_info[0].__name__
        return json.dumps(row)

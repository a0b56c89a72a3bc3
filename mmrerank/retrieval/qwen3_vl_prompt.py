"""What Qwen3-VL-Embedding was trained with, for the model on this machine and for a server's."""

from __future__ import annotations

import unicodedata

__all__ = ["BLANK_TEXT", "DOCUMENT_INSTRUCTION", "QUERY_INSTRUCTION", "full_sentence"]

BLANK_TEXT = "NULL"
"""What stands for an empty text."""

DOCUMENT_INSTRUCTION = "Represent the user's input."

QUERY_INSTRUCTION = "Retrieve images or text relevant to the user's query."


def full_sentence(instruction: str) -> str:
    """An instruction as the model was trained with: with a full stop, unless it ends in a sign."""
    text = instruction.strip()
    if text and not unicodedata.category(text[-1]).startswith("P"):
        text += "."
    return text or DOCUMENT_INSTRUCTION

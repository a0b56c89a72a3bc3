"""Captions of images by a vision model, for images that no word names.

The captions that documents print are another matter: see `mmrerank.loaders.captions`.
"""

from __future__ import annotations

from mmrerank.captioning.budget import CaptionCost
from mmrerank.captioning.cache import CaptionCache
from mmrerank.captioning.caption import CAPTION_SCHEMA, Caption
from mmrerank.captioning.captioner import Captioned, Captioner
from mmrerank.captioning.model import CaptionModel, CaptionReply, CaptionRequest
from mmrerank.captioning.openai_model import OpenAICaptions
from mmrerank.captioning.prompt import PROMPT

__all__ = [
    "CAPTION_SCHEMA",
    "PROMPT",
    "Caption",
    "CaptionCache",
    "CaptionCost",
    "CaptionModel",
    "CaptionReply",
    "CaptionRequest",
    "Captioned",
    "Captioner",
    "OpenAICaptions",
]

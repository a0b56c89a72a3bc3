"""Any endpoint shaped like Jina's or Cohere's: `{"query", "documents"}` in, scores by index out."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.http.base import HTTPReranker
from mmrerank.http.call import digest
from mmrerank.http.encoding import content_parts
from mmrerank.http.limits import Limits
from mmrerank.http.options import HTTPOptions
from mmrerank.http.presets import PRESETS, ImageForm, RerankPreset
from mmrerank.http.responses import IndexedScores
from mmrerank.types import Content, Modalities

__all__ = ["RerankAPIReranker"]

_TOKENS_PER_PIXEL = 1 / 1024  # of the image models here: a token for each 32 x 32 pixels


class RerankAPIReranker(HTTPReranker):
    """A reranker behind an endpoint like Jina's or Cohere's.

    `preset` names a service (`mmrerank.http.presets.PRESETS`: "openrouter", "mixedbread", ...) or
    is a `RerankPreset` of your own. Without it, `model` and `base_url` are needed, and the form is
    Jina's and Cohere's. What is given beside a preset comes before it: `path` (from `base_url`),
    `scale` (what the scores are), `modalities` (what the model reads), `limits` of a request, and
    `image_form`, which is "field" for `{"image": ...}` or "content" for a chat message's parts.

    A preset's models read images where their names say so; others are assumed to read text only.
    The key is `api_key` or the preset's environment variable. Other keywords: `HTTPOptions`.
    Raises `InvalidInputError` for an unknown preset, and where model or address are missing.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        preset: str | RerankPreset | None = None,
        base_url: str | None = None,
        path: str | None = None,
        scale: Literal["probability", "logit"] | None = None,
        modalities: Modalities | None = None,
        limits: Limits | None = None,
        image_form: ImageForm | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        given = {
            "model": model,
            "base_url": base_url,
            "path": path,
            "scale": scale,
            "limits": limits,
            "image_form": image_form,
        }
        form = _complete(preset, {name: one for name, one in given.items() if one is not None})
        model = str(form.model)
        self._form = form
        self.key_names, self.needs_key = form.key_names, form.needs_key
        self.scale, self.limits, self.fetches_urls = form.scale, form.limits, form.fetches_urls
        self.takes_instruction = form.instruction_field is not None and any(
            part.lower() in model.lower() for part in form.instruction_models
        )
        reads_images = any(part.lower() in model.lower() for part in form.image_models)
        self.modalities = modalities or (form.image_modalities if reads_images else Modalities())
        self.max_pixels = form.max_pixels
        self.tokens_per_image = round(form.max_pixels * _TOKENS_PER_PIXEL)
        super().__init__(model, base_url=str(form.base_url), **options)

    def _query(self, query: Content) -> Any:
        if not query.images and not self._form.text_as_object:
            return query.text
        return self._item(query)

    def _item(self, item: Content) -> Any:
        if not item.images:
            return {"text": item.text or ""} if self._form.text_as_object else item.text or ""
        if self._form.image_form == "content":
            return {"content": content_parts(item, map(self._image, item.images))}
        written = {"image": self._image(item.images[0])}
        if item.text is not None and item.text.strip():
            written["text"] = item.text
        return written

    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        form = self._form
        body = {"model": self.model, "query": query, form.documents_field: items, **form.fields}
        if form.count_field is not None:
            body[form.count_field] = len(items)
        if self.instruction is not None and form.instruction_field is not None:
            body[form.instruction_field] = self.instruction
        name = self.model.rpartition("/")[2].replace(".", "_")
        return form.path.replace("{model}", name), body

    def _context(self) -> bytes:
        return digest([super()._context(), repr(self._form).encode()])

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        form = self._form
        pairs = [(row["index"], row[form.score_field]) for row in body[form.results_field]]
        usage = body.get("usage")
        tokens = usage if isinstance(usage, dict) else body
        return pairs, tokens.get("total_tokens")


def _complete(preset: str | RerankPreset | None, given: dict[str, Any]) -> RerankPreset:
    """The preset with what is given beside it. Raises `InvalidInputError` if it cannot be used."""
    if isinstance(preset, str) and preset not in PRESETS:
        raise InvalidInputError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r:.80}")
    row = PRESETS[preset] if isinstance(preset, str) else preset or RerankPreset()
    form = dataclasses.replace(row, **given)
    for name in ("model", "base_url"):
        if not getattr(form, name):
            raise InvalidInputError(f"RerankAPIReranker needs {name}=, or a preset that has it")
    if form.scale not in ("probability", "logit", "given"):
        raise InvalidInputError(f"scale must be 'probability' or 'logit', not {form.scale!r}")
    if form.image_form not in ("field", "content"):
        raise InvalidInputError(f"image_form must be 'field' or 'content', not {form.image_form!r}")
    if not form.path.startswith("/"):
        raise InvalidInputError(f"path must begin with '/', not {form.path!r:.80}")
    return form

"""A rerank server on loopback, with faults on command. Use it through `mmrerank.testing`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmrerank.testing.dialects import DIALECTS, Dialect
from mmrerank.testing.dialects.forms import EmbeddingForm, RefusedError
from mmrerank.testing.embeddings import embeddings_reply
from mmrerank.testing.faults import Fault, Reply, break_json, break_rows
from mmrerank.testing.local_server import LocalServer
from mmrerank.testing.requests import read_known, read_request
from mmrerank.testing.scoring import ScoreFunction, overlap_unfetched

__all__ = ["LocalRerankServer"]


class LocalRerankServer(LocalServer):
    """A rerank server on loopback that answers as a service does, and fails on command.

    ::

        with LocalRerankServer(faults=[503, "nan"]) as server:
            JinaReranker(api_key=server.api_key, base_url=server.url)

    `score_item(query, item)` scores one item; by default `overlap`, where the URL of an image,
    which is not fetched, stands for its bytes. `dialect` is the service's name on the command line
    (`--reranker`), or a `Dialect`, whose facts `facts` are added to. A service that also makes
    embeddings (jina, vllm) does so here: texts and images with common words are near each other,
    with `dimensions` numbers where the request asks for no other. The other options are those of
    `LocalServer`.

    A request that the service would refuse is refused. Fields that the service does not know are
    ignored if the service ignores them, and listed in `ignored`. Results are in the order in which
    the service would return them, cut and with documents as the request asks.
    """

    def __init__(
        self,
        score_item: ScoreFunction = overlap_unfetched,
        *,
        dialect: str | Dialect = "jina",
        facts: Mapping[str, Any] | None = None,
        dimensions: int = 256,
        **options: Any,
    ) -> None:
        self.dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        super().__init__(facts={**self.dialect.facts, **(facts or {})}, **options)
        self.ignored: list[str] = []
        self.score_item, self.dimensions = score_item, dimensions

    def _has_path(self, path: str) -> bool:
        return self.dialect.at(path) is not None or self._embedding_form(path) is not None

    def _list_models(self, names: Sequence[str]) -> Any:
        return self.dialect.models(names)

    def _answer(self, path: str, body: Any, fault: Fault | None) -> Reply:
        try:
            if (form := self._embedding_form(path)) is not None:
                return self._embed(form, body, fault)
            endpoint = self.dialect.at(path)
            assert endpoint is not None  # `_has_path` said so
            return self._scores(endpoint, body, fault)
        except RefusedError as error:
            return self._error(self.dialect.refused, "INVALID", str(error))

    def _embedding_form(self, path: str) -> EmbeddingForm | None:
        form = self.dialect.embeddings
        return form if form is not None and path in form.paths else None

    def _embed(self, form: EmbeddingForm, body: Any, fault: Fault | None) -> Reply:
        items, body, ignored = read_known(form.read, body, strict=self.dialect.strict)
        if not items:
            raise RefusedError("the input must not be empty")
        if self._lacks(body):
            return self._no_model()
        with self._lock:
            self.ignored += ignored
        return embeddings_reply(form, body, items, self.dimensions, fault)

    def _lacks(self, body: Any) -> bool:
        return self.models is not None and body.get("model") not in self.models

    def _no_model(self) -> Reply:
        return self._error(400, "INPUT_MODEL_NOT_FOUND", "Model not found")

    def _scores(self, endpoint: Dialect, body: Any, fault: Fault | None) -> Reply:
        try:
            request = read_request(endpoint, body)
        except RefusedError as error:
            return self._error(endpoint.refused, "INVALID", str(error))
        if self._lacks(request.body):
            return self._no_model()
        with self._lock:
            self.ignored += request.ignored
        rows = [(i, self.score_item(request.query, item)) for i, item in enumerate(request.items)]
        rows = break_rows(request.cut(rows), fault, sent=len(rows))
        return break_json(endpoint.write(rows, request.body), fault)

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        body = json.dumps(self.dialect.error(status, code, message)).encode()
        return Reply(status, body, headers or {})

"""Services with an endpoint like Jina's or Cohere's: what each takes, one row each.

A new service is a row in `PRESETS` and its name in `mmrerank.catalog.PRESETS`; a test compares
them. "checked" says against what a row was checked: none was called, since all but the servers of
one's own ask for an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmrerank.http.limits import Limits
from mmrerank.http.scale import Scale
from mmrerank.types import Modalities

__all__ = ["PRESETS", "ImageForm", "RerankPreset"]

ImageForm = Literal["field", "content"]
"""How a document with an image is written: `{"image": data URI}`, with `"text"` beside it where
both go together; or `{"content": [...]}` with the parts of a chat message."""

_IMAGE_OR_TEXT = Modalities(image=True, query_image=True)
_TEXT_AND_IMAGE = Modalities(image=True, text_and_image=True)
_JOINT = Modalities(
    image=True,
    text_and_image=True,
    several_images=True,
    query_image=True,
    query_text_and_image=True,
    query_several_images=True,
)
_PIXELS_OF_NVIDIA = 1800 * 32 * 32
_PIXELS_OF_QWEN = 1_310_720


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankPreset:
    """How an endpoint is spoken to; the defaults are Jina's and Cohere's form.

    `path` may contain `{model}`: the model's name without its owner, with `_` for each dot.
    `image_models` are parts of the names of the models that read `image_modalities`; others read
    text. `fields` are sent with each request. `count_field` names the field for the number of
    results, where a service would otherwise return fewer than all.
    """

    base_url: str | None = None
    path: str = "/v1/rerank"
    model: str | None = None
    key_names: tuple[str, ...] = ()
    needs_key: bool = False
    scale: Scale = "probability"
    image_models: tuple[str, ...] = ()
    image_modalities: Modalities = _IMAGE_OR_TEXT
    image_form: ImageForm = "field"
    max_pixels: int = 602_112
    fetches_urls: bool = False
    text_as_object: bool = False
    documents_field: str = "documents"
    count_field: str | None = None
    instruction_field: str | None = None
    instruction_models: tuple[str, ...] = ("",)
    results_field: str = "results"
    score_field: str = "relevance_score"
    fields: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    checked: str = "nothing"


_NO_ECHO = {"return_documents": False}

PRESETS: dict[str, RerankPreset] = {
    "openrouter": RerankPreset(
        base_url="https://openrouter.ai/api",
        model="nvidia/llama-nemotron-rerank-vl-1b-v2:free",
        key_names=("OPENROUTER_API_KEY",),
        needs_key=True,
        image_models=("-vl-",),
        image_modalities=_TEXT_AND_IMAGE,
        max_pixels=_PIXELS_OF_NVIDIA,
        fetches_urls=True,
        limits=Limits(documents=64, images=20),
        checked="the request of its client (openrouter 1.3.84)",
    ),
    "nvidia-api": RerankPreset(
        base_url="https://ai.api.nvidia.com",
        path="/v1/retrieval/nvidia/{model}/reranking",
        model="nvidia/llama-nemotron-rerank-vl-1b-v2",
        key_names=("NVIDIA_API_KEY",),
        needs_key=True,
        scale="logit",
        image_models=("-vl-",),
        image_modalities=_TEXT_AND_IMAGE,
        max_pixels=_PIXELS_OF_NVIDIA,
        text_as_object=True,
        documents_field="passages",
        results_field="rankings",
        score_field="logit",
        fields={"truncate": "END"},
        limits=Limits(documents=512, images=20),
        checked="its documentation; the paths of langchain-nvidia-ai-endpoints 1.5.0",
    ),
    "mittwald": RerankPreset(
        base_url="https://llm.aihosting.mittwald.de",
        model="Qwen3-VL-Reranker-2B",
        key_names=("MITTWALD_API_KEY",),
        needs_key=True,
        image_models=("-VL-",),
        image_modalities=_JOINT,
        image_form="content",
        max_pixels=_PIXELS_OF_QWEN,
        instruction_field="instruction",
        limits=Limits(documents=64, images=5),
        checked="its documentation; the form of images is assumed to be vLLM's",
    ),
    "ionos": RerankPreset(
        base_url="https://openai.inference.de-txl.ionos.com",
        model="Qwen/Qwen3-VL-Reranker-8B",
        key_names=("IONOS_API_KEY",),
        needs_key=True,
        image_models=("-VL-",),
        image_modalities=_JOINT,
        image_form="content",
        max_pixels=_PIXELS_OF_QWEN,
        limits=Limits(documents=64, images=5),
        checked="its documentation; the form of images is assumed to be vLLM's",
    ),
    "siliconflow": RerankPreset(
        base_url="https://api.siliconflow.cn",
        model="Qwen/Qwen3-VL-Reranker-8B",
        key_names=("SILICONFLOW_API_KEY",),
        needs_key=True,
        image_models=("-VL-",),
        max_pixels=_PIXELS_OF_QWEN,
        fetches_urls=True,
        instruction_field="instruction",
        instruction_models=("Qwen3-Reranker",),
        fields=_NO_ECHO,
        checked="its documentation; the request of LlamaIndex's client 0.5.0",
    ),
    "xinference": RerankPreset(
        base_url="http://localhost:9997",
        model="Qwen3-VL-Reranker-2B",
        key_names=("XINFERENCE_API_KEY",),
        image_models=("-VL-", "jina-reranker-m0"),
        fields=_NO_ECHO,
        checked="the source of xinference 4.1.0",
    ),
    "tensorrt-llm": RerankPreset(
        base_url="http://localhost:8000",
        model="Qwen/Qwen3-Reranker-0.6B",
        key_names=("TRTLLM_API_KEY",),
        instruction_field="instruction",
        fields=_NO_ECHO,
        checked="a pull request that was open in September 2026",
    ),
    "mixedbread": RerankPreset(
        base_url="https://api.mixedbread.com",
        path="/v1/reranking",
        model="mixedbread-ai/mxbai-rerank-large-v2",
        key_names=("MXBAI_API_KEY",),
        needs_key=True,
        documents_field="input",
        count_field="top_k",
        results_field="data",
        score_field="score",
        fields={"return_input": False},
        checked="the request of its client (mixedbread 0.54.0)",
    ),
    "voyage": RerankPreset(
        base_url="https://api.voyageai.com",
        model="rerank-2.5",
        key_names=("VOYAGE_API_KEY",),
        needs_key=True,
        results_field="data",
        fields={"return_documents": False, "truncation": True},
        limits=Limits(documents=1000, tokens=600_000),
        checked="the request of its client (voyageai 0.5.0)",
    ),
    "zeroentropy": RerankPreset(
        base_url="https://api.zeroentropy.dev",
        path="/v1/models/rerank",
        model="zerank-2",
        key_names=("ZEROENTROPY_API_KEY",),
        needs_key=True,
        checked="the request of its client (zeroentropy 0.1.0a11)",
    ),
    "together": RerankPreset(
        base_url="https://api.together.ai",
        model="Salesforce/Llama-Rank-v1",
        key_names=("TOGETHER_API_KEY",),
        needs_key=True,
        fields=_NO_ECHO,
        checked="the request of its client (together 3.1.1)",
    ),
}

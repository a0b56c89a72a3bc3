"""What embedders share whose model is one of transformers' own classes, on this machine."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Unpack

from mmrerank.errors import ImageError, RerankError, warn
from mmrerank.images.decode import open_image
from mmrerank.local.checkpoint import Checkpoint
from mmrerank.local.device import DType, pick_device, pick_dtype
from mmrerank.local.options import ModelOptions
from mmrerank.optional import require
from mmrerank.options import Configurable
from mmrerank.retrieval.embedder import CACHE_BYTES, Embedder, Vector
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["LocalEmbedder", "LocalEmbedderOptions", "Tensors"]

_MAX_PIXELS = 2**24
"""Larger images are made smaller before the model's own processor makes them smaller still, since it
copies each several times. A page of A4 at 300 dots per inch has half as many."""

Tensors: TypeAlias = dict[str, Any]
"""The tensors of a batch, by the names of the model's arguments; each has a row for each item."""


class LocalEmbedderOptions(ModelOptions, total=False):
    """Options of the embedders whose model is a class of transformers."""

    batch_size: int
    """How many texts or images are computed at once. It is halved where memory runs out. Default: 16."""
    cache_bytes: int
    """How much memory the vectors of texts and images seen before may take. Default: 64 MiB."""


class LocalEmbedder(Configurable, Embedder):
    """An embedder whose model runs in this process.

    A subclass implements `_load`, `_embed_texts` and, if it reads images, `_embed_images`.
    Calls from several threads are safe; the model computes one batch after the other.

    The constructor raises `InvalidInputError` for an option that cannot be used, `ModelLoadError`
    for a model that cannot be loaded, `MissingDependencyError` without torch and transformers, and
    TypeError for an unknown option.
    """

    options: ClassVar[type] = LocalEmbedderOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        "device": "auto",
        "dtype": "auto",
        "revision": None,
        "show_progress": False,
        "batch_size": 16,
        "cache_bytes": CACHE_BYTES,
    }

    def __init__(self, model: str, **options: Unpack[LocalEmbedderOptions]) -> None:
        settings: LocalEmbedderOptions = self.complete_options(options)
        super().__init__(
            batch_size=settings["batch_size"],
            cache_bytes=settings["cache_bytes"],
            show_progress=settings["show_progress"],
        )
        self.model = str(model)
        self._lock = threading.RLock()
        self._tokenizing = threading.Lock()  # a tokenizer keeps the padding of its last call
        require("torch")
        require("transformers")
        self.device = pick_device(settings["device"])
        self.dtype = self._pick_dtype(settings["dtype"])
        self._network: Any = self._load(Checkpoint(self.model, settings["revision"]))

    def _pick_dtype(self, dtype: DType) -> Any:
        """Raises `InvalidInputError` for a number format that the model cannot use."""
        return pick_dtype(dtype, self.device)

    @abstractmethod
    def _load(self, checkpoint: Checkpoint) -> Any:
        """The network; tokenizer and image processor become attributes. Raises `ModelLoadError`."""

    def close(self) -> None:
        """Free the model and the device's memory. Safe to call twice."""
        from mmrerank.local.compute.engine import free_memory

        with self._lock:
            self._network = None
            super().close()
            free_memory(self.device)

    def _vectors(self, inputs: Tensors, forward: Callable[[Any, Tensors], Any]) -> Sequence[Vector]:
        """`forward(network, inputs)`, which gives a row for each row of `inputs`, scaled to length 1.

        Raises `RerankError` after `close`, and where the model fails.
        """
        torch = require("torch")
        with self._lock, torch.inference_mode():
            if self._network is None:
                raise RerankError(f"{self.model} was closed")
            on_device = {name: tensor.to(self.device) for name, tensor in inputs.items()}
            rows = torch.cat(self._in_memory(on_device, forward))
            vectors: list[list[float]] = torch.nn.functional.normalize(rows, dim=-1).tolist()
        return vectors

    def _in_memory(self, inputs: Tensors, forward: Callable[[Any, Tensors], Any]) -> list[Any]:
        """The rows of `forward`, in several parts where memory does not suffice for all at once."""
        from mmrerank.local.compute.engine import free_memory, is_out_of_memory

        count = len(next(iter(inputs.values())))
        try:
            return [forward(self._network, inputs).float()]
        except Exception as error:
            if not is_out_of_memory(error) or count == 1:
                raise RerankError(f"{self.model} failed: {error}") from error
        free_memory(self.device)
        half = count // 2
        self.batch_size = max(1, min(self.batch_size, half))
        parts = (slice(0, half), slice(half, count))
        return [
            rows
            for part in parts
            for rows in self._in_memory(
                {key: value[part] for key, value in inputs.items()}, forward
            )
        ]

    def _processed(
        self, images: Sequence[Image], process: Callable[[PILImage], Tensors]
    ) -> Tensors:
        """The images' tensors, one below the other. Only one image is decoded at a time.

        Raises `ImageError` for one that cannot be decoded or processed.
        """
        torch = require("torch")
        rows = []
        for image in images:
            picture = open_image(image, _MAX_PIXELS)
            try:
                rows.append(process(picture))
            except Exception as error:  # a processor's own, for shapes that it cannot handle
                raise ImageError(image.name, f"{self.model} cannot read it: {error}") from error
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def _encode(self, tokenizer: Any, texts: Sequence[str], length: int, **options: Any) -> Tensors:
        """The tokens of texts, cut on the right to `length` with a `RerankWarning`.

        What is written in a text as `<|endoftext|>` is text, and no control token.
        """
        plain: dict[str, Any] = {"split_special_tokens": True, "verbose": False}
        # Some vocabularies have the control tokens among their words, too.
        for token in tokenizer.all_special_tokens:
            texts = [text.replace(token, f"{token[0]} {token[1:]}") for text in texts]
        with self._tokenizing:
            lengths = [len(ids) for ids in tokenizer(list(texts), **plain)["input_ids"]]
            encoded = tokenizer(
                list(texts),
                max_length=length,
                truncation=True,
                return_tensors="pt",
                **plain,
                **options,
            )
        if cut := sum(own > length for own in lengths):
            warn(f"{cut} of {len(texts)} texts were cut to {length} tokens")
        return dict(encoded)

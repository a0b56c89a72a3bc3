"""Constructors that take `**options`, with each option named, typed and documented once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, get_type_hints

__all__ = ["Configurable"]


class Configurable:
    """A class whose constructor takes `**options: Unpack[SomeOptions]`.

    `options` is the `TypedDict` that types and documents these options. `defaults` has their
    default values; a subclass lists only those that it changes or adds. `inspect.signature` of the
    class, and so `help` and editors, show every option with its default.
    """

    options: ClassVar[type]
    defaults: ClassVar[Mapping[str, Any]] = {}
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _full_signature(cls)

    @classmethod
    def complete_options(cls, given: Mapping[str, Any]) -> Any:
        """The given options, and the defaults of all others.

        Raises TypeError, as Python does, for an option that the class does not take.
        """
        for name in given:
            if name not in cls.options.__annotations__:
                raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {name!r}")
        return {**_all_defaults(cls), **given}


def _all_defaults(cls: type[Configurable]) -> dict[str, Any]:
    """The defaults of a class and its bases."""
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        merged |= vars(base).get("defaults", {})
    return merged


def _full_signature(cls: type[Configurable]) -> inspect.Signature:
    """The constructor's signature, with `**options` replaced by the single options."""
    _, *written = inspect.signature(cls.__init__, eval_str=False).parameters.values()
    if not written or written[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return inspect.Signature(written)
    defaults, own_names = _all_defaults(cls), {parameter.name for parameter in written}
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind
        )
        for name, kind in get_type_hints(cls.options).items()
        if name not in own_names
    ]
    return inspect.Signature([*written[:-1], *options])

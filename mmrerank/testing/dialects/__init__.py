"""How each rerank service reads a request and writes its answers: the server's side of the wire.

One file a service, with the file name of its client in `mmrerank.http`; each has a `DIALECT`. They
are written from the services' published schemas, apart from the clients, so that a mistake in one
is not repeated in the other.
"""

from __future__ import annotations

import importlib
import pkgutil

from mmrerank.testing.dialects.forms import Dialect

__all__ = ["DIALECTS", "Dialect"]

DIALECTS: dict[str, Dialect] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").DIALECT
    for module in pkgutil.iter_modules(__path__)
    if module.name != "forms"
}
"""By the name of the service's file, which is also its name on the command line."""

"""Ray: started on this machine for this work alone, or a cluster that runs already."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmrerank.bulk.actor import DocumentActor, batch_of, columns_of
from mmrerank.bulk.job import BatchResult, Job, Task
from mmrerank.errors import InvalidInputError, RerankError
from mmrerank.optional import require

__all__ = ["Cluster", "Workers", "cluster", "import_ray"]

_OBJECTS = 128 * 2**20  # bytes for what passes through Ray: names and results
_LONGEST_PATH = 40  # of the folder of Ray's sockets, whose own names take 60 of 107 letters


@dataclass(frozen=True, slots=True)
class Workers:
    """Where actors run: how many (None: one for each processor), and the GPUs that each gets.

    `address` is that of a Ray cluster of which this machine is a part ("auto", "head:6379"); Ray
    Data 2.60 does not run through Ray's client ("ray://"). None starts Ray on this
    machine, where only this machine can reach it.
    """

    address: str | None = None
    count: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.count is not None and (type(self.count) is not int or self.count < 1):
            raise InvalidInputError(f"workers is a whole number from 1 on, not {self.count!r}")
        if self.address is not None and self.address.startswith("ray://"):
            raise InvalidInputError(
                f"{self.address}: Ray Data does not run through Ray's client; run this on a machine "
                "of the cluster, with auto or HOST:6379 as the address"
            )
        if not isinstance(self.gpus, (int, float)) or self.gpus < 0:
            raise InvalidInputError(f"gpus is a number of GPUs a worker, not {self.gpus!r}")


class Cluster:
    """Ray, ready for work. `scratch` is a local folder for actors, if they all run here."""

    def __init__(self, ray: Any, workers: Workers, scratch: str | None) -> None:
        self._ray, self.scratch = ray, scratch
        self._gpus = workers.gpus
        cpus = int(ray.cluster_resources().get("CPU", 1))
        self.count = workers.count or max(1, cpus)

    def results(
        self, job: Job, tasks: Sequence[Task], *, batch: int, retries: int
    ) -> Iterator[BatchResult]:
        """The result of each batch of documents, in any order; see `DocumentActor`.

        A batch whose process ended is given to another, `retries` times; then it has no result.
        Raises `RerankError` if Ray itself fails.
        """
        data = self._ray.data
        items = columns_of(tasks)
        size = min(self.count, -(-len(items) // batch))
        with self._settings(), warnings.catch_warnings():
            # max_task_retries has no other name yet
            warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
            results = data.from_items(
                items, override_num_blocks=-(-len(items) // batch)
            ).map_batches(
                DocumentActor,
                fn_constructor_args=(job,),
                batch_size=None,
                compute=data.ActorPoolStrategy(size=size),
                num_cpus=1,
                num_gpus=self._gpus,
                max_restarts=-1,
                max_task_retries=retries,
            )
            try:
                yield from map(batch_of, results.iter_rows())
            except RerankError:
                raise
            except self._ray.exceptions.RayError as error:
                raise RerankError(f"Ray failed: {_short(error)}") from error

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """Ray Data without bars and notes; what ends a process is seen by missing results."""
        context = self._ray.data.DataContext.get_current()
        names = ("enable_progress_bars", "max_errored_blocks")
        before = {name: getattr(context, name) for name in names}
        context.enable_progress_bars, context.max_errored_blocks = False, -1
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(context, name, value)


def import_ray() -> Any:
    """Ray, whose processes say only what ends them; it reads that when it is imported."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    return require("ray")


@contextmanager
def cluster(workers: Workers) -> Iterator[Cluster]:
    """Connect to Ray, or start it, until the end of the block.

    What Ray prints about processes that ended goes to standard error. Raises
    `MissingDependencyError` without the extra `ray`, and `RerankError` if Ray cannot be reached.
    """
    ray = import_ray()
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as closing:
        require("ray.data")  # which sets up its logger when it is imported
        closing.enter_context(_quiet(logging.getLogger("ray.data")))
        if ray.is_initialized():  # by the caller
            yield Cluster(ray, workers, None)
            return
        folder = None
        if workers.address is None:
            closing.enter_context(_loopback())
            folder = closing.enter_context(
                tempfile.TemporaryDirectory(prefix="mmrerank-", ignore_cleanup_errors=True)
            )
        try:
            with warnings.catch_warnings():
                # What Ray forks here becomes another program at once, and never uses LanceDB.
                warnings.filterwarnings("ignore", "lancedb fork support")
                ray.init(**_options(workers, folder))
        except Exception as error:  # Ray raises many kinds
            where = f"Ray at {workers.address} cannot be reached" if workers.address else "Ray"
            raise RerankError(f"{where}: {_short(error)}") from error
        closing.callback(ray.shutdown)
        yield Cluster(ray, workers, folder)


def _options(workers: Workers, folder: str | None) -> dict[str, Any]:
    shared = {"log_to_driver": False, "logging_level": logging.ERROR}
    if workers.address is not None:
        return {"address": workers.address, **shared}
    options: dict[str, Any] = {
        "address": "local",
        "num_cpus": workers.count or _processors(),
        "include_dashboard": False,
        "object_store_memory": _OBJECTS,
        "_node_ip_address": "127.0.0.1",
        **shared,
    }
    if folder is not None and len(folder) <= _LONGEST_PATH:
        options["_temp_dir"] = folder
    return options


@contextmanager
def _loopback() -> Iterator[None]:
    """Ray 2.60 listens at the machine's outward address unless clusters are switched off.

    The processes that it starts read that in their environment. This one read it when Ray was
    imported, which the caller may have done before, so that it must be changed where Ray keeps it.
    """
    name = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
    constants = require("ray._private.ray_constants")
    before, allowed = os.environ.get(name), constants.ENABLE_RAY_CLUSTER
    os.environ[name], constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = allowed
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _short(error: BaseException) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)[:500]

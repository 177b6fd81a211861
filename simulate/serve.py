"""Many texts: shards of them over the cores of this computer, or over a Dask cluster that is there already.

Dask sends out the shards, and sends those of a worker that died to another. A shard is a run of its own, and a run is a
sum over its sentences: the shards' results, put side by side in order, are the result of one run over all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from export.graph import Graph
from simulate.batches import Tokens, batches
from simulate.fast import FastSimulator
from simulate.result import SimulationResult, joined
from spikebert import __version__
from spikebert.errors import InputError, RunError

if TYPE_CHECKING:
    from distributed import Client

SHARD = {"fast": 2048, "lava": 8192}  # tokens of a shard at most: Lava takes a second to start
SHARDS = 4  # for each thread of a worker, where there are texts enough: what a dead worker did last is done anew
PATIENCE = 30  # seconds to wait for a cluster, and for its first worker


@contextmanager
def cores(workers: int | None = None) -> Iterator[Client]:
    """Workers of one's own, a process each, as many as this computer lets us use cores unless told otherwise."""
    distributed = _library("--workers")
    import dask.system

    count = dask.system.CPU_COUNT if workers is None else workers
    with (
        distributed.LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def cluster(address: str) -> Iterator[Client]:
    """The workers of a Dask scheduler, such as tcp://10.0.0.1:8786; all need this version of spikebert, and no file.

    Raises:
        InputError: nobody is there, or somebody without it.
    """
    distributed = _library("--dask")
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--dask {address}: no scheduler answers there ({reason})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
            # By a function of Python's own, which a worker has even if it has nothing of ours.
            place = f"{__name__}:__version__"
            found = {"the scheduler": client.run_on_scheduler(resolve_name, place), **client.run(resolve_name, place)}
        except TimeoutError:
            raise InputError(f"--dask {address}: has no worker; start one with: dask worker {address}") from None
        except ImportError as error:
            needed = f"install spikebert {__version__} for scheduler and workers"
            raise InputError(f"--dask {address}: {needed} ({error})") from None
        for worker, its in found.items():
            if its != __version__:
                raise InputError(f"--dask {address}: {worker} has spikebert {its}, not {__version__}")
        yield client


def _library(option: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(f"{option} needs Dask: pip install 'spikebert[serve]'") from None
    return distributed


class Model:
    """A graph on its way to the workers; each of them makes its simulator ready once."""

    def __init__(self, graph: Graph):
        self.graph = graph

    @cached_property
    def simulator(self) -> FastSimulator:
        return FastSimulator(self.graph)

    def __getstate__(self) -> dict[str, Graph]:
        return {"graph": self.graph}

    def run(self, sentences: list[Tokens], backend: str, granularity: str, record: bool) -> SimulationResult:
        if backend == "fast":
            return self.simulator.run(sentences, record=record)
        from simulate import lava

        return lava.run(self.graph, sentences, granularity=granularity, record=record)


def simulate(
    client: Client,
    graph: Graph,
    sentences: Sequence[Tokens],
    backend: str = "fast",
    granularity: str = "block",
    record: bool = False,
    progress: Callable[[int], object] | None = None,
) -> SimulationResult:
    """`simulate.run.simulate` on the workers of `client`: the same result in the same order.

    Raises:
        RunError: workers die of one shard again and again, or the cluster goes away.
    """
    from dask import config
    from distributed import KilledWorker, as_completed

    started = time.perf_counter()
    threads = sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values())
    groups = shards(sentences, backend, max(1, threads))
    results: dict[int, SimulationResult] = {}
    with config.set({"distributed.admin.large-graph-warning-threshold": "16 GiB"}):
        model = client.submit(Model, graph, pure=False)  # a task: what a dead worker held is made anew
        futures = [
            client.submit(_run, model, [sentences[i] for i in group], backend, granularity, record, pure=False)
            for group in groups
        ]
    numbers = {future.key: number for number, future in enumerate(futures)}
    try:
        for future, result in as_completed(futures, with_results=True):
            results[numbers[future.key]] = result
            if progress:
                progress(len(groups[numbers[future.key]]))
    except KilledWorker as error:
        died = error.allowed_failures + 1
        raise RunError(f"{died} workers died of the same texts, perhaps of too little memory") from None
    except CancelledError as error:
        raise RunError(f"the Dask cluster went away: {error}") from None
    seconds = time.perf_counter() - started
    return joined([results[number] for number in range(len(groups))], seconds, startup_seconds=0.0)


def _run(model: Model, *job: Any) -> SimulationResult:
    return model.run(*job)


def shards(sentences: Sequence[Tokens], backend: str, workers: int) -> list[list[int]]:
    """Indices of sentences that stand together, in order: SHARDS for each worker, or more where they are many."""
    tokens = sum(map(len, sentences))
    return batches(sentences, min(SHARD[backend], -(-tokens // (SHARDS * workers))))

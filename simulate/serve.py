"""Many texts: shards of them over the cores of this computer, or over a Dask cluster that is there already.

Dask sends out the shards, and sends those of a worker that died to another. A shard is a run of its own, and a run is a
sum over its sentences: the shards' results, put side by side in order, are the result of one run over all of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeVar, cast

from export.ir.graph import Graph
from simulate.batches import Tokens, batches
from simulate.fast import FastSimulator
from simulate.limits import raise_open_files, require_workers
from simulate.result import SimulationResult, joined
from simulate.scratch import scratch
from simulate.shards import Shards
from spikebert import __version__
from spikebert.core.errors import InputError, RunError, reason_of

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
LOOPBACK = "127.0.0.1"
SHARD = {"fast": 2048, "lava": 8192}  # tokens of a shard at most: Lava takes a second to start
SHARDS = 4  # for each thread of a worker, where there are texts enough: what a dead worker did last is done anew
PATIENCE = 30  # seconds to wait for a cluster, for its first worker, and for an answer of either later on
TIMEOUT = (TimeoutError, asyncio.TimeoutError)  # which are one from Python 3.11 on
LOOK = 1  # seconds between two looks at the cluster


def worker_count(workers: int | str | None) -> int | None:
    """A number of workers as a user gives it; None for "auto"."""
    number = str(workers)
    if number == "auto":
        return None
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= 1024):
        raise InputError(f"{number}: must be auto or a number from 1 to 1024", field="workers")
    return int(number)


@contextmanager
def cores(workers: int | None = None) -> Iterator[Client]:
    """Our own workers, a process each; as many as there are cores that we may use, unless told otherwise.

    Nobody else can reach them: they listen on this computer alone. Python gives a new process the current folder to
    import from, so that it is an empty one meanwhile.
    """
    distributed = _library("workers")
    import dask.system

    raise_open_files()
    count = dask.system.CPU_COUNT if workers is None else workers
    local = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0", "worker_dashboard_address": f"{LOOPBACK}:0"}
    with scratch() as folder, _inside(folder):
        require_workers(count)  # within, for the processes of Python that it starts import from the current folder
        try:
            started = distributed.LocalCluster(n_workers=count, threads_per_worker=1, **local)
        except (OSError, RuntimeError) as error:
            reason = reason_of(_first(error))
            raise InputError(
                f"{count}: do not start on this computer ({reason}); take fewer", field="workers"
            ) from None
        with started as cluster, distributed.Client(cluster) as client:
            yield client


def _first(error: BaseException) -> BaseException:
    """What an error came of: of a worker that does not start, Dask itself tells no more than that."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    here = os.open(".", os.O_PATH)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


@contextmanager
def cluster(address: str) -> Iterator[Client]:
    """The workers of a Dask scheduler, such as tcp://10.0.0.1:8786; all need this version of spikebert, and no file.

    Raises:
        InputError: nobody is there, or somebody without it.
    """
    distributed = _library("dask")
    if not re.fullmatch(r"(\w+://)?[^/\s]+:\d+", address):
        raise InputError(f"{address!r}: must be the address of a scheduler, such as tcp://10.0.0.1:8786", field="dask")
    try:
        client = _within(PATIENCE, lambda: distributed.Client(address, timeout=PATIENCE / 2))
    except TIMEOUT:
        raise InputError(
            f"{address}: does not answer as a scheduler does within {PATIENCE} seconds", field="dask"
        ) from None
    except Exception as error:  # of what is no Dask its client raises whatever comes of taking it for one
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{address}: no scheduler answers there ({reason})", field="dask") from None
    try:
        _require_alike(client, address)
        yield client
    finally:
        _leave(client)


def _leave(client: Any) -> None:
    """Whatever Dask says and raises at the end, of a scheduler that has gone, the run has said before."""
    log = logging.getLogger("distributed.client")
    before, log.disabled = log.disabled, True
    try:
        with suppress(Exception):
            _within(PATIENCE, client.close)
    finally:
        log.disabled = before


def _require_alike(client: Any, address: str) -> None:
    def versions() -> dict[str, str]:
        client.wait_for_workers(1, timeout=PATIENCE)
        # By a function of Python's own, which a worker has even if it has nothing of ours.
        place = f"{__name__}:__version__"
        return {"the scheduler": client.run_on_scheduler(resolve_name, place), **client.run(resolve_name, place)}

    try:
        found = _within(2 * PATIENCE, versions)
    except TIMEOUT:
        raise InputError(f"{address}: has no worker; start one with: dask worker {address}", field="dask") from None
    except ImportError as error:
        needed = f"install spikebert {__version__} for scheduler and workers"
        raise InputError(f"{address}: {needed} ({error})", field="dask") from None
    for worker, its in found.items():
        if its != __version__:
            raise InputError(f"{address}: {worker} has spikebert {its}, not {__version__}", field="dask")


def _within(seconds: float, act: Callable[[], T]) -> T:
    """What `act` gives, or a TimeoutError: Dask itself waits for ever for somebody who listens and says nothing."""
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put((act(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast(T, result)


def _library(field: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError("needs Dask: pip install 'spikebert[serve]'", field=field) from None
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
    shards: Shards | None = None,
) -> SimulationResult:
    """`simulate.run.simulate` on the workers of `client`: the same result in the same order.

    Args:
        shards: where finished shards are kept, and those of a run that was cut are found.
    Raises:
        RunError: workers die of one shard again and again, or the cluster no longer answers.
    """
    from dask import config

    results, earlier = shards.read() if shards else ({}, 0.0)
    started = time.perf_counter() - earlier
    threads = sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values())
    groups = shard_bounds(sentences, backend, max(1, threads), list(results))
    with config.set({"distributed.admin.large-graph-warning-threshold": "16 GiB"}):
        model = client.submit(Model, graph, pure=False)  # a task: what a dead worker held is made anew
        futures = {
            client.submit(_run, model, sentences[first:behind], backend, granularity, record, pure=False): (
                first,
                behind,
            )
            for first, behind in groups
        }
    if progress:
        progress(sum(behind - first for first, behind in results))
    try:
        for future, result in _results(client, list(futures)):
            results[futures[future]] = result
            if shards:
                shards.write(*futures[future], result, time.perf_counter() - started)
            if progress:
                progress(futures[future][1] - futures[future][0])
    except RunError as error:
        if not (shards and shards.lock and results):
            raise
        done = sum(behind - first for first, behind in results)
        raise RunError(f"{error}; the {done:,} texts that are done are kept for the same command") from None
    return joined([results[group] for group in sorted(results)], time.perf_counter() - started, startup_seconds=0.0)


def _results(client: Client, futures: list[Any]) -> Iterator[tuple[Any, SimulationResult]]:
    """Each future with its result as it comes, as long as the cluster answers."""
    from distributed import KilledWorker, wait

    waiting, health = set(futures), _Health(client)
    while waiting:
        try:
            done = wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED").done  # type: ignore[union-attr]
            found = [(future, _within(10 * PATIENCE, future.result)) for future in done]
        except KilledWorker as error:
            died = error.allowed_failures + 1
            raise RunError(f"{died} workers died of the same texts, perhaps of too little memory") from None
        except (CancelledError, AssertionError) as error:  # Dask asserts where a scheduler goes away amid its own look
            reason = " ".join(str(error).split()) or "its scheduler no longer runs"
            raise RunError(f"the Dask cluster went away: {reason}") from None
        except (*TIMEOUT, OSError):
            health.require()
            continue
        waiting -= done
        health.alive = time.monotonic()
        yield from found


class _Health:
    """Whether the scheduler answers and has a worker that does; a worker that does not is given up."""

    def __init__(self, client: Any):
        self.client, self.alive = client, time.monotonic()

    def require(self) -> None:
        """A RunError once nothing has been heard for PATIENCE seconds."""
        with suppress(Exception):  # a client that has lost its scheduler raises many kinds
            found = _within(PATIENCE, self._look)
            if found:
                self.alive = time.monotonic()
        if time.monotonic() - self.alive > PATIENCE:
            raise RunError(
                f"the Dask cluster has had no worker that answers for {PATIENCE} seconds; "
                "see that its scheduler and its workers run, and repeat the command"
            )

    def _look(self) -> int:
        return self.client.run_on_scheduler(_answering, PATIENCE)


async def _answering(patience: float, dask_scheduler: Any) -> int:
    """On the scheduler: the number of workers that answer. Those that do not lose their tasks to them."""
    workers = dask_scheduler.workers.values()
    silent = [worker.address for worker in workers if time.time() - worker.last_seen > patience]
    answering = len(workers) - len(silent)
    for address in silent if answering else []:
        await dask_scheduler.remove_worker(address, stimulus_id="silent", close=False)
    return answering


def _run(model: Model, *job: Any) -> SimulationResult:
    return model.run(*job)


def shard_bounds(
    sentences: Sequence[Tokens], backend: str, workers: int, done: Sequence[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """(first, behind the last) of sentences that stand together: SHARDS for each worker, or more where they are many.

    Those between `done`, which are shards already, in order.
    """
    ends = [0, *(end for shard in sorted(done) for end in shard), len(sentences)]
    gaps = list(zip(ends[::2], ends[1::2], strict=True))
    tokens = sum(len(sentence) for first, behind in gaps for sentence in sentences[first:behind])
    size = min(SHARD[backend], -(-tokens // (SHARDS * workers)))
    return [
        (first + group[0], first + group[-1] + 1)
        for first, behind in gaps
        for group in batches(sentences[first:behind], size)
    ]

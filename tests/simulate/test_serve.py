"""Many texts on workers: the same run in the same order, also where a worker dies, or where none of it can be."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from export.ir import nir
from simulate import serve
from simulate.cli import main
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError, RunError
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

pytestmark = pytest.mark.needs("distributed")
LAVA = pytest.mark.needs("lava")
GRAPH = replace(random_graph(norm="batch", reset="zero"), tokenizer=tokenizer())
WIDE = replace(random_graph(width=384, blocks=1, norm="batch", reset="zero"), tokenizer=tokenizer())


@pytest.fixture(scope="module")
def client():
    with serve.cores(2) as found:
        yield found


def sentences(count=40):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 50, n) for n in rng.integers(1, 14, count)]


def same(a, b):
    parts = [(a.counts, b.counts), (a.neurons, b.neurons), (a.spikes, b.spikes)]
    assert np.array_equal(a.logits, b.logits)
    for ours, theirs in parts:
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_shards_hold_each_text_once_in_order():
    found = serve.shard_bounds(sentences(), "fast", workers=2)
    assert [i for shard in found for i in range(*shard)] == list(range(40))
    assert len(found) >= 2 * serve.SHARDS


def test_shards_leave_out_what_is_done():
    found = serve.shard_bounds(sentences(), "fast", workers=2, done=[(30, 40), (3, 9)])
    assert [i for shard in found for i in range(*shard)] == [*range(3), *range(9, 30)]


def test_a_killed_worker_loses_nothing(client):
    killed, done = [], []

    def kill(count):
        done.append(count)
        if not killed:
            killed.append(sorted(client.run(os.getpid).values())[0])
            os.kill(killed[0], signal.SIGKILL)

    given = sentences()
    found = serve.simulate(client, GRAPH, given, record=True, progress=kill)
    assert killed and sum(done) == len(given)
    same(FastSimulator(GRAPH).run(given, record=True), found)


@pytest.mark.parametrize("backend", ["fast", *(pytest.param(b, marks=LAVA) for b in ("lava", "stock"))])
def test_a_run_on_a_dask_cluster_is_the_run_of_one_process(client, tmp_path, capsys, backend):
    nir.write(WIDE, tmp_path / "model.nir")
    words = ["b c", "d", "c c b d", "b", "d d c"]
    (tmp_path / "dev.tsv").write_text("".join(f"label{i % 3}\t{text}\n" for i, text in enumerate(words)), "utf-8")
    command = [str(tmp_path / "model.nir"), "--data", str(tmp_path / "dev.tsv"), "--spikes", "--out"]
    assert main([*command, str(tmp_path / "one")]) == 0
    address = client.scheduler.address
    how = ["lava", "--granularity", "stock"] if backend == "stock" else [backend]
    assert main([*command, str(tmp_path / "many"), "--dask", address, "--backend", *how]) == 0
    one, many = (json.loads((tmp_path / run / "counts.json").read_text("utf-8")) for run in ("one", "many"))
    assert one.pop("run").keys() == many.pop("run").keys()
    assert one == many
    predictions = [(tmp_path / run / "predictions.tsv").read_bytes() for run in ("one", "many")]
    assert predictions[0] == predictions[1]
    with np.load(tmp_path / "one" / "spikes.npz") as a, np.load(tmp_path / "many" / "spikes.npz") as b:
        assert a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "--workers 0: must be auto or a number"),
        (["--workers", "many"], "--workers many: must be auto or a number"),
        (["--dask", "tcp://127.0.0.1:1"], "--dask tcp://127.0.0.1:1: no scheduler answers there"),
        (["--dask", "nonsense://x"], "--dask 'nonsense://x': must be the address of a scheduler"),
        (["--dask", "nonsense://x:1"], "--dask nonsense://x:1: no scheduler answers there"),
        (["--dask", "ucx://127.0.0.1:1"], "--dask ucx://127.0.0.1:1: no scheduler answers there"),
        (["--dask", " "], "--dask ' ': must be the address of a scheduler"),
        (["--workers", " "], "--workers  : must be auto or a number"),
    ],
)
def test_workers_that_cannot_be_are_one_line(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.setattr(serve, "PATIENCE", 1)
    nir.write(GRAPH, tmp_path / "model.nir")
    assert main([str(tmp_path / "model.nir"), "--text", "b", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_without_dask_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'spikebert\[serve\]'"), serve.cores(1):
        pass


@pytest.mark.parametrize("said", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x03" + bytes(7) + b"hello" * 99])
def test_a_server_that_is_no_dask_is_one_line_within_the_stated_time(monkeypatch, said):
    monkeypatch.setattr(serve, "PATIENCE", 5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                if said:
                    connection.sendall(said)

        kept = []
        threading.Thread(target=answer, daemon=True).start()
        started, address = time.monotonic(), f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"dask {address}: ") as error, serve.cluster(address):
            pass
        assert "\n" not in str(error.value)
        assert time.monotonic() - started < 60


def test_own_workers_listen_on_this_computer_alone(client):
    pids = {os.getpid(), *client.run(os.getpid).values()}
    sockets = {str(fd.readlink()) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                listening.append(fields[1].split(":")[0])
    assert len(listening) >= 4
    assert set(listening) == {"0100007F"}  # 127.0.0.1


@contextmanager
def cluster_of_processes():
    """(its address, scheduler and worker): each a process, as of a cluster that somebody else has started."""
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"
        ours = [subprocess.Popen([*scheduler, "--no-dashboard", "--scheduler-file", str(told)])]
        try:
            while not told.exists() or not told.read_text():
                assert ours[0].poll() is None, "the scheduler has ended"
                time.sleep(0.1)
            address = json.loads(told.read_text())["address"]
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
            ours.append(subprocess.Popen([*worker, "--no-dashboard", "--local-directory", folder]))
            yield address, ours
        finally:
            for process in ours:
                process.kill()
                process.wait()


def test_a_cluster_whose_processes_stop_or_end_is_one_line_after_the_stated_time(monkeypatch):
    for number in (signal.SIGSTOP, signal.SIGKILL):
        monkeypatch.setattr(serve, "PATIENCE", 60)
        with cluster_of_processes() as (address, ours):
            with pytest.raises(RunError) as error, serve.cluster(address) as client:
                monkeypatch.setattr(serve, "PATIENCE", 4)
                started, stop = time.monotonic(), partial(ours[0].send_signal, number)
                serve.simulate(client, GRAPH, sentences() * 2000, progress=lambda done, stop=stop: done and stop())
            assert "the Dask cluster" in str(error.value) and "\n" not in str(error.value)
            assert time.monotonic() - started < 90


def test_what_dask_raises_as_a_client_leaves_hides_nothing_and_is_not_shown(caplog):
    class Client:
        def close(self):
            logging.getLogger("distributed.client").error("deque mutated during iteration")
            raise RuntimeError("deque mutated during iteration")

    serve._leave(Client())
    assert not caplog.records
    logging.getLogger("distributed.client").error("of another client")
    assert len(caplog.records) == 1

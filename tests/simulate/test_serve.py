"""Many texts on workers: the same run in the same order, also where a worker dies, or where none of it can be."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from export import nir
from simulate import serve
from simulate.cli import main
from simulate.fast import FastSimulator
from spikebert.errors import InputError
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

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
    found = serve.shards(sentences(), "fast", workers=2)
    assert [i for shard in found for i in shard] == list(range(40))
    assert len(found) >= 2 * serve.SHARDS


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


@pytest.mark.parametrize("backend", ["fast", "lava", "stock"])
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
        (["--dask", "nonsense://x"], "--dask nonsense://x: no scheduler answers there"),
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

"""A run over workers that is cut goes on with the same command, whatever cut it."""

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from export.ir import nir
from simulate import serve, shards
from simulate.cli import main
from simulate.fast import FastSimulator
from simulate.shards import Shards, shards_of
from spikebert.core.errors import InputError
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph
from tests.simulate.test_serve import cluster_of_processes, same, sentences

DASK = pytest.mark.needs("distributed")
GRAPH = replace(random_graph(norm="batch", reset="zero"), tokenizer=tokenizer())


def begun(out: Path) -> Shards:
    keeper = Shards(out)
    keeper.begin("model", sentences(), ())
    return keeper


def shards_in(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{shards.PREFIX}*/*.npz"))


@DASK
@pytest.mark.parametrize(
    ("victim", "number"),
    [
        (0, signal.SIGKILL),
        pytest.param(1, signal.SIGKILL, marks=pytest.mark.long),
        pytest.param(1, signal.SIGSTOP, marks=pytest.mark.long),
    ],
)
def test_after_the_cluster_is_gone_the_same_command_goes_on(tmp_path, capsys, monkeypatch, victim, number):
    """Its scheduler killed, its one worker killed, or silent."""
    nir.write(GRAPH, tmp_path / "model.nir")
    rows = [f"label{i % 3}\t{'good bad film a very'[: 4 + i % 15]}\n" for i in range(6000)]
    (tmp_path / "texts.tsv").write_text("".join(rows), "utf-8")
    command = [str(tmp_path / "model.nir"), "--data", str(tmp_path / "texts.tsv"), "--out"]
    many = [*command, str(tmp_path / "many"), "--dask"]
    with cluster_of_processes() as (address, ours):
        over = threading.Event()

        def cut():
            while not shards_in(tmp_path) and not over.wait(0.01):
                pass
            monkeypatch.setattr(serve, "PATIENCE", 4)
            ours[victim].send_signal(number)

        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            assert main([*many, address]) == 1
        finally:
            over.set()
            cutter.join()
    error = capsys.readouterr().err
    assert "texts that are done are kept for the same command" in error and error.count("\n") == 1
    assert not (tmp_path / "many").exists()
    begun = shards_in(tmp_path)
    monkeypatch.setattr(serve, "PATIENCE", 60)
    with cluster_of_processes() as (address, _):
        assert main([*many, address]) == 0
    assert begun and not list(tmp_path.glob(".*"))
    assert main([*command, str(tmp_path / "one")]) == 0
    assert (tmp_path / "one" / "predictions.tsv").read_bytes() == (tmp_path / "many" / "predictions.tsv").read_bytes()
    one, found = (json.loads((tmp_path / run / "counts.json").read_text("utf-8")) for run in ("one", "many"))
    assert one["layers"] == found["layers"]


@DASK
def test_what_is_kept_is_not_simulated_again(tmp_path):
    given = sentences()
    whole = FastSimulator(GRAPH).run(given, record=True)
    part = FastSimulator(GRAPH).run(given[7:12], record=True)
    told = []
    with serve.cores(1) as client:
        keeper = begun(tmp_path / "run")
        keeper.write(7, 12, replace(part, logits=part.logits + 10**6), 50.0)
        found = serve.simulate(client, GRAPH, given, record=True, progress=told.append, shards=keeper)
    assert told[0] == 5 and sum(told) == 40
    assert found.seconds > 50
    changed = found.logits.copy()
    changed[7:12] -= 10**6
    same(whole, replace(found, logits=changed))


def test_what_is_kept_of_other_texts_is_thrown_away(tmp_path):
    given, out = sentences(), str(tmp_path / "run")
    part = FastSimulator(GRAPH).run(given[:3])
    with pytest.raises(KeyboardInterrupt), shards_of(out) as keeper:
        assert keeper
        keeper.begin("model", given, ("fast",))
        keeper.write(0, 3, part, 1.0)
        raise KeyboardInterrupt
    assert len(shards_in(tmp_path)) == 1
    for model, texts, how, count in (
        ("model", given, "fast", 1),
        ("other", given, "fast", 0),
        ("model", given[::-1], "fast", 0),
    ):
        with pytest.raises(KeyboardInterrupt), shards_of(out) as keeper:
            assert keeper
            keeper.begin(model, texts, (how,))
            assert len(keeper.read()[0]) == count
            keeper.write(0, 3, part, 1.0)
            raise KeyboardInterrupt
        assert len(shards_in(tmp_path)) == 1
    with shards_of(out) as keeper:
        assert keeper
        keeper.begin("model", given, ("fast",))
    assert not list(tmp_path.iterdir())


def test_an_output_whose_name_is_not_utf_8_keeps_its_own_shards(tmp_path):
    names = [os.fsdecode(name) for name in (b"run\xff", b"run\xfe", b"run")]
    assert len({Shards(tmp_path / name).folder for name in names}) == 3


def test_a_damaged_shard_is_simulated_anew(tmp_path):
    keeper = begun(tmp_path / "run")
    keeper.write(0, 3, FastSimulator(GRAPH).run(sentences()[:3]), 1.0)
    shards_in(tmp_path)[0].write_bytes(b"PK")
    assert keeper.read() == ({}, 0.0)


def test_two_processes_do_not_simulate_for_one_output(tmp_path):
    first = begun(tmp_path / "run")
    with pytest.raises(InputError, match="another process simulates"):
        begun(tmp_path / "run")
    first.close()
    begun(tmp_path / "run").close()
    assert not list(tmp_path.iterdir())


def simulated(folder: Path) -> list[str]:
    """The command line of a run without workers for `folder`/run."""
    nir.write(GRAPH, folder / "model.nir")
    return [str(folder / "model.nir"), "--text", "good film", "--out", str(folder / "run")]


def test_a_run_without_workers_removes_what_a_cut_one_kept_for_its_output(tmp_path):
    for name in ("run", "another"):
        keeper = begun(tmp_path / name)
        keeper.write(0, 3, FastSimulator(GRAPH).run(sentences()[:3]), 1.0)
        keeper.close()
    assert len(shards_in(tmp_path)) == 2
    assert main(simulated(tmp_path)) == 0
    assert [path.parent for path in shards_in(tmp_path)] == [Shards(tmp_path / "another").folder]
    assert Shards(tmp_path / "another").folder in tmp_path.iterdir() and not Shards(tmp_path / "run").folder.exists()


def test_a_run_without_workers_that_fails_leaves_what_a_cut_one_kept(tmp_path):
    keeper = begun(tmp_path / "run")
    keeper.write(0, 3, FastSimulator(GRAPH).run(sentences()[:3]), 1.0)
    keeper.close()
    command = simulated(tmp_path)
    assert main([*command[:2], "", *command[3:]]) == 2
    with pytest.raises(KeyboardInterrupt), shards_of(command[-1], kept=False) as cleaner:
        assert cleaner
        cleaner.begin("model", sentences(), ())
        raise KeyboardInterrupt
    assert len(shards_in(tmp_path)) == 1


def test_a_run_without_workers_makes_no_folder_beside_its_output(tmp_path):
    with pytest.raises(KeyboardInterrupt), shards_of(str(tmp_path / "run"), kept=False) as cleaner:
        assert cleaner
        cleaner.begin("model", sentences(), ())
        assert not list(tmp_path.iterdir())
        raise KeyboardInterrupt


def test_a_run_without_workers_does_not_take_the_output_of_a_living_one(tmp_path, capsys):
    living = begun(tmp_path / "run")
    assert main(simulated(tmp_path)) == 2
    assert "another process simulates for it" in capsys.readouterr().err
    assert not (tmp_path / "run").exists() and living.folder.exists()
    living.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to another user")
def test_what_another_user_keeps_is_left_alone(tmp_path):
    keeper = begun(tmp_path / "run")
    keeper.write(0, 3, FastSimulator(GRAPH).run(sentences()[:3]), 1.0)
    keeper.close()
    os.chown(keeper.folder, 12345, -1)
    assert main(simulated(tmp_path)) == 0
    assert len(shards_in(tmp_path)) == 1

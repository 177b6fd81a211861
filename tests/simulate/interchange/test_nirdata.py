"""NIR's own reader reads the spikes of a run, and finds them where its converter puts events."""

import nir
import numpy as np
import pytest

from export.formats.stages import DT, stage
from export.ir import nir as files
from export.ir.chains import stock_chains
from simulate.interchange.nirdata import file_of
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return example_run(tmp_path_factory.mktemp("nirdata"), to=("nirdata",), norm="batch", reset="zero", blocks=1)


@pytest.fixture(scope="module")
def data(folder):
    return nir.read_data(str(folder / "spikes.h5"))


def test_every_layer_has_the_spikes_of_spikes_npz_a_sample_a_token(folder, data):
    graph = files.read(folder.parent / "model.nir")
    with np.load(folder / "spikes.npz") as ours:
        for node in graph.neurons:
            theirs = data.nodes[node.name].observables["spikes"]
            assert isinstance(theirs, nir.TimeGriddedData)
            assert (theirs.data.dtype, theirs.dt) == (bool, DT)
            assert np.array_equal(theirs.data.transpose(1, 0, 2), ours[node.name])


def test_nir_turns_them_into_events_and_back(data):
    for node in data.nodes.values():
        if "spikes" in node.observables:
            gridded = node.observables["spikes"]
            events = gridded.to_event(int(gridded.data.sum(axis=(1, 2)).max()), time_shift=DT / 2)
            assert (events.idx >= 0).sum() == gridded.data.sum()
            assert np.array_equal(events.to_time_gridded(DT).data, gridded.data)


def test_nir_finds_that_the_layers_fit_the_nodes_of_the_exported_stages(folder, data):
    graph = files.read(folder.parent / "model.nir")
    for chain in stock_chains(graph):
        theirs = {f"lif_{i}": data.nodes[layer.lif.name] for i, layer in enumerate(chain)}
        nir.NIRGraphData(theirs).check_nodes(stage(chain))


def test_the_readout_has_the_logits_and_the_root_has_the_lengths_of_the_texts(folder, data):
    graph = files.read(folder.parent / "model.nir")
    logits = data.nodes[graph.nodes[-1].name].observables["logits"].data
    lines = (folder / "predictions.tsv").read_text("utf-8").splitlines()
    columns = [i for i, name in enumerate(lines[0].split("\t")) if name.startswith("logit_")]
    assert logits[:, 0].tolist() == [[int(line.split("\t")[i]) for i in columns] for line in lines[1:]]
    import h5py

    with h5py.File(folder / "spikes.h5") as file:
        assert file["lengths"][()].tolist() == [3, 4, 1]


def test_membranes_of_some_neurons_are_events_with_values(folder, tmp_path):
    graph = files.read(folder.parent / "model.nir")
    node, rng = graph.neurons[0], np.random.default_rng(1)
    held = rng.integers(-(2**23), 2**23, (4, 5, 2)).astype(np.int32)
    spikes = {node.name: np.zeros((4, 5, node.width), np.uint8)}
    chosen = np.array([0, 7])
    logits = np.zeros((1, 3), np.int64)
    (tmp_path / "data.h5").write_bytes(file_of(graph, spikes, [5], logits, {node.name: chosen}, {node.name: held}))
    theirs = nir.read_data(str(tmp_path / "data.h5")).nodes[node.name].observables["membrane"]
    gridded = theirs.to_time_gridded(DT).data
    assert gridded.shape == (5, 4, node.width)
    assert np.array_equal(gridded[..., chosen].transpose(1, 0, 2), held)
    assert not np.delete(gridded, chosen, axis=-1).any()

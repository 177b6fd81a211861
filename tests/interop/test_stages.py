"""Stock NIR stages of the shipped model in snnTorch, Norse, SpikingJelly and snn-mlir, on spikes of real sentences."""

import pytest

from benchmarks.interop import BIN, TOOLS, comparisons
from tests.export.formats.test_stages import SHIPPED

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="no .venv-interop here; `make interop` builds it")


@pytest.fixture(scope="module")
def compared():
    return list(comparisons(str(SHIPPED), "tweets", limit=4))


@pytest.mark.parametrize("tool", TOOLS)
def test_every_stage_gives_our_spikes_bit_by_bit(compared, tool):
    assert {verdicts[tool] for _, verdicts, _ in compared} == {"exact"}


def test_nothing_rounds_or_saturates_in_the_shipped_model(compared):
    assert not any(layer["rounds"] or layer["may_saturate"] for step, _, _ in compared for layer in step["layers"])


def test_snn_mlir_accepts_every_stage(compared):
    assert {accepted for _, _, accepted in compared} == {"accepted"}

"""The high end of the cores is what a published compiler took, by its own log."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deploy.chips.chip import read_chip
from deploy.chips.mapping import map_graph
from deploy.chips.packing import compiled_cores, packed_cores, packed_words
from tests.random_graph import random_graph


def test_the_dense_layer_of_pilotnet_takes_the_words_and_the_cores_of_the_log():
    assert packed_words(inputs=2560, rows=100, outputs=100, weight_bits=8) == 61440
    assert packed_words(inputs=2560, rows=17, outputs=100, weight_bits=8) == 12800
    assert packed_cores(inputs=2560, outputs=100, weight_bits=8, room=12000) == 12


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(2, 9), st.integers(3000, 20000))
def test_what_is_packed_fits_or_stands_a_row_a_core(inputs, outputs, bits, room):
    cores = packed_cores(inputs, outputs, bits, room)
    assert 1 <= cores <= outputs
    assert cores == outputs or packed_words(inputs, -(-outputs // cores), outputs, bits) <= room


def test_the_high_end_is_never_below_the_cores_that_are_placed():
    chip = read_chip("loihi2")
    for strategy in ("unrolled", "token-serial"):
        mapping = map_graph(random_graph(norm="batch", width=60), chip, strategy=strategy)
        assert all(compiled_cores(cut, chip) >= cut.count for cut in mapping.cuts)
    tight = replace(chip, synapse_memory_per_core=2000)
    mapping = map_graph(random_graph(norm="batch", width=60), tight, strategy="token-serial")
    assert mapping.compiled_cores > len(mapping.cores)

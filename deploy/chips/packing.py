"""How many cores a published compiler would take: rows of synapses with their headers, halved until they fit.

`partition` counts weights at their own width and nothing beside them: as few cores as there can be. Intel's compiler
for Loihi 2 is not public, but what it said of some networks is (lava-dl, tutorials/lava/lib/dl/netx). It stores a list
of synapses for each input of a core, in words of 64 bits as NengoLoihi does for Loihi 1 (`bits_per_axon` of its
Synapse), and divides a layer until no core needs more than its memory:

    words of an input  = ⌈(rows · (weight bits + index bits) + header bits) / 64⌉
    index bits         = ⌈log2(outputs of the layer)⌉
    cores              ← cores · ⌈inputs · words / words of a core⌉

With a header of 24 bits and 12,000 words a core that reproduces the log of PilotNet's layer of 2,560 inputs and 100
outputs: 61,440 words on one core, 12,800 on each of 6, and 12 cores in the end. The layer behind it, of 100 inputs and
50 outputs, took 1,300 words, and this says 1,200; those of a network with delays (oxford/run.ipynb) took a quarter
more.
"""

from __future__ import annotations

import math

from deploy.chips.chip import Chip
from deploy.chips.partition import Cut

WORD, HEADER = 64, 24  # bits


def packed_words(inputs: int, rows: int, outputs: int, weight_bits: int) -> int:
    """Words of so many rows (neurons) of a layer on one core."""
    index = max(1, (outputs - 1).bit_length())
    return inputs * math.ceil((rows * (weight_bits + index) + HEADER) / WORD)


def packed_cores(inputs: int, outputs: int, weight_bits: int, room: int) -> int:
    """Cores of one copy of a layer, where a core has room for so many words; at most one core a row."""
    cores = 1
    while cores < outputs:
        needed = packed_words(inputs, math.ceil(outputs / cores), outputs, weight_bits)
        if needed <= room:
            break
        cores = min(outputs, cores * math.ceil(needed / room))
    return cores


def compiled_cores(cut: Cut, chip: Chip) -> int:
    """Cores of a population at the high end: packed as above, and never fewer than it was cut into."""
    population = cut.population
    if not population.axons or not population.synapse_bits:
        return cut.count
    memory = chip.synapse_memory_per_core and chip.fact("synapse_memory_per_core").low
    room = int(memory or chip.memory_per_core) * 8 // WORD
    bits = population.synapse_bits // population.axons
    whole = packed_words(population.axons, population.rows, population.rows, bits)
    if whole <= room:
        return max(cut.count, math.ceil(population.copies / min(cut.copies, room // whole)))
    return max(cut.count, population.copies * packed_cores(population.axons, population.rows, bits, room))

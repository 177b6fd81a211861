"""`--to netx`: every linear chain as a network of lava-dl's HDF5 exchange format, with a manifest for the host.

`lava.lib.dl.netx.hdf5.Network` builds Lava's Dense and LIFReset out of a file, with integers equal to ours:

    weight    as it is: netx itself stores mixed-sign weights as 2^k W with the weight exponent -k, which saves the bit
              that Dense cuts off. Without a positive weight it does so wrongly where the least is -2^j.
    bias      netx fixes the exponent at 6: the mantissa is bias / 64.
    vThMant   of a neuron that fires at v > 64 · vThMant
    iDecay    4096, no memory of the current: netx gives Lava du = iDecay - 1, and Lava adds the 1 again
    vDecay    the decay

The files hold one token: tokens come one after the other, T steps each; see docs/netx.md. Nothing here imports lava.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import h5py
import numpy as np

from export.formats.netx_manifest import FILE, FORMAT, FORMAT_VERSION, LeftOut, Manifest, Net
from export.ir.chains import Layer, stock_chains
from export.ir.early_exit import refuse_margin
from export.ir.graph import INPUT_SHIFT, LIF, Accumulate, Add, Attention, Embedding, Graph, Linear, Node, Readout
from export.ir.nir import checksum
from export.ir.ranges import output_bounds
from export.ir.stock import MANTISSA_MAX, NO_CURRENT_MEMORY, check_stock, stock_threshold
from spikebert import __version__
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, names_format, write_buffer, write_folder_atomically
from spikebert.core.records import text_of

FOLDER = Kind("networks for netx", (FILE, "[0-9][0-9]*.net"), names_format(FORMAT))
RESET_OFFSET = 1  # netx resets layer k at the steps RESET_OFFSET + 1 + k modulo T: when its first input arrives

FEEDING = (
    "hdf5.Network(file, input_message_bits=…, reset_interval=…, reset_offset=…) with the values of the net. At time "
    "step i T + t + 1 send it step t (0 to T-1) of token i: tokens follow one another without a gap. What it sends at "
    "time step i T + t + 1 + delay is step t of token i of the output node. Run tokens · T + delay steps."
)
LEFT_OUT: dict[type[Node], str] = {
    Embedding: "a table look-up: the host's part",
    Attention: "a product of spikes with spikes: no synapse of netx",
    Add: "the host adds the spike trains of its inputs; what reads it takes the sum as graded spikes",
    Accumulate: "the host adds the currents of its inputs, each shifted to the left",
    Readout: "a mean over steps and tokens: the host's part",
    LIF: "neurons without weights of their own before them: the host's part, or LIF processes of their own",
    Linear: "weights without neurons behind them: currents of a residual stream",
}


def write(graph: Graph, folder: str | os.PathLike[str]) -> None:
    """Write the networks and `manifest.json`; the folder appears whole or not at all.

    Raises:
        InputError: names the first node that Lava's own processes, or netx, cannot compute exactly.
    """
    chains = check(graph)
    files = [f"{number:02d}.net" for number in range(len(chains))]  # a node's name is no safe path

    def fill(temporary: Path) -> None:
        for file, chain in zip(files, chains, strict=True):
            _write_net(temporary / file, chain)
        found = manifest(graph, dict(zip(files, chains, strict=True)))
        (temporary / FILE).write_text(text_of(found, FORMAT, FORMAT_VERSION), "utf-8")

    write_folder_atomically(Path(folder), FOLDER, fill)


def check(graph: Graph) -> list[list[Layer]]:
    """The chains of a graph; an InputError as of `write`."""
    refuse_margin(graph, "netx")
    check_stock(graph)
    chains = stock_chains(graph)
    for layer in (layer for chain in chains for layer in chain):
        _check(layer)
    return chains


def manifest(graph: Graph, nets: dict[str, list[Layer]]) -> Manifest:
    """What the host must know."""
    bounds = output_bounds(graph)
    held = {node.name for chain in nets.values() for layer in chain for node in layer}
    return Manifest(
        writer=f"spikebert {__version__}",
        graph_checksum=checksum(graph),
        time_steps=graph.time_steps,
        feeding=FEEDING,
        nets=[_net(file, chain, bounds, graph.time_steps) for file, chain in nets.items()],
        left_out=[
            LeftOut(node.name, list(node.inputs), LEFT_OUT[type(node)]) for node in graph if node.name not in held
        ],
    )


def _net(file: str, chain: list[Layer], bounds: dict[str, int], steps: int) -> Net:
    (source,) = chain[0].linear.inputs
    largest = bounds[source]
    return Net(
        file=file,
        nodes=[node.name for layer in chain for node in layer],
        input=source,
        output=chain[-1].lif.name,
        input_width=chain[0].linear.weight.shape[1],
        output_width=chain[-1].lif.width,
        largest_input=largest,
        input_message_bits=largest.bit_length() if largest > 1 else 0,  # 0: binary spikes
        reset_interval=steps,
        reset_offset=RESET_OFFSET,
        delay=len(chain),  # each Dense sends what it summed up in the step before
        thresholds={layer.lif.name: int(layer.lif.threshold[0]) for layer in chain},
        vThMant={layer.lif.name: stock_threshold(layer.lif) for layer in chain},
        vDecay={layer.lif.name: layer.lif.decay for layer in chain},
    )


def _check(layer: Layer) -> None:
    """An InputError for what Lava's own processes hold and netx does not."""
    weight, bias = layer.linear.weight.astype(np.int64), layer.lif.bias.astype(np.int64)
    least = -int(weight.min())
    if weight.max() <= 0 and least & (least - 1) == 0:
        raise InputError(
            f"layer {layer.linear.name}: it has no positive weight, and netx loses its least, {-least}; "
            "use --to lava or --to nir"
        )
    if (bias % 2**INPUT_SHIFT).any():
        odd = int(bias[bias % 2**INPUT_SHIFT != 0][0])
        raise InputError(
            f"layer {layer.lif.name}: bias {odd} is no multiple of {2**INPUT_SHIFT}, which is all that netx holds; "
            "export the model.pt again with this version"
        )
    if np.abs(bias).max() > MANTISSA_MAX << INPUT_SHIFT:
        raise InputError(f"layer {layer.lif.name}: bias {np.abs(bias).max()} is beyond 13 bits · 64, netx's largest")


def _write_net(path: Path, chain: list[Layer]) -> None:
    """One file, its fields named and typed as those that lava-dl writes."""
    buffer = io.BytesIO()  # HDF5 ends the process with a fault where a disk is full
    with h5py.File(buffer, "w") as file:
        for number, (linear, lif) in enumerate(chain):
            outputs, inputs = linear.weight.shape
            layer = file.create_group(f"layer/{number}")
            layer["type"] = _text("dense")
            layer["shape"] = np.array([outputs])
            layer["inFeatures"], layer["outFeatures"] = inputs, outputs
            layer["weight"] = linear.weight
            layer["bias"] = np.broadcast_to(lif.bias >> INPUT_SHIFT, outputs)
            neuron = layer.create_group("neuron")
            neuron["type"] = _text("CUBA")
            neuron["iDecay"] = NO_CURRENT_MEMORY + 1
            neuron["vDecay"] = lif.decay
            neuron["vThMant"] = stock_threshold(lif)
            neuron["refDelay"] = 1
            neuron["gradedSpike"] = False
    write_buffer(path, buffer)


def _text(value: str) -> np.ndarray:
    return np.array([value.encode("ascii")], "S10")

"""The whole process graph of an exported model."""

from __future__ import annotations

from typing import NamedTuple

from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.run_configs import Loihi2SimCfg, RunConfig

from export.ir.graph import Graph
from export.ir.ranges import output_bounds
from export.ir.sections import neurons, sections
from export.lava.processes import LEVEL_PORTS, SPIKE_PORTS, Block, Collector, Embeddings, Head, Probe
from export.lava.stock import build_stock
from export.runtime.tally import keys
from export.runtime.waves import Frame


class Built(NamedTuple):
    """A process graph ready to compile."""

    root: AbstractProcess  # running it runs all
    configuration: RunConfig
    steps: int  # time steps until the last result is out


def build(graph: Graph, granularity: str, waves: list, rows: int, folder: str, record: bool) -> Built:
    """Create and connect all processes.

    Args:
        granularity: "block", "layer" or "stock".
        waves: (token ids (M,), lengths) of each wave, M at most `rows`.
        folder: where Collector and Probes write; Probes exist with `record`, and always in "stock".
    """
    frame = Frame(
        rows=rows,
        sentences=max(len(lengths) for _, lengths in waves),
        steps=graph.time_steps,
        places={key: i for i, key in enumerate(key for node in graph for key in keys(node))},
        bounds=output_bounds(graph),
        folder=folder,
    )
    if granularity == "stock":
        root, delay = build_stock(graph, waves, frame)
    else:
        root, delay = _build_blocks(graph, waves, frame, record)
    configuration = Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=granularity == "layer")
    return Built(root, configuration, len(waves) * graph.time_steps + delay)


def _build_blocks(graph: Graph, waves: list, frame: Frame, record: bool) -> tuple[AbstractProcess, int]:
    """Embeddings, Blocks and Head; gives the first, and the delay of the logits."""
    first, blocks, last = sections(graph)
    embeddings = Embeddings(frame, first, waves, name="embeddings")
    delay = {node.name: index for index, nodes in enumerate(blocks) for node in nodes}
    delays = [delay.get(node.name, 0) for nodes in (first, *blocks, last) for node in nodes for _ in keys(node)]
    collector = Collector(frame, graph.outputs, name="collector", delay=len(blocks), delays=delays)
    if any(keys(node) for node in first):  # Lava finds no sender of what no leaf of it counts
        embeddings.counts_out.connect(collector.counts_in)
    levels = zip(neurons(first), LEVEL_PORTS, strict=False)
    wires = {node.name: getattr(embeddings, port) for node, port in levels}
    stream = embeddings.y_out
    for index, nodes in enumerate(blocks):
        block = Block(frame, nodes, name=f"block{index}", delay=index)
        stream.connect(block.x_in)
        embeddings.lengths_out.connect(block.lengths_in)
        block.counts_out.connect(collector.counts_in)
        layers = zip(neurons(nodes), SPIKE_PORTS, strict=False)
        wires |= {node.name: getattr(block, port) for node, port in layers}
        stream = block.y_out
    head = Head(frame, last, name="head", delay=len(blocks))
    stream.connect(head.x_in)
    embeddings.lengths_out.connect(head.lengths_in)
    head.logits_out.connect(collector.logits_in)
    if record:
        for name, wire in wires.items():
            probe = Probe(frame, wire.shape[1], frame.spike_file(name), name=f"probe {name}", delay=delay.get(name, 0))
            wire.connect(probe.x_in)
    return embeddings, len(blocks)

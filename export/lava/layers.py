"""Block, Embeddings and Head of one leaf process a node, which is what a chip would hold: `--granularity layer`.

The spikes are those of `models`, where each of the three is one OS process. The run configuration chooses.
"""
# A leaf has counts_out where `keys` names something that is counted of it, which no type checker can follow.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from export.ir.graph import Accumulate, Add, Embedding
from export.ir.sections import neurons
from export.lava.processes import (
    LEAVES,
    LEVEL_PORTS,
    SPIKE_PORTS,
    Block,
    Decision,
    Embeddings,
    Head,
    Lookup,
    Stream,
)
from export.runtime.tally import keys


@implements(proc=Embeddings, protocol=LoihiProtocol)
@tag("fixed_pt")
class EmbeddingsLayers(AbstractSubProcessModel):
    def __init__(self, proc):
        first, *rest = proc.proc_params["nodes"]
        assert isinstance(first, Embedding)
        lookup = Lookup(proc.proc_params["frame"], first, proc.proc_params["waves"], name=first.name)
        lookup.lengths_out.connect(proc.out_ports.lengths_out)
        leaves = _connect(proc, rest, {first.name: lookup.y_out}, lookup.lengths_out)
        self.lookup = lookup
        vars(self).update(leaves)  # Lava finds the sub-processes among the attributes
        (leaves[rest[-1].name] if rest else lookup).y_out.connect(proc.out_ports.y_out)
        for port, node in zip(LEVEL_PORTS, neurons(rest), strict=False):
            leaves[node.name].y_out.connect(getattr(proc.out_ports, port))


@implements(proc=Block, protocol=LoihiProtocol)
@tag("fixed_pt")
class BlockLayers(AbstractSubProcessModel):
    def __init__(self, proc):
        nodes = proc.proc_params["nodes"]
        leaves = _connect(proc, nodes, {nodes[0].inputs[0]: proc.in_ports.x_in}, proc.in_ports.lengths_in, nodes[-1])
        vars(self).update(leaves)
        leaves[nodes[-1].name].y_out.connect(proc.out_ports.y_out)
        for port, node in zip(SPIKE_PORTS, neurons(nodes), strict=False):
            leaves[node.name].y_out.connect(getattr(proc.out_ports, port))


@implements(proc=Head, protocol=LoihiProtocol)
@tag("fixed_pt")
class HeadLayers(AbstractSubProcessModel):
    def __init__(self, proc):
        *rest, readout = proc.proc_params["nodes"]
        source = (rest or [readout])[0].inputs[0]
        leaves = _connect(proc, rest, {source: proc.in_ports.x_in}, proc.in_ports.lengths_in)
        params = proc.proc_params
        decision = Decision(params["frame"], readout, name=readout.name, delay=params["delay"])
        (leaves[rest[-1].name].y_out if rest else proc.in_ports.x_in).connect(decision.x_in)
        proc.in_ports.lengths_in.connect(decision.lengths_in)
        decision.logits_out.connect(proc.out_ports.logits_out)
        self.decision = decision
        vars(self).update(leaves)


def _connect(proc, nodes, outputs, lengths, holding=None):
    """A leaf process for each node, wired as the graph says; `outputs` are the ports of the nodes that feed them.

    The stream `holding`, the last of a Block, sends what it has added in the step before.
    """
    params, leaves, outputs = proc.proc_params, {}, dict(outputs)
    frame, delay = params["frame"], params.get("delay", 0)
    for node in nodes:
        sources = [outputs[s] for s in node.inputs]
        if isinstance(node, (Add, Accumulate)):
            leaf = Stream(frame, node, name=node.name, delay=delay, holds=node is holding)
            sources[1].connect(leaf.other_in)
        else:
            leaf = LEAVES[type(node)](frame, node, sources[0].shape[1], name=node.name, delay=delay)
        leaves[node.name] = leaf
        sources[0].connect(leaf.x_in)
        lengths.connect(leaf.lengths_in)
        if keys(node):
            leaf.counts_out.connect(proc.out_ports.counts_out)
        outputs[node.name] = leaf.y_out
    return leaves

"""NIR graphs of other tools, nested as they are, run one number at a time: nothing here is shared with the package."""

import nir
import numpy as np


class Naive:
    """`step` takes and gives the D values of one time step; `spikes` collects those of each spiking node."""

    def __init__(self, graph, dt, spikes=None, prefix=""):
        self.graph, self.dt, self.prefix = graph, dt, prefix
        self.spikes = {} if spikes is None else spikes
        self.memory = {}
        self.inner = {
            name: Naive(node, dt, self.spikes, f"{prefix}{name}.")
            for name, node in graph.nodes.items()
            if isinstance(node, nir.NIRGraph)
        }

    def step(self, x):
        given, out = {}, None
        while len(given) < len(self.graph.nodes):
            for name, node in self.graph.nodes.items():
                sources = [a for a, b in self.graph.edges if b == name]
                if name in given or not all(s in given for s in sources):
                    continue
                if isinstance(node, nir.Input):
                    given[name] = list(x)
                else:
                    drive = [sum(values) for values in zip(*(given[s] for s in sources), strict=True)]
                    given[name] = self.node(name, node, drive)
                if isinstance(node, nir.Output):
                    out = given[name]
        return out

    def node(self, name, node, x):
        if name in self.inner:
            return self.inner[name].step(x)
        if isinstance(node, (nir.Output, nir.Flatten)):
            return x
        if isinstance(node, nir.Affine):
            return [
                sum(w * v for w, v in zip(row, x, strict=True)) + b
                for row, b in zip(node.weight, node.bias, strict=True)
            ]
        values = [self.element(name, node, i, value) for i, value in enumerate(x)]
        if isinstance(node, (nir.LIF, nir.CubaLIF, nir.IF, nir.Threshold)):
            self.spikes.setdefault(self.prefix + name, []).append(values)
        return values

    def element(self, name, node, i, x):
        """One neuron, or one feature of a Scale."""
        if isinstance(node, nir.Scale):
            return x * node.scale[i]
        if isinstance(node, nir.Threshold):
            return 1.0 if x > node.threshold[i] else 0.0
        start = node.v_leak[i] if hasattr(node, "v_leak") else node.v_reset[i]
        current, v = self.memory.get((name, i), (0.0, start))
        if isinstance(node, nir.CubaLIF):
            current = current + self.dt / node.tau_syn[i] * (node.w_in[i] * x - current)
            v = v + self.dt / node.tau_mem[i] * (node.v_leak[i] - v + node.r[i] * current)
        elif isinstance(node, nir.IF):
            v = v + self.dt * node.r[i] * x
        else:
            v = v + self.dt / node.tau[i] * (node.v_leak[i] - v + node.r[i] * x)
        if isinstance(node, nir.LI):
            out = v
        else:
            out = 1.0 if v > node.v_threshold[i] else 0.0
            v = node.v_reset[i] if out else v
        self.memory[name, i] = current, v
        return out


def random_node(rng, kind, size, dt):
    """A node of `size` features whose neurons fire now and then."""

    def draw(low, high):
        return rng.uniform(low, high, size)

    if kind == "Affine":
        return nir.Affine(rng.normal(0.2, 0.8, (size, size)), draw(-0.1, 0.3))
    if kind == "Scale":
        return nir.Scale(draw(0.5, 1.5))
    if kind == "Threshold":
        return nir.Threshold(draw(0.2, 0.6))
    if kind == "Flatten":
        return nir.Flatten({"input": np.array([size])}, 0, -1)
    if kind == "IF":
        return nir.IF(draw(0.5, 1.5) / dt, draw(0.5, 2), draw(-0.2, 0.1))
    tau, r, leak, threshold, reset = draw(1, 5) * dt, draw(1, 4), draw(-0.1, 0.1), draw(0.3, 1), draw(-0.2, 0.1)
    if kind == "LI":
        return nir.LI(tau, r, leak)
    if kind == "LIF":
        return nir.LIF(tau, r, leak, threshold, reset)
    return nir.CubaLIF(draw(1, 3) * dt, tau, r, leak, threshold, reset, draw(0.5, 2))


KINDS = ("Affine", "Scale", "Threshold", "Flatten", "IF", "LI", "LIF", "CubaLIF")


def random_nested(rng, size, dt, depth=2):
    """Input → some nodes and graphs, each reading one to three of those before it → Output."""
    nodes = {"input": nir.Input({"input": np.array([size])})}
    edges = []
    for index in range(rng.integers(2, 5)):
        name = f"n{index}"
        nested = depth and rng.random() < 0.4
        nodes[name] = (
            random_nested(rng, size, dt, depth - 1) if nested else random_node(rng, rng.choice(KINDS), size, dt)
        )
        before = [n for n in nodes if n != name]
        edges += [(str(s), name) for s in rng.choice(before, min(len(before), rng.integers(1, 4)), replace=False)]
    nodes["output"] = nir.Output({"output": np.array([size])})
    edges.append((name, "output"))
    return nir.NIRGraph(nodes, edges, type_check=False)

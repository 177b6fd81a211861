"""Ways of damaging a network of NIR's own nodes, whose file stays whole: wires, shapes, constants, classes, names."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np

NODES = "node/nodes"
CLASSES = ["Linear", "Affine", "LIF", "CubaLIF", "LI", "I", "IF", "Threshold", "Delay", "Scale", "Flatten", "Conv2d"]
CLASSES += ["SumPool2d", "Input", "Output", "NIRGraph", "BertEmbedding", "", "x" * 300, "os.system"]
NAMES = [
    "file",
    "lengths",
    "$\\frac{$",
    "<b>&",
    "a\nb",
    "\x1b[2J",
    "\u202e",
    "日本",
    "x" * 300,
    "input ",
    "output.0",
    "..",
]


def _groups(file: h5py.File) -> list[h5py.Group]:
    """The network, and those within it."""
    return [file["node"], *(each for each in _within(file, h5py.Group) if "edges" in each)]


def _arrays(file: h5py.File) -> list[h5py.Dataset]:
    return [each for each in _within(file, h5py.Dataset) if each.dtype.kind in "if"]


def _within(file: h5py.File, kind: type) -> list[Any]:
    names: list[str] = []
    file[NODES].visit(names.append)
    found = (file[f"{NODES}/{name}"] for name in names)
    return [each for each in found if isinstance(each, kind)]


def rewire(path: Path, rng: random.Random) -> None:
    """An edge more, less, doubled, turned around, into an input, out of an output, or from nowhere."""
    with h5py.File(path, "a") as file:
        group = rng.choice(_groups(file))
        edges = [(a.decode(), b.decode()) for a, b in group["edges"][()]]
        names = [*group["nodes"], "nowhere"]
        a, b = rng.choice(edges)
        kind = rng.randrange(6)
        if kind == 0:
            edges.remove((a, b))
        elif kind == 1:
            edges.append((a, b))
        elif kind == 2:
            edges[edges.index((a, b))] = (b, a)
        elif kind == 3:
            edges.append((rng.choice(names), "input"))
        elif kind == 4:
            edges.append(("output", rng.choice(names)))
        else:
            edges += [(rng.choice(names), rng.choice(names)) for _ in range(rng.choice([1, 30]))]
        del group["edges"]
        group.create_dataset("edges", data=np.array(edges, object).reshape(-1, 2), dtype=h5py.string_dtype())


def alter_constant(path: Path, rng: random.Random) -> None:
    """Of a node: times in seconds or years, no numbers, the wrong sign, another shape, or whole numbers."""
    with h5py.File(path, "a") as file:
        place = rng.choice(_arrays(file))
        name, values = place.name, np.asarray(place)
        one = values.copy()
        one.flat[rng.randrange(one.size)] = rng.choice([0, -1, 10**9])
        numbers = [np.full(values.shape, x) for x in (0.0, -1.0, 1.0, 1e-30, 1e30, np.nan, np.inf)]
        shapes = [values[..., :-1], np.concatenate([values, values]), values[None], values.ravel()[0], values[:0]]
        del file[name]
        file[name] = rng.choice([one, *numbers, *shapes, values.astype(np.int8), values.astype(complex)])


def alter_shape_of_end(path: Path, rng: random.Random) -> None:
    """What an input or an output says of its shape: another one, or one that takes all memory."""
    with h5py.File(path, "a") as file:
        places = [each.name for each in _arrays(file) if each.name.endswith("/shape")]
        name = rng.choice(places)
        del file[name]
        file[name] = np.array(rng.choice([[10**9], [2**62], [5], [0], [-1], [], [2, 2], [1] * 40, [2**31, 2**31]]))


def retype_node(path: Path, rng: random.Random) -> None:
    with h5py.File(path, "a") as file:
        group = rng.choice([node for each in _groups(file) for node in each["nodes"].values()])
        del group["type"]
        group["type"] = rng.choice(CLASSES)


def rename_in_network(path: Path, rng: random.Random) -> None:
    """A node called like a keyword, a formula or markup, in its edges, too."""
    with h5py.File(path, "a") as file:
        group, new = rng.choice(_groups(file)), rng.choice(NAMES)
        old = rng.choice(list(group["nodes"]))
        if new in group["nodes"]:
            return
        group["nodes"].move(old, new)
        edges = [[new if end.decode() == old else end.decode() for end in edge] for edge in group["edges"][()]]
        del group["edges"]
        group.create_dataset("edges", data=np.array(edges, object).reshape(-1, 2), dtype=h5py.string_dtype())


OF_NETWORKS = (rewire, alter_constant, alter_shape_of_end, retype_node, rename_in_network)

"""Ways of damaging a file: each takes its path and a random generator, and changes the file."""

from __future__ import annotations

import dataclasses
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import h5py
import numpy as np

Mutation = Callable[[Path, random.Random], None]

# Of bytes


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 4, 32])):
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)


def truncate(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def erase(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content))
    stop = min(len(content), start + rng.choice([8, 64, 1024]))
    content[start:stop] = rng.choice([b"\0", b"\xff"]) * (stop - start)
    path.write_bytes(content)


def move(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    a, b = sorted(rng.randrange(len(content)) for _ in range(2))
    path.write_bytes(content[:a] + content[b:] + content[a:b])


# Of HDF5: checksums still tell most of these, as they should


def _places(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


def remove_one(path: Path, rng: random.Random) -> None:
    with h5py.File(path, "a") as file:
        del file[rng.choice(_places(file))]


def replace_one(path: Path, rng: random.Random) -> None:
    """Something else in the place of an array, a text or a group."""
    with h5py.File(path, "a") as file:
        name = rng.choice(_places(file))
        del file[name]
        other = rng.randrange(8)
        if other == 0:
            file.create_group(name)
        elif other == 1:
            file.create_dataset(name, (2**40,), np.int8, chunks=(2**16,), compression="gzip")  # a terabyte of nothing
        elif other == 2:
            file[name] = h5py.SoftLink("/node")
        elif other == 3:
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        else:
            values = [-1, 2**62, b"\xff\xfe", np.nan, np.zeros((0, 3)), np.ones((2, 2, 2), complex), h5py.Empty("f4")]
            file[name] = rng.choice(values)


def rename_one(path: Path, rng: random.Random) -> None:
    with h5py.File(path, "a") as file:
        name = rng.choice(_places(file))
        file.move(name, name + rng.choice(["x", "\n", ".."]))


def retype_one(path: Path, rng: random.Random) -> None:
    """The same numbers in another dtype or shape."""
    with h5py.File(path, "a") as file:
        arrays = [name for name in _places(file) if isinstance(file[name], h5py.Dataset)]
        name = rng.choice([n for n in arrays if np.asarray(file[n]).dtype.kind in "iuf"])
        values = np.asarray(file[name])
        del file[name]
        if rng.random() < 0.5:
            file[name] = values.astype(rng.choice([np.int8, np.uint64, np.float16, np.float64, np.bool_]))
        else:
            file[name] = rng.choice([values[..., None], values.ravel()[:-1], np.tile(values, 3)])


def link_one(path: Path, rng: random.Random) -> None:
    """One thing under many names, perhaps within itself."""
    with h5py.File(path, "a") as file:
        source, names = file[rng.choice(_places(file))], _places(file)
        groups = [name for name in names if isinstance(file[name], h5py.Group)]
        for number in range(rng.choice([1, 50])):
            file[f"{rng.choice(groups)}/link{number}"] = source


def shatter_one(path: Path, rng: random.Random) -> None:
    """Many small pieces, or few bytes that unpack to many."""
    with h5py.File(path, "a") as file:
        name = rng.choice([n for n in _places(file) if isinstance(file[n], h5py.Dataset)])
        del file[name]
        if rng.random() < 0.5:
            file.create_dataset(name, (2**22,), np.int8, chunks=(8,))
        else:
            file.create_dataset(name, (2**29,), np.int8, chunks=(2**20,), compression="gzip")


def alter_metadata(path: Path, rng: random.Random) -> None:
    """A field of the header of another kind: arrays, floats, half characters, negative versions."""
    others = [-1, 0, 4.0, np.nan, np.array([4, 4]), np.array([b"x", b"y"]), b"[1, 2, 3]", b"[null]", b"{}", b"NaN"]
    others += [b'["\\ud800", "b", "c"]', b'{"x": "\\ud800"}', b"[" * 10**4, np.zeros((2, 2), np.uint8), b"1e999"]
    with h5py.File(path, "a") as file:
        fields = [place for place in _places(file) if place.startswith("node/metadata/")]
        name = rng.choice(fields)
        del file[name]
        file[name] = rng.choice(others)


# Of graphs: written anew, so that the checksum is right


def alter_field(path: Path, rng: random.Random) -> None:
    """Another value in one field of one node."""
    from export.ir import nir

    graph = nir.read(path)
    node = rng.choice(graph.nodes)
    key = rng.choice([f.name for f in dataclasses.fields(node)])
    changed = dataclasses.replace(node, **{key: _other(getattr(node, key), rng)})
    nodes = tuple(changed if n is node else n for n in graph)
    _write(dataclasses.replace(graph, nodes=nodes), path)


def alter_order(path: Path, rng: random.Random) -> None:
    """Nodes left out, doubled or moved."""
    from export.ir import nir

    graph = nir.read(path)
    nodes = list(graph.nodes)
    a, b = (rng.randrange(len(nodes)) for _ in range(2))
    nodes = rng.choice([nodes[:a] + nodes[a + 1 :], [*nodes[:a], nodes[b], *nodes[a + 1 :]], nodes[a:] + nodes[:a], []])
    _write(dataclasses.replace(graph, nodes=tuple(nodes)), path)


NAMES = [
    "file",
    "lengths",
    "self",
    "host",
    "input",
    "output",
    r"$\\frac{$",
    "<b>&",
    "a/b",
    "a\nb",
    "\x1b",
    "..",
    "",
    "日本",
]


def rename_node(path: Path, rng: random.Random) -> None:
    """A node called like a keyword, a formula, markup or a path."""
    from export.ir import nir

    graph, new = nir.read(path), rng.choice(NAMES)
    old = rng.choice(graph.nodes).name
    nodes = (
        dataclasses.replace(
            n, name=new if n.name == old else n.name, inputs=tuple(new if s == old else s for s in n.inputs)
        )
        for n in graph
    )
    _write(dataclasses.replace(graph, nodes=tuple(nodes)), path)


def alter_whole(path: Path, rng: random.Random) -> None:
    from export.ir import nir

    graph = nir.read(path)
    key = rng.choice(["time_steps", "max_tokens", "labels", "tokenizer"])
    _write(dataclasses.replace(graph, **{key: _other(getattr(graph, key), rng)}), path)


def _other(value: Any, rng: random.Random) -> Any:
    if isinstance(value, np.ndarray):
        extreme = np.finfo(value.dtype).max if value.dtype.kind == "f" else np.iinfo(value.dtype).max
        changed = [np.full_like(value, extreme), np.zeros_like(value), -value, value[:0], value[None], value.T[..., :1]]
        return rng.choice(changed)
    if isinstance(value, tuple):
        return rng.choice([(), (*value, "none"), tuple(f"{v}x" for v in value), ("\n",)])
    if isinstance(value, int):
        return rng.choice([0, -1, 1, value + 1, 2**31, 2**62])
    return rng.choice(["", "{}", "x", "null", '{"model": 1}'])


def _write(graph: Any, path: Path) -> None:
    """Write what may not be a graph at all; where it cannot even be written, the file stays as it is."""
    from export.ir import nir

    try:
        nir.write(graph, path)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, AssertionError):
        return


# Of documents: lists and dicts within one another, whatever form they are stored in

OTHERS: list[Any] = [None, -1, 0, 1e308, 2**31, 2**70, "", "x", "\0", "\ud800", [], {}, [None], True, float("nan")]


def alter(document: Any, rng: random.Random, others: list[Any]) -> None:
    """Take an entry out, or put another in its place."""
    container, key = rng.choice(_doors(document))
    if rng.random() < 0.25:
        del container[key]
    else:
        container[key] = rng.choice(others)


def _doors(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) of a document."""
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in items] + [door for _, inner in items for door in _doors(inner)]


def alter_json(path: Path, rng: random.Random) -> None:
    document = json.loads(path.read_text("utf-8"))
    alter(document, rng, OTHERS)
    path.write_text(json.dumps(document), "utf-8")


def nest(path: Path, rng: random.Random) -> None:
    """Deeper than any stack."""
    path.write_text("[" * 10**5 + "]" * 10**5, "utf-8")


def alter_yaml(path: Path, rng: random.Random) -> None:
    import yaml

    document = yaml.safe_load(path.read_text("utf-8"))
    alter(document, rng, [value for value in OTHERS if value != "\ud800"])
    path.write_text(yaml.safe_dump(document), "utf-8")


def multiply(path: Path, rng: random.Random) -> None:
    """A few aliases in the place of a value, which written out are a billion."""
    lines = path.read_text("utf-8").splitlines()
    lines[rng.randrange(len(lines))] = "cores: {value: *h, source: none}"
    layers = [f"  - &{b} [{', '.join([f'*{a}'] * 16)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    path.write_text("\n".join(["unknown:", "  - &a [x, x]", *layers, *lines]), "utf-8")


def alter_tokenizer(path: Path, rng: random.Random) -> None:
    """Of a model.nir, whose checksum is right again."""
    from export.ir import nir

    graph = nir.read(path)
    document = json.loads(graph.tokenizer)
    alter(document, rng, OTHERS)
    _write(dataclasses.replace(graph, tokenizer=json.dumps(document)), path)


def hostile_tokenizer(path: Path, rng: random.Random) -> None:
    """Of a model.nir: one that panics, backtracks, or grows a text beyond all measure."""
    from export.ir import nir

    graph = nir.read(path)
    key, value = hostile_parts(rng)
    document = {**json.loads(graph.tokenizer), key: value}
    _write(dataclasses.replace(graph, tokenizer=json.dumps(document)), path)


def hostile_parts(rng: random.Random) -> tuple[str, Any]:
    """A part of a tokenizer, and what to put in its place."""

    def sequence(kind: str, step: dict[str, Any], times: int) -> dict[str, Any]:
        return {"type": "Sequence", kind: [step] * times}

    double = {"type": "Replace", "pattern": {"String": "o"}, "content": "oo"}
    split = {"type": "Split", "pattern": {"Regex": "(o+)+$|(.*o){25}"}, "behavior": "Isolated", "invert": False}
    grow = {"type": "Replace", "pattern": {"Regex": ""}, "content": "o"}
    parts: list[tuple[str, Any]] = [
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": rng.choice(["AAAA", "", "////"])}),
        ("normalizer", sequence("normalizers", double, rng.choice([3, 12, 40]))),
        ("normalizer", sequence("normalizers", grow, 20)),
        ("normalizer", {"type": "Prepend", "prepend": "o" * 10**6}),
        ("pre_tokenizer", {"type": "FixedLength", "length": 0}),
        ("pre_tokenizer", split),
        ("pre_tokenizer", sequence("pretokenizers", split, 3)),
        ("model", {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"x": 0}, "max_input_chars_per_word": 0}),
        ("model", {"type": "Unigram", "unk_id": 7, "vocab": [["x", -1.0]], "byte_fallback": False}),
        ("model", {"type": "BPE", "vocab": {"o": 0}, "merges": [], "unk_token": None}),
        ("padding", {"strategy": {"Fixed": 2**40}, "direction": "Right", "pad_to_multiple_of": 0, "pad_id": 0}),
        ("truncation", {"max_length": 1, "strategy": "LongestFirst", "stride": 5, "direction": "Right"}),
    ]
    return rng.choice(parts)


def alter_tensors(path: Path, rng: random.Random) -> None:
    """Of what torch.save wrote, its settings, texts and tensors."""
    import torch

    content = torch.load(path, weights_only=True)
    some = [torch.zeros(0), torch.ones(3, 3, dtype=torch.int64), torch.full((24,), float("nan"))]
    alter(content, rng, [*OTHERS, *some])
    torch.save(content, path)


def alter_members(path: Path, rng: random.Random) -> None:
    """Of what torch.save wrote, the zip that it is: bytes of the pickle, or a name."""
    with ZipFile(path) as archive:
        members = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    name = rng.choice(list(members))
    if rng.random() < 0.8:
        pickled = next(data for name, data in members.items() if name.endswith("data.pkl"))
        pickled[rng.randrange(len(pickled))] = rng.randrange(256)
    else:
        members[name + rng.choice(["x", "/../x", ".pkl"])] = members.pop(name)
    with ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, bytes(data))


def alter_header(path: Path, rng: random.Random) -> None:
    """Of a safetensors file: names, dtypes, shapes and places of its tensors."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    alter(header, rng, OTHERS)
    changed = json.dumps(header).encode()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + size :])


# Of NumPy's files


def alter_arrays(path: Path, rng: random.Random) -> None:
    """Of an .npz: an array taken out, renamed, or replaced by another."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    name = rng.choice(list(arrays))
    values = arrays.pop(name)
    others = [values[..., None], values.ravel()[:-1], values.astype(float) * np.nan, np.array(-1), np.array(["x"])]
    others += [np.array(2**62), np.zeros(values.shape, object), np.zeros((0, *values.shape), np.uint8)]
    if (other := rng.randrange(len(others) + 2)) < len(others):
        arrays[name] = others[other]
    elif other == len(others):
        arrays[name + "x"] = values
    np.savez_compressed(path, **arrays)


def multiply_members(path: Path, rng: random.Random) -> None:
    """Of an .npz: very many arrays, or few bytes that unpack to many."""
    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        if rng.random() < 0.5:
            for number in range(20_000):
                archive.writestr(f"{number}.npy", b"")
        else:
            with archive.open("x.npy", "w", force_zip64=True) as member:
                for _ in range(600):
                    member.write(bytes(2**20))


def alter_shape(path: Path, rng: random.Random) -> None:
    """Of an .npy: another shape or type in its header."""
    content = path.read_bytes()
    before, start = b"(6, 2, 3)", content.index(b"'<f4'")
    shapes = [b"(6, 2**9)", b"(9**99,)", b"(6, -2,3)", b"(6, 2)   ", b"()       ", b"[6, 2, 3]", b"(10**9,3)"]
    types = [b"'|O8'", b"'|S4'", b"'>f4'", b"'<c8'", b"'<M8'", b"[('a'", b"'|V4'"]
    if rng.random() < 0.5:
        path.write_bytes(content.replace(before, rng.choice(shapes)))
    else:
        path.write_bytes(content[:start] + rng.choice(types) + content[start + 5 :])


# Of bundles


def resummed(mutation: Mutation) -> Mutation:
    """The mutation of a file in a bundle, whose list of checksums is then right again."""

    def both(path: Path, rng: random.Random) -> None:
        from deploy.bundle import sums

        mutation(path, rng)
        sums.write(next(folder for folder in path.parents if (folder / sums.FILE).exists()))

    both.__name__ = f"{mutation.__name__}, resummed"
    return both


def add_stranger(path: Path, rng: random.Random) -> None:
    """Something beside the file that is no plain file."""
    place = path.with_name("stranger")
    kind = rng.randrange(5)
    if kind == 0:
        os.mkfifo(place)
    elif kind == 1:
        place.symlink_to(rng.choice(["/etc/hostname", "/etc", "nowhere", path.name]))
    elif kind == 2:
        place.mkdir()
    elif kind == 3:
        (place / "within").mkdir(parents=True)
    else:
        path.rename(place)
        path.symlink_to(place.name)


OF_BYTES = (flip, truncate, erase, move)
OF_HDF5 = (remove_one, replace_one, rename_one, retype_one, link_one, shatter_one)
OF_GRAPHS = (alter_field, alter_order, alter_whole, rename_node, alter_metadata)
OF_JSON = (alter_json, alter_json, nest)
OF_YAML = (alter_yaml, multiply)

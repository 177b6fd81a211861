"""What `export/NIR.md` says suffices to read a file: here with h5py, json and hashlib alone."""

import hashlib
import json
import re
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from export.ir import nir
from export.ir.early_exit import with_margin
from export.ir.graph import NODE_TYPES, Graph
from simulate.fast import FastSimulator
from tests.export import naive, vectors
from tests.random_graph import random_graph

PAGE = (Path(nir.__file__).parents[1] / "NIR.md").read_text("utf-8")
OPTIONAL = {"Embedding": ["position"], "Linear": ["bias", "exponent"]}


def text(dataset) -> str:
    return dataset[()].decode()


def value(dataset):
    if dataset.shape:
        return dataset[()]
    return text(dataset) if h5py.check_string_dtype(dataset.dtype) else int(dataset[()])


def read_as_the_page_says(path):
    """(metadata, {node: (type, inputs, fields)})"""
    with h5py.File(path) as file:
        meta = {name: value(dataset) for name, dataset in file["node/metadata"].items()}
        nodes = {}
        for name in json.loads(meta["order"]):
            fields = {key: value(dataset) for key, dataset in file["node/nodes"][name].items()}
            kind, inputs = fields.pop("type").removeprefix("SpikeBert"), fields.pop("inputs")
            nodes[name] = kind, inputs.split("\n") if inputs else [], fields
    return meta, nodes


def checksum_as_the_page_says(meta, nodes):
    tokenizer = bytes(meta["tokenizer"]).decode()
    digest = hashlib.sha256()
    fixed = [meta["time_steps"], meta["max_tokens"], json.loads(meta["labels"]), tokenizer]
    digest.update(json.dumps(fixed).encode())
    for name, (kind, inputs, fields) in nodes.items():
        digest.update(json.dumps([kind, name, inputs]).encode())
        for key, field in sorted({**dict.fromkeys(OPTIONAL.get(kind, [])), **fields}.items()):
            if isinstance(field, np.ndarray):
                digest.update(f"{key} {field.dtype} {field.shape}".encode() + field.tobytes())
            else:
                digest.update(f"{key} {field!r}".encode())
    return digest.hexdigest()


@pytest.mark.parametrize(
    "shape",
    [
        {"norm": "layer"},
        {"norm": "batch", "reset": "zero"},
        {"exponents": True},
        {"separator": 7, "shared_words": 1},
        {"neighbours": True},
        {"levels": 2},
    ],
)
def test_a_reader_of_the_page_alone_finds_every_number_and_the_checksum(tmp_path, shape):
    graph = random_graph(**shape)
    nir.write(graph, tmp_path / "model.nir")
    meta, nodes = read_as_the_page_says(tmp_path / "model.nir")
    assert checksum_as_the_page_says(meta, nodes) == meta["checksum"]
    for node in graph:
        kind, inputs, fields = nodes[node.name]
        assert (kind, inputs) == (type(node).__name__, list(node.inputs))
        expected = node.stored
        assert fields.keys() == expected.keys()
        for key, field in expected.items():
            assert np.array_equal(fields[key], field)


@pytest.mark.parametrize(
    "shape",
    [
        {"norm": "layer"},
        {"norm": "batch", "reset": "zero"},
        {"exponents": True},
        {"separator": 4},
        {"separator": 4, "shared_words": 1},
        {"separator": 4, "neighbours": True},
        {"norm": "batch", "reset": "zero", "residual": "membrane", "steps": 1, "neighbours": True},
        {"levels": 3},
        {"attention_only": True},
        {"norm": "batch", "reset": "zero", "residual": "membrane", "steps": 1, "attention_only": True},
    ],
)
def test_that_reader_with_the_equations_in_plain_integers_gives_every_spike_and_logit(tmp_path, shape):
    graph, tokens = random_graph(width=8, blocks=1, **shape), np.array([3, 1, 4, 1, 5])
    nir.write(graph, tmp_path / "model.nir")
    meta, nodes = read_as_the_page_says(tmp_path / "model.nir")
    made = tuple(
        NODE_TYPES[kind](name, tuple(inputs), **{**dict.fromkeys(OPTIONAL.get(kind, [])), **fields})
        for name, (kind, inputs, fields) in nodes.items()
    )
    labels = tuple(json.loads(meta["labels"]))
    again = Graph(made, meta["time_steps"], meta["max_tokens"], labels, tokenizer="", metadata={})
    logits, outputs = naive.run(again, tokens.tolist())
    expected = FastSimulator(graph).run([tokens], record=True)
    assert logits == expected.logits[0].tolist()
    for name, train in (expected.spikes or {}).items():
        assert np.array_equal(outputs[name], train)


VECTORS = json.loads((vectors.DATA / "vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["file"])
def test_the_pages_test_vectors_are_what_its_reader_and_the_simulator_compute(vector):
    path = vectors.DATA / vector["file"]
    assert vector["file"] in PAGE
    meta, nodes = read_as_the_page_says(path)
    assert checksum_as_the_page_says(meta, nodes) == meta["checksum"]
    graph = nir.read(path)
    for text in vector["texts"]:
        logits, outputs = naive.run(graph, text["tokens"])
        assert (logits, len(next(iter(outputs.values())))) == (text["logits"], text["steps"])
        found = FastSimulator(graph).run([np.array(text["tokens"])], record=True)
        assert found.logits[0].tolist() == text["logits"]
        for name, train in (found.spikes or {}).items():
            assert np.argwhere(train).tolist() == np.argwhere(np.array(outputs[name])).tolist() == text["spikes"][name]


def test_the_vectors_are_those_that_their_maker_makes():
    assert (vectors.DATA / "vectors.json").read_text("utf-8") == vectors.vectors()
    for file, (graph, _) in vectors.models().items():
        assert nir.read(vectors.DATA / file) == graph


# What a reader may get wrong: a line of the naive one as it is, and as such a reader has it.
FAULTS = {
    "the decay rounds down": ("decayed if membrane >= 0 else -decayed", "(membrane * (4096 - decay)) >> 12"),
    "the reset decays, too": ("v - threshold if", "v - (threshold * (4096 - decay) >> 12) if"),
    "membranes do not saturate": (
        "max(-STATE_MAX, min(STATE_MAX, v + 64 * current + bias))",
        "v + 64 * current + bias",
    ),
    "a membrane saturates before its bias": (
        "v + 64 * current + bias)",
        "max(-STATE_MAX, min(STATE_MAX, v + 64 * current)) + bias)",
    ),
    "a membrane may be -2^23": ("max(-STATE_MAX,", "max(-STATE_MAX - 1,"),
    "a neuron fires above its threshold alone": ("int(v >= threshold)", "int(v > threshold)"),
    "a text exits above the margin alone": ("sorted(logits)[-2] >= margin", "sorted(logits)[-2] > margin"),
    "equal largest logits count once": ("- sorted(logits)[-2]", "- [min(logits), *sorted({*logits})][-2]"),
    "a pair is split at its last separator": (
        "list(tokens).index(separator) + 1",
        "len(tokens) - list(tokens)[::-1].index(separator)",
    ),
    "the separator is of the second text": ("if place >= behind:", "if place >= behind - (separator in tokens):"),
    "the separator is in one text alone": ("if shared_words and", "if shared_words and token != separator and"),
    "a neighbour ends at the separator": (
        "if 0 <= other < len(tokens):",
        "if 0 <= other < len(tokens) and tokens[min(place, other)] != separator:",
    ),
    "the exponent is of the bias, too": (
        "linear(row, weight, bias) for row",
        "linear(row, weight, bias and [b << e for b, e in zip(bias, exponents)]) for row",
    ),
    "the root of the norm is rounded": ("isqrt(2**62 // mantissa),", "round(2**31 / mantissa**0.5),"),
    "a normalised value rounds toward zero": (
        "((n * x[i] - total) * root) >> (31 - 12 + exponent)",
        "int((n * x[i] - total) * root / 2 ** (31 - 12 + exponent))",
    ),
    "the gain rounds down": ("z * gain[i] + 2**15", "z * gain[i]"),
    "the mean rounds toward zero": ("(value << shift) // (steps * length)", "int((value << shift) / (steps * length))"),
    "a stream leaves out its shifts": ("[2**places for", "[1 for"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_reader_with_a_fault_disagrees_with_a_vector(fault):
    right, wrong = FAULTS[fault]
    source = Path(naive.__file__).read_text("utf-8")
    assert source.count(right) == 1
    faulty = ModuleType("faulty")
    exec(compile(source.replace(right, wrong), fault, "exec"), vars(faulty))

    def agrees(graph: Graph, text: dict) -> bool:
        logits, outputs = faulty.run(graph, text["tokens"])
        spikes = {name: np.argwhere(np.array(outputs[name])).tolist() for name in text["spikes"]}
        return (logits, spikes) == (text["logits"], text["spikes"])

    assert not all(agrees(nir.read(vectors.DATA / v["file"]), text) for v in VECTORS for text in v["texts"])


def test_an_early_exit_is_what_the_page_says(tmp_path):
    graph, tokens = random_graph(width=8, blocks=1), np.array([3, 1, 4, 1, 5])
    whole, _ = naive.run(graph, tokens.tolist())
    first, _ = naive.run(replace(graph, time_steps=1), tokens.tolist())
    ahead = [sorted(logits)[-1] - sorted(logits)[-2] for logits in (first, whole)]
    nir.write(with_margin(graph, str(ahead[0])), tmp_path / "model.nir")
    meta, nodes = read_as_the_page_says(tmp_path / "model.nir")
    assert (meta["format_version"], nodes["readout"][2]["margin"]) == (4, ahead[0])
    assert checksum_as_the_page_says(meta, nodes) == meta["checksum"]
    early = nir.read(tmp_path / "model.nir")
    logits, outputs = naive.run(early, tokens.tolist())
    found = FastSimulator(early).run([tokens])
    assert (logits, len(outputs["embeddings.lif"])) == (first, 1)
    assert (found.logits[0].tolist(), found.steps.tolist()) == (first, [1])


def test_the_page_names_every_node_type_and_field():
    for name, node_type in NODE_TYPES.items():
        _, heading, section = PAGE.partition(f"### `SpikeBert{name}`")
        assert heading, (
            f"export/NIR.md: write a section '### `SpikeBert{name}`': a table of its fields, and its equation"
        )
        section = section.partition("###")[0]
        fields = {field.name for field in fields_of(node_type)} - {"name", "inputs"}
        told = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        assert told == fields, f"export/NIR.md: the table of SpikeBert{name} must have a row for each of its fields"


def test_the_page_tells_which_version_each_later_node_type_came_with():
    for node_type, version in nir.SINCE.items():
        row = rf"^\| {version} \|.*`SpikeBert{node_type.__name__}`"
        said = version == 1 or re.search(row, PAGE, re.MULTILINE)
        assert said, f"export/NIR.md: `SpikeBert{node_type.__name__}` must stand in the row of version {version}"


def test_the_page_tells_the_version_that_is_written():
    assert f"Format version {nir.FORMAT_VERSION}." in PAGE
    assert f"| int | 1 to {nir.FORMAT_VERSION}. A reader must refuse a higher one" in PAGE


def test_a_file_of_format_1_still_reads_and_gives_the_same_graph():
    assert nir.read(Path(__file__).parents[1] / "data" / "format-1.nir") == random_graph(
        blocks=1, width=4, vocabulary=5
    )

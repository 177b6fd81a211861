"""The `.nir` file restores the graph exactly, and refuses what it cannot vouch for."""

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from export.ir import nir
from export.ir.graph import LIF
from export.ir.ranges import check_ranges
from export.ir.validate import validate
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.nir"
    nir.write(random_graph(), path)
    return path


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_a_graph_comes_back_equal(tmp_path, norm):
    graph = random_graph(norm=norm)
    nir.write(graph, tmp_path / "model.nir")
    assert nir.read(tmp_path / "model.nir") == graph


def test_a_model_of_sentence_pairs_comes_back_equal_and_only_it_has_the_new_format(tmp_path):
    words = random_graph(separator=7, shared_words=1)
    beside = random_graph(separator=7, neighbours=True)
    for graph, version in ((beside, 7), (words, 6), (random_graph(separator=7), 2), (random_graph(), 1)):
        nir.write(graph, tmp_path / "model.nir")
        assert nir.read(tmp_path / "model.nir") == graph
        with h5py.File(tmp_path / "model.nir") as file:
            assert file["node/metadata/format_version"][()] == version
            assert ("separator" in file["node/nodes/embeddings.word"]) == (version > 1)
            assert ("shared_words" in file["node/nodes/embeddings.word"]) == (version == 6)
            assert ("neighbour" in file["node/nodes/embeddings.word"]) == (version == 7)


def test_a_table_of_neighbours_changes_the_checksum_and_its_absence_does_not():
    graph = random_graph(neighbours=True)
    without = change(graph, "embeddings.word", neighbour=None)
    assert nir.checksum(without) == nir.checksum(random_graph())
    assert nir.checksum(without) != nir.checksum(graph)
    assert (nir.needed_version(without), nir.needed_version(graph)) == (1, 7)


@pytest.mark.parametrize("shape", [(49, 12), (50, 11), (50, 12, 1)])
def test_a_file_whose_table_of_neighbours_is_of_another_shape_is_refused_in_one_line(tmp_path, shape):
    wrong = change(random_graph(neighbours=True), "embeddings.word", neighbour=np.ones(shape, np.int8))
    nir.write(wrong, tmp_path / "model.nir")
    with pytest.raises(InputError, match=r"^[^\n]*node embeddings\.word: neighbour [^\n]*$"):
        nir.read(tmp_path / "model.nir")


def test_neighbours_of_an_odd_width_are_refused_by_name():
    graph = random_graph(width=9, heads=3, neighbours=True)
    with pytest.raises(InputError, match=r"^node embeddings\.word: neighbours need two halves of the features, .* 9$"):
        validate(graph)


def test_writing_leaves_no_other_file_behind(file):
    assert [p.name for p in file.parent.iterdir()] == ["model.nir"]


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    for name in ("a.nir", "b.nir"):
        nir.write(random_graph(), tmp_path / name)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_weights_take_a_byte_each_and_little_stands_beside_them(tmp_path):
    graph = random_graph(width=256, heads=4, vocabulary=4000)
    integers = sum(array.nbytes for node in graph for array in node.arrays.values())
    nir.write(graph, tmp_path / "model.nir")  # random numbers, which no compression makes smaller
    assert (tmp_path / "model.nir").stat().st_size <= 1.15 * integers


def test_a_stock_reader_refuses_the_file(file):
    stock = subprocess.run([sys.executable, "-c", f"import nir; nir.read({str(file)!r})"], capture_output=True)
    assert stock.returncode != 0


@pytest.mark.parametrize("keep", [0, 10, 1000, 20_000])
def test_a_truncated_file_is_one_clear_line(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError) as error:
        nir.read(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.nir: no such exported model file"):
        nir.read(tmp_path / "none.nir")


def test_a_changed_weight_is_noticed(file):
    with h5py.File(file, "r+") as content:
        content["node/nodes/readout/weight"][0, 0] += 1
    with pytest.raises(InputError, match="checksum"):
        nir.read(file)


def test_edges_that_contradict_the_nodes_inputs_are_refused(file):
    with h5py.File(file, "r+") as content:
        edges = content["node/edges"][()]
        row = next(i for i, (source, _) in enumerate(edges) if source == b"embeddings.word")
        edges[row, 0] = b"readout"
        del content["node/edges"]
        content["node/edges"] = edges
    with pytest.raises(InputError, match=r"edges: .* stands in them or in the nodes' inputs alone"):
        nir.read(file)


def test_a_newer_format_is_refused(file):
    with h5py.File(file, "r+") as content:
        content["node/metadata/format_version"][...] = 99
    with pytest.raises(InputError, match="newer than this program reads"):
        nir.read(file)


def test_another_nir_file_is_not_taken_for_ours(tmp_path):
    import nir as stock

    graph = stock.NIRGraph.from_list(stock.Linear(np.ones((2, 3))))
    stock.write(tmp_path / "other.nir", graph)
    with pytest.raises(InputError, match="not an exported SpikeBERT"):
        nir.read(tmp_path / "other.nir")


def change(graph, name, **values):
    return replace(graph, nodes=tuple(replace(n, **values) if n.name == name else n for n in graph))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("readout", dict(weight=np.ones((3, 5), np.int8)), "5"),
        ("embeddings.lif", dict(threshold=np.zeros(1, np.int32)), "above 0"),
        ("embeddings.word", dict(separator=7), "position has 16 rows, which must be 32"),
        ("embeddings.word", dict(separator=7, shared_words=1), "position has 16 rows, which must be 64"),
        ("embeddings.word", dict(shared_words=1), "shared_words must be 0"),
        ("embeddings.word", dict(neighbour=np.ones((49, 12), np.int8)), r"neighbour has shape \(49, 12\)"),
        ("embeddings.word", dict(neighbour=np.ones((50, 6), np.int8)), r"neighbour has shape \(50, 6\)"),
        ("embeddings.word", dict(neighbour=np.ones((50, 12), np.int16)), "neighbour must be int8"),
        ("embeddings.word", dict(separator=50), "separator 50 is none of its words"),
        ("embeddings.word", dict(separator=7, position=None), "sentence pairs need positions"),
        ("embeddings.lif", dict(decay=5000), "decay 5000"),
        ("embeddings.lif", dict(reset="soft"), "soft"),
        ("embeddings.lif", dict(inputs=("nowhere",)), "nowhere"),
        ("blocks.0.mlp.up.linear", dict(weight=np.ones((24, 12), np.int16)), "int8"),
        ("blocks.0.mlp.up.linear", dict(bits=4), "outside ±7"),
        ("blocks.0.attention.coincidences", dict(heads=5), "5 heads"),
        ("embeddings.norm", dict(groups=7), "7 groups"),
    ],
)
def test_a_malformed_node_is_named(name, values, message):
    with pytest.raises(InputError, match=message) as error:
        validate(change(random_graph(), name, **values))
    assert name in str(error.value)


@pytest.mark.parametrize(("place", "kind"), [(0, "Embedding"), (-1, "Readout")])
def test_a_second_node_of_which_a_graph_has_one_is_refused_by_name(place, kind):
    graph = random_graph()
    nodes = (*graph.nodes[:-1], replace(graph.nodes[place], name="second"), graph.nodes[-1])
    with pytest.raises(InputError, match=f"^node second: a second {kind}, of which a graph has one$"):
        validate(replace(graph, nodes=nodes))


def test_a_provenance_that_is_no_object_is_refused(tmp_path):
    nir.write(replace(random_graph(), metadata=[1]), tmp_path / "model.nir")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="provenance must be a JSON object"):
        nir.read(tmp_path / "model.nir")


def test_an_input_that_can_overflow_the_layer_norm_names_the_layer():
    graph = random_graph()
    word = np.full_like(graph.nodes[0].word, 127)
    position = np.full_like(graph.nodes[0].position, 32767)
    wide = change(graph, "embeddings.word", word=word, position=position)
    assert check_ranges(wide)  # 12 features cannot overflow it
    huge = change(graph, "blocks.0.mlp.up.linear", bias=np.full(24, 2**30, np.int32))
    with pytest.raises(InputError, match=r"blocks\.0\.mlp\.up\.norm.*bit variance"):
        check_ranges(huge)


def test_every_neuron_layer_is_listed_in_order():
    names = [n.name for n in random_graph(blocks=1).neurons]
    assert names[0] == "embeddings.lif"
    assert names[-1] == "blocks.0.mlp.down.lif"
    assert all(isinstance(random_graph()[n], LIF) for n in names)


DAMAGES = {
    "labels": (b"[1, 2, 3]", b"[null, null, null]", b'[["a"], ["b"], ["c"]]', b'"abc"', b'["\\ud800", "b", "c"]', 7),
    "provenance": (b'{"x": "\\ud800"}', b'{"x": NaN}', b"[]", 1.5),
    "order": (b"[1]", b"{}", b"7", np.zeros(2)),
    "time_steps": (4.0, 1e300, np.array([4, 4]), b"4"),
    "max_tokens": (16.0, np.array([16]), -1),
    "format_version": (-1, 0, 1.0, b"1", np.array([1, 1])),
    "tokenizer": (np.zeros((2, 2), np.uint8), np.zeros(3), 1, np.full(3, 255, np.uint8)),
    "checksum": (np.zeros(3), 1),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in DAMAGES for value in DAMAGES[field]])
def test_a_header_of_the_wrong_kind_is_one_line(file, field, value):
    with h5py.File(file, "a") as content:
        del content[f"node/metadata/{field}"]
        content[f"node/metadata/{field}"] = value
    with pytest.raises(InputError) as error:
        nir.read(file)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


@pytest.mark.parametrize("value", [np.array([b"spikebert-integer-graph"] * 2), 7, np.zeros(3)])
def test_a_format_that_is_no_single_text_is_not_ours(file, value):
    with h5py.File(file, "a") as content:
        del content["node/metadata/format"]
        content["node/metadata/format"] = value
    assert nir.is_foreign(file)
    with pytest.raises(InputError):
        nir.read(file)


def renamed(graph, old, new):
    """The graph in which one node has another name."""
    nodes = (
        replace(n, name=new if n.name == old else n.name, inputs=tuple(new if s == old else s for s in n.inputs))
        for n in graph
    )
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("name", ["file", "lengths", "self", r"$\frac{$", "host", "<b>&amp;", "日本 %s {}"])
def test_a_name_is_no_keyword_and_no_markup(tmp_path, name):
    graph = renamed(random_graph(), "embeddings.lif", name)
    nir.write(validate(graph), tmp_path / "model.nir")
    assert nir.read(tmp_path / "model.nir") == graph


def test_a_label_that_stands_twice_is_refused():
    with pytest.raises(InputError, match=r"^the label 'b' stands twice"):
        validate(replace(random_graph(), labels=("a", "b", "b")))


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "\x1b[2J", "..", "input", "output", "x" * 201, "\ud800"])
def test_what_is_no_name_of_one_line_is_refused(name):
    with pytest.raises(InputError, match=r"^node "):
        validate(renamed(random_graph(), "embeddings.lif", name))

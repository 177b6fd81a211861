"""The picture holds the whole network, and nothing in it overlaps or leaves the page."""

import itertools
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from export.cli import main as export
from export.formats.draw import draw
from export.ir import nir
from export.ir.graph import Add
from spikebert.core.errors import InputError
from tests.random_graph import random_graph

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[tuple[str, float, float, float, float]]:
    """(name, left, top, right, bottom) of each node's box."""
    found = []
    for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            found.append((title.text or "", x, y, x + width, y + height))
    return found


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_each_node_of_a_block_has_a_box_and_q_k_v_one_each(norm):
    graph = random_graph(blocks=1, norm=norm)
    named = [name for name, *_ in boxes(draw(graph))]
    assert set(named) == {node.name for node in graph if not isinstance(node, Add)}
    assert named.count("blocks.0.attention.qkv.lif") == 3
    assert {"Q: LIF", "K: LIF", "V: LIF"} <= set(texts(draw(graph)))
    assert texts(draw(graph)).count("+") == 2


def test_levels_of_embedding_neurons_are_one_box():
    one, three = draw(random_graph(blocks=1)), draw(random_graph(blocks=1, levels=3))
    assert len(boxes(one)) == len(boxes(three))
    assert "3 levels of LIF neurons, added up" in texts(three)


def test_the_box_of_the_embedding_says_whether_it_tells_of_neighbours():
    plain, beside = (draw(random_graph(blocks=1, neighbours=each)) for each in (False, True))
    assert "8 bits, with those beside it" in beside
    assert "beside it" not in plain


def test_blocks_of_equal_shape_are_drawn_once():
    one, twelve = draw(random_graph(blocks=1)), draw(random_graph(blocks=12))
    assert len(boxes(one)) == len(boxes(twelve))
    assert "× 12" in texts(twelve) and not any(text.startswith("×") for text in texts(one))


def test_blocks_that_differ_are_drawn_apart():
    graph = random_graph(blocks=2, norm="batch")
    other = replace(graph["blocks.1.mlp.up.lif"], reset="zero")
    mixed = replace(graph, nodes=tuple(other if node.name == other.name else node for node in graph))
    assert len(boxes(draw(mixed))) > len(boxes(draw(graph)))


def test_no_box_overlaps_another_or_leaves_the_page():
    svg = draw(random_graph(blocks=3, width=768, heads=12, hidden=3072))
    page = ElementTree.fromstring(svg)
    width, height = float(page.attrib["width"]), float(page.attrib["height"])
    for _, left, top, right, bottom in boxes(svg):
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    for (_, *a), (_, *b) in itertools.combinations(boxes(svg), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_the_command_draws_without_another_output_and_escapes_names(tmp_path, capsys):
    graph = random_graph(blocks=1)
    first = replace(graph.nodes[0], name="a < b & c")
    second = replace(graph.nodes[1], inputs=(first.name,))
    nir.write(replace(graph, nodes=(first, second, *graph.nodes[2:])), tmp_path / "model.nir")
    assert export([str(tmp_path / "model.nir"), "--draw", str(tmp_path / "model.svg")]) == 0
    assert boxes((tmp_path / "model.svg").read_text("utf-8"))[0][0] == "a < b & c"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.nir", "model.svg"]


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".PNG", b"\x89PNG"), (".pdf", b"%PDF")])
def test_the_suffix_says_what_the_picture_is(tmp_path, monkeypatch, suffix, start):
    nir.write(random_graph(blocks=2), tmp_path / "model.nir")
    assert export([str(tmp_path / "model.nir"), "--draw", str(tmp_path / f"model{suffix}")]) == 0
    assert (tmp_path / f"model{suffix}").read_bytes().startswith(start)


def test_another_suffix_is_refused_before_anything_is_read(tmp_path, capsys):
    assert export([str(tmp_path / "model.nir"), "--draw", str(tmp_path / "model.jpg")]) == 2
    assert "--draw" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["blocks.0.mlp.up.linear", "blocks.0.attention.add"])
def test_a_graph_of_another_form_is_refused_by_the_name_of_a_node(name):
    graph = random_graph(blocks=1)
    elsewhere = replace(graph[name], inputs=("embeddings.word",) * len(graph[name].inputs))
    with pytest.raises(InputError, match=f"node {name}: "):
        draw(replace(graph, nodes=tuple(elsewhere if node.name == name else node for node in graph)))


def test_nothing_to_write_is_one_line(tmp_path, capsys):
    assert export([str(tmp_path / "model.nir")]) == 2
    assert "give -o, or --draw" in capsys.readouterr().err

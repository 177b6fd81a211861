"""The picture of CONTRIBUTING.md, held by the machine: imports point one way, and the lower floors know no torch."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from deploy.bundle import binary
from export.ir.graph import NODE_TYPES, NeuronLayer, Node
from export.lower.float_graph import FloatNeurons, FloatNode
from tests.export import naive
from tests.random_graph import random_graph

ROOT = Path(__file__).parents[1]
PACKAGES = ("spikebert", "export", "simulate", "deploy")
TORCH = {"torch", "transformers", "safetensors", "snntorch", "accelerate"}
FLOATS = ("deploy.workbench.trained", "deploy.workbench.inspection.trained")
WITH_TORCH = ("spikebert.model", "spikebert.training", "spikebert.baselines", "export.lower", *FLOATS)
# Commands choose, inside their functions, what needs torch; `verify --against` runs the float model.
DOORS = {
    *("spikebert.cli", "spikebert.study_cli", "spikebert.new_teacher", "spikebert.ngram_teacher"),
    *("export.cli", "simulate.verification"),
    *(
        "deploy.workbench.doors",
        "deploy.workbench.cli",
        "deploy.workbench.inspection.folders",
        "deploy.workbench.inspection.inspect",
    ),
}
# In a room with torch, and read before it is loaded.
TORCHLESS = {
    *("spikebert.model.limits", "spikebert.model.outputs", "spikebert.model.registry", "spikebert.model.hub"),
    *("spikebert.training.settings", "spikebert.training.preparation", "spikebert.training.teacher_folder"),
}


def subclasses(kind: type) -> list[type]:
    return [found for child in kind.__subclasses__() for found in (child, *subclasses(child))]


# What a table over node types leaves out, since it never reaches it.
LEFT_OUT = {
    "deploy.workbench.inspection.graph.PACKED": "Embedding",  # nothing adds up in it
    "deploy.workbench.inspection.graph.shape": "Accumulate Add LIF LayerNorm",  # of the others the width says all
    "export.formats.draw.FILL": "Accumulate Add",  # circles
    "export.formats.draw.describe": "Accumulate Add",  # without a description
    "export.formats.netx.LEFT_OUT": "LayerNorm",  # refused
    "export.lava.processes.LEAVES": "Accumulate Add Embedding Readout",  # placed apart
    "export.lava.stock._place": "Embedding LayerNorm",  # placed apart; refused
    "export.lower.quantize._quantize": "FloatBatchNorm FloatEntranceNorm",  # folded before
    "export.runtime.tally.keys": "Accumulate Embedding LayerNorm Linear Readout",  # nothing is counted of them
    "export.runtime.tally._tally": "Accumulate Embedding LayerNorm Linear Readout",
    "simulate.counts._operation": "LIF",  # neuron layers are told of apart
    "simulate.counts.layer_of": "Accumulate Add Attention Embedding LayerNorm Linear Readout",  # no neurons
}
FLOAT_NODES = [kind for kind in subclasses(FloatNode) if kind is not FloatNeurons]


def layers() -> list[str]:
    """The rooms in the order of CONTRIBUTING.md's picture, the lowest first."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    picture = page.partition("<!-- layers -->")[2].partition("<!-- end -->")[0]
    return re.findall(r"^ {4}([a-z_.]+)  ", picture, re.MULTILINE)


def modules() -> dict[str, ast.Module]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text("utf-8"))
    return found


MODULES = modules()
SOURCES = {name: ast.unparse(module) for name, module in MODULES.items()}


def imports(name: str, everywhere: bool = True) -> set[str]:
    """The modules that a module imports: within functions too, or only as it is loaded; not for types alone."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(MODULES[name].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if everywhere or not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return found - {"spikebert"}  # which has the version, and imports nothing


def room(name: str) -> str:
    """The most particular layer of the picture that a module is in."""
    return max((layer for layer in layers() if f"{name}.".startswith(f"{layer}.")), key=len)


@pytest.mark.parametrize(
    "name", sorted(MODULES.keys() - {"spikebert"})
)  # which names what stands above, and loads none
def test_imports_point_down_the_picture(name):
    order = {layer: place for place, layer in enumerate(layers())}
    here = order[room(name)]
    climbs = {to for to in imports(name) & MODULES.keys() if order[room(to)] > here}
    assert not climbs, f"{name} imports {sorted(climbs)} of rooms above its own"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports(name) & MODULES.keys() for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def is_with_torch(name: str) -> bool:
    return name not in TORCHLESS and any(f"{name}.".startswith(f"{top}.") for top in WITH_TORCH)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not is_with_torch(name)))
def test_a_floor_without_torch_imports_neither_it_nor_what_needs_it(name):
    found = imports(name, everywhere=name not in DOORS)
    heavy = {to for to in found if to.partition(".")[0] in TORCH or (to in MODULES and is_with_torch(to))}
    assert not heavy


def test_importing_the_package_loads_nothing():
    code = (
        "import sys; before = set(sys.modules); import spikebert; "
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "{'spikebert'}\n"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_module_takes_the_private_names_of_another(name):
    own = {n: {a.name for a in n.names} for n in ast.walk(MODULES[name]) if isinstance(n, ast.ImportFrom)}
    private = {
        f"{node.module}.{found}"
        for node, names in own.items()
        if (node.module or "").partition(".")[0] in PACKAGES
        for found in names
        if found.startswith("_") and not found.startswith("__")
    }
    aliases = {alias for node, names in own.items() for alias in names if f"{node.module}.{alias}" in MODULES}
    private |= {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
        if node.attr.startswith("_") and not node.attr.startswith("__")
    }
    assert not private


def first_words(node: ast.Call) -> str:
    """What the message of an error begins with, as far as it is written out."""
    message = node.args[0] if node.args else None
    message = message.values[0] if isinstance(message, ast.JoinedStr) else message
    return message.value if isinstance(message, ast.Constant) and isinstance(message.value, str) else ""


@pytest.mark.parametrize("name", sorted(name for name in MODULES if "argparse" not in imports(name)))
def test_an_error_of_the_library_names_a_parameter_and_leaves_its_option_to_the_command_line(name):
    calls = [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert not [node.lineno for node in calls if node.func.id == "InputError" and first_words(node).startswith("--")]


def is_dispatched(table: object) -> bool:
    return hasattr(table, "registry") and hasattr(table, "dispatch")


def tables():
    """(name, table) of each function dispatched by the type of a node, and of each dict from node types, by module."""
    for name in sorted(MODULES):
        may_have_one = "functools" in imports(name) or re.search(r"^\w+(: .+)? = {", SOURCES[name], re.MULTILINE)
        if not may_have_one or not imports(name) & {"export.ir.graph", "export.lower.float_graph"}:
            continue
        for variable, table in vars(importlib.import_module(name)).items():
            keys = table.registry if is_dispatched(table) else table if isinstance(table, dict) else {}
            own = re.search(rf"^(def )?{variable}\b", SOURCES[name], re.MULTILINE)
            if own and any(isinstance(key, type) and issubclass(key, (Node, FloatNode)) for key in keys):
                yield f"{name}.{variable}", table


def kinds_of(table) -> list[type]:
    """The node types that a table is of: those of the integer graph, or of the float graph."""
    keys = table.registry if is_dispatched(table) else table
    return FLOAT_NODES if any(issubclass(key, FloatNode) for key in keys) else list(NODE_TYPES.values())


def lacks(table, kind: type) -> bool:
    if is_dispatched(table):
        return table.dispatch(kind) is table.dispatch(object)
    return kind not in table


@pytest.mark.needs("lava", "torch")
def test_every_table_over_node_types_has_each_of_them_but_for_what_never_reaches_it():
    found = dict(tables())
    assert set(found) >= set(LEFT_OUT)
    for name, table in found.items():
        left_out = LEFT_OUT.get(name, "").split()
        for kind in kinds_of(table):
            assert lacks(table, kind) == (kind.__name__ in left_out), (
                f"{name} must have an entry for {kind.__name__}, or, if a {kind.__name__} never reaches it, "
                "LEFT_OUT of tests/test_layers.py must say so"
            )


def test_every_node_type_has_a_naive_twin():
    for kind in NODE_TYPES.values():
        assert not lacks(naive.one_step, kind), (
            f"tests/export/naive.py: add a rule for {kind.__name__} to one_step, its equation in plain Python integers"
        )


def test_every_kind_of_neuron_says_how_many_states_it_keeps():
    for kind in NODE_TYPES.values():
        if issubclass(kind, NeuronLayer):
            assert "states" in vars(kind), (
                f"export/ir/graph.py: {kind.__name__} must declare `states`, the numbers that a neuron keeps from step "
                "to step: inspect, resources and mappings count memory by it"
            )


def random_graphs():
    return [random_graph(**shape) for shape in ({}, {"norm": "batch"}, {"norm": "batch", "residual": "membrane"})]


def test_every_node_type_is_in_a_random_graph_so_that_each_back_end_is_held_to_the_naive_twin():
    missing = NODE_TYPES.keys() - {type(node).__name__ for graph in random_graphs() for node in graph}
    assert not missing, f"tests/random_graph.py: give random_graph a parameter that makes it of {sorted(missing)}, too"


def test_every_node_type_has_its_rule_in_c():
    code = (ROOT / "deploy/bundle/reference.c").read_text("utf-8")
    listed = re.search(r"enum \{ (EMBEDDING[^}]*) \}", code)
    assert listed
    names = {name.strip().replace("_", "") for name in listed[1].split(",")}
    for name in NODE_TYPES:
        assert name.upper() in names, f"deploy/bundle/reference.c: add {name}, as deploy/bundle/binary.py has it"


def test_every_node_type_has_its_row_on_the_page_of_the_bundle():
    page = (ROOT / "docs/bundle.md").read_text("utf-8")
    for node in (node for graph in random_graphs() for node in graph):
        number, _ = binary._body(node, 5)
        row = f"\n| {number} | "
        assert row in page, f"docs/bundle.md: the table of types needs a row of {number}, {type(node).__name__}"

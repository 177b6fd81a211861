"""Every export format is where a reader, a bundle and a Python caller look for it."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.bundle import bundle, readme
from deploy.workbench.inspection.inspect import FOLDERS
from deploy.workbench.model import Model
from export.formats.targets import TARGETS
from export.ir.graph import LIF, Graph, Linear
from tests.random_graph import random_graph

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
NOT_IN_A_BUNDLE = {
    "nir": "it is the model that a bundle is of",
    "onnx": "it holds floats, and a bundle is made of a model.nir",
    "lava": "its script needs Lava, and its model is that of the bundle",
}


MODULES = [
    pytest.param(name, marks=pytest.mark.needs("torch")) if target.floats else name for name, target in TARGETS.items()
]


@pytest.mark.parametrize("name", MODULES)
def test_a_target_writes_a_folder_of_a_known_kind_or_a_file(name):
    target = TARGETS[name]
    module = importlib.import_module(target.module)
    assert callable(module.write)
    assert target.folder == hasattr(module, "FOLDER"), (
        f"{target.module}: a folder's target has folder=True in TARGETS, and FOLDER, a Kind, in its module"
    )


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_stands_where_it_is_looked_for(name):
    assert f"\n| `{name}` |" in README, f"README.md: the table of 'What a model leaves in' needs a row for {name}"
    known = Model.export.__doc__ or ""
    assert TARGETS[name].floats or f'"{name}"' in known, f"Model.export: its docstring must name {name!r}"


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.folder])
def test_inspect_knows_the_folder_of_a_target(name):
    form = getattr(importlib.import_module(TARGETS[name].module), "FORMAT", None)
    known = {value for _, _, value, _ in FOLDERS}
    assert form in known or name == "lava", f"deploy/workbench/inspection/inspect.py: FOLDERS needs a row for {form}"


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_in_a_bundle_or_it_is_said_why_not(name):
    assert (name in bundle.FORMS) != (name in NOT_IN_A_BUNDLE), (
        f"deploy/bundle/bundle.py: FORMS must say where {name} goes, or NOT_IN_A_BUNDLE here why it is left out"
    )
    assert (name in bundle.FORMS) == (name in readme.FORMS), f"deploy/bundle/readme.py: FORMS must describe {name}"


@pytest.mark.parametrize("name", bundle.FORMS)
def test_a_form_in_a_bundle_takes_at_most_what_the_bundle_reckons_with(name, tmp_path):
    form, graph = bundle.FORMS[name], without_biases(random_graph(width=192, hidden=768, norm="batch", reset="zero"))
    out = tmp_path / form.place
    TARGETS[name].write(graph, out)
    size = sum(path.stat().st_size for path in ([out] if out.is_file() else out.rglob("*")) if path.is_file())
    most = form.most(graph)
    assert size <= most + 2**18, (
        f"deploy/bundle/bundle.py: FORMS must say how many bytes {name} takes at most: {size:,} here, {most:,} told"
    )


def without_biases(graph: Graph) -> Graph:
    """Which every format can hold."""
    nodes = (
        replace(node, bias=np.zeros_like(node.bias))
        if isinstance(node, (LIF, Linear)) and node.bias is not None
        else node
        for node in graph
    )
    return replace(graph, nodes=tuple(nodes))

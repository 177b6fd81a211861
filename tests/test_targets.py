"""Every export format is where a reader, a bundle and a Python caller look for it."""

import importlib
from pathlib import Path

import pytest

from deploy.bundle import bundle, readme
from deploy.workbench.inspection.inspect import FOLDERS
from deploy.workbench.model import Model
from export.formats.targets import TARGETS

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

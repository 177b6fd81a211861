"""The models that Lava finds for a process are those that its own search finds, which runs once for each class."""

import subprocess
import sys

import pytest

PROGRAM = """
import pkgutil
import numpy as np
from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs, find_processes
from export.lava import search
from export.lava.build import build
from tests.random_graph import random_graph

graph = random_graph(blocks=1, norm="batch", reset="zero", steps=1)
waves = [(np.array([1, 2, 3]), [3])]
processes = [
    process
    for granularity in ("layer", "stock")
    for process in find_processes(build(graph, granularity, waves, 3, "unused", False).root)
]
expected = [ProcGroupDiGraphs._find_proc_models(process) for process in processes]
assert all(expected)

executed = []
listed = pkgutil.iter_modules
pkgutil.iter_modules = lambda *args: executed.append(args) or listed(*args)
search.install()
assert [ProcGroupDiGraphs._find_proc_models(process) for process in processes] == expected
assert executed
executed.clear()
assert [ProcGroupDiGraphs._find_proc_models(process) for process in processes] == expected
assert not executed
assert len(processes) > 2 * len(set(map(type, processes)))
"""


@pytest.mark.needs("lava")
def test_each_class_is_searched_once_and_has_the_models_of_lavas_own_search():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

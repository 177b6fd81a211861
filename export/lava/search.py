"""Lava's search for the models of a process, done once for each class of processes.

To find them, Lava executes every file that lies beside the class, for each process anew: most of the time that a graph
of many processes takes to start. What is found depends on the class alone.
"""

from __future__ import annotations

from typing import Any


def install() -> None:
    """Lava searches in this way from now on in this process."""
    from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs

    search, found = ProcGroupDiGraphs._find_proc_models, {}

    def find(proc: Any) -> list[type]:
        kind = type(proc)
        if kind not in found:
            found[kind] = search(proc)
        return list(found[kind])

    ProcGroupDiGraphs._find_proc_models = staticmethod(find)

"""Verification of a bundle: its checksums, its golden vectors run anew, and a team's own traces against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.bundle import binary, golden, manifest, sums
from deploy.bundle.bundle import GOLDEN, MODEL, REFERENCE_GOLDEN, REFERENCE_MODEL, TOKENIZER
from deploy.bundle.diagnosis import likely_cause
from deploy.bundle.golden import Golden, Trains
from deploy.bundle.manifest import Manifest
from export.ir import nir
from export.ir.graph import Graph
from simulate import lava, lava_installed
from simulate.compare import Divergence, differences, explained, first_divergence, miscounted, of
from simulate.fast import FastSimulator
from spikebert.core.files import require_file
from spikebert.core.log import say

LAVA = "Lava"  # the check that a run on it is


@dataclass(frozen=True)
class Check:
    """One thing that was compared: `fault` is what is wrong with it, `good` what is said where nothing is."""

    what: str
    fault: str | None = None
    good: str = "equal"

    def __str__(self) -> str:
        return f"{self.what}: {self.fault or self.good}"


def verify(folder: Path, theirs: Path | None = None, on_lava: bool = True) -> Iterator[Check]:
    """Check after check, each as soon as it is made.

    Raises:
        InputError: a folder that is no bundle, or one of which a byte was changed.
    """
    require_file(folder / manifest.FILE, "bundle manifest")
    yield Check(f"{sums.check(folder)} files are as they were written", good="ok")
    stated = manifest.read(folder)
    graph = nir.read(folder / MODEL)
    stored = golden.read(folder / GOLDEN, graph)
    traces = None if theirs is None else golden.read_traces(theirs, graph, stored)
    yield Check("manifest and tokenizer", _described_difference(folder, stated, graph, stored))
    yield Check("golden vectors, step by step", _difference(graph, stored, golden.compute(graph, stored.sentences)))
    yield Check("plain binary form", _binary_difference(folder, graph, stored))
    lengths, expected = stored.lengths.tolist(), stored.result(graph)
    runs = [("fast simulator", lambda: FastSimulator(graph).run(stored.sentences, record=True))]
    if on_lava and not lava_installed.is_installed():
        say(f"{LAVA}: left out: {lava_installed.MISSING}")
    elif on_lava:
        runs.append((LAVA, lambda: lava.run(graph, stored.sentences, "block", record=True)))
    for name, run in runs:
        result = run()
        faults = [*miscounted(result, lengths), *differences(graph, stored.sentences, expected, result)]
        yield Check(name, "; ".join(faults) or None)
    if traces is not None:
        yield from compare(graph, stored, traces)


def _described_difference(folder: Path, stated: Manifest, graph: Graph, stored: Golden) -> str | None:
    """What the bundle says of the model and its golden texts beside these themselves."""
    wrong = stated.difference(graph, stored)
    if wrong:
        return f"{wrong} of {manifest.FILE} is not " + (
            f"what {GOLDEN} holds" if wrong == "golden" else f"that of {MODEL}"
        )
    if (folder / TOKENIZER).read_bytes() != graph.tokenizer.encode():
        return f"{TOKENIZER} is not that of {MODEL}"
    return None


def _difference(graph: Graph, stored: Golden, anew: Golden) -> str | None:
    wrong = first_divergence(stored.spikes, anew.spikes, stored.lengths.tolist())
    if wrong:
        return explained(graph, stored.sentences, wrong)
    if stored.steps is not None and (anew.steps is None or not np.array_equal(stored.steps, anew.steps)):
        return "the numbers of steps that the texts took differ"
    for node in graph.neurons:
        if not np.array_equal(stored.neurons[node.name], anew.neurons[node.name]):
            return f"the neurons of layer {node.name} whose membranes are kept are others"
        if not np.array_equal(stored.membranes[node.name], anew.membranes[node.name]):
            return f"membranes of layer {node.name} differ"
    return None if np.array_equal(stored.logits, anew.logits) else "logits differ"


def _binary_difference(folder: Path, graph: Graph, stored: Golden) -> str | None:
    if (folder / REFERENCE_MODEL).read_bytes() != binary.model_bytes(graph):
        return f"{REFERENCE_MODEL} is not {MODEL}"
    if (folder / REFERENCE_GOLDEN).read_bytes() != binary.golden_bytes(graph, stored):
        return f"{REFERENCE_GOLDEN} is not {GOLDEN}"
    return None


def compare(graph: Graph, stored: Golden, theirs: Trains) -> Iterator[Check]:
    """A team's traces, layer by layer in network order; the first layer that differs is looked into.

    What lies behind it differs because of it, so that nothing is said of the cause there.
    """
    lengths, first = stored.lengths.tolist(), None
    for name, train in theirs.items():
        expected = {name: stored.spikes[name]}
        wrong = first_divergence(expected, {name: train}, lengths)
        what = f"their {name}"
        if wrong is None:
            yield Check(what)
        elif first is None:
            first = name
            yield Check(what, f"{explained(graph, stored.sentences, wrong)}. {_cause(graph, stored, wrong, train)}")
        else:
            share = of(int((train != stored.spikes[name]).sum()), train.size)
            yield Check(what, f"{share} spikes differ, behind {first}")


def _cause(graph: Graph, stored: Golden, wrong: Divergence, train: np.ndarray) -> str:
    cause = likely_cause(graph, stored.sentences, wrong.layer, train)
    return f"Likely cause: {cause}" if cause else "No single known cause gives these spikes"


def summary(checks: Sequence[Check]) -> str:
    """All checks in one line."""
    faults = [check.what for check in checks if check.fault]
    if not faults:
        return (
            f"all {len(checks)} checks passed{'' if any(check.what == LAVA for check in checks) else ', without Lava'}"
        )
    return f"{len(faults)} of {len(checks)} checks failed: {', '.join(faults)}"

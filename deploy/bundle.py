"""The bundle: one folder from which a hardware team runs a model and proves that its chip computes the same.

Made of the exported file and some texts alone, the same bytes each time; docs/bundle.md tells what is in it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy import binary, readme, sums
from deploy.golden import Golden, compute
from export import nir
from export.graph import Graph
from export.targets import TARGETS
from simulate.run import Texts, describe, simulate, write_run
from simulate.text import encode
from spikebert import __version__
from spikebert.errors import InputError
from spikebert.files import write_folder_atomically

FORMAT, FORMAT_VERSION = "spikebert-bundle", 1
MANIFEST = "manifest.json"
MODEL, TOKENIZER, GOLDEN, ENERGY = "model.nir", "tokenizer.json", "golden.npz", "energy"
REFERENCE_MODEL, REFERENCE_GOLDEN = "reference/model.bin", "reference/golden.bin"
FORMS = {"nir-stages": "stages", "netx": "netx", "onnx-integer": "model-int.onnx"}  # target: where it goes
LIMIT = 2**32  # bytes


def write(
    model: Path,
    texts: Texts,
    out: Path,
    licence: str = "not stated",
    extras: Sequence[Path] = (),
    truncate: bool = False,
    tell: Callable[[str], object] = print,
) -> None:
    """Write the bundle of `model` with golden vectors of all `texts`; the folder appears whole or not at all.

    Args:
        licence: of the model, for its receiver.
        extras: files and folders to put in as they are, such as a mapping or a report.
    Raises:
        InputError: for texts that the model cannot take, an extra that is not there, or a bundle beyond LIMIT.
    """
    graph = nir.read(model)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", truncate)
    for extra in extras:
        if not extra.exists():
            raise InputError(f"--with {extra}: no such file or folder")
    size = estimate(graph, sum(map(len, sentences)))
    tell(f"{out}: {len(sentences)} golden texts, {sum(map(len, sentences))} tokens; at most {size / 1e6:,.0f} MB")
    if size > LIMIT:
        raise InputError(f"{out}: could take {size:,} bytes, beyond {LIMIT:,}; give fewer golden texts")

    def fill(folder: Path) -> None:
        shutil.copyfile(model, folder / MODEL)
        (folder / TOKENIZER).write_text(graph.tokenizer, "utf-8")
        golden = compute(graph, sentences)
        golden.write(folder / GOLDEN)
        (folder / REFERENCE_MODEL).parent.mkdir()
        (folder / REFERENCE_MODEL).write_bytes(binary.model_bytes(graph))
        (folder / REFERENCE_GOLDEN).write_bytes(binary.golden_bytes(graph, golden))
        left_out = _other_forms(graph, folder)
        _energy(graph, texts, golden, folder)
        for extra in extras:
            _include(extra, folder / "with" / extra.name)
        content = manifest(graph, golden, licence, left_out)
        (folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (folder / "README.md").write_text(readme.text(graph, golden, content), "utf-8")
        sums.write(folder)

    write_folder_atomically(out, MANIFEST, fill)


def estimate(graph: Graph, tokens: int) -> int:
    """An upper bound of the bundle's bytes, known before anything is run; without extras."""
    integers = sum(array.nbytes for node in graph for array in node.arrays.values())
    weights = sum(node.arrays["weight"].size for node in graph if "weight" in node.arrays)
    spikes = sum(-(-node.size // 8) for node in graph.neurons) * graph.time_steps * tokens
    # The file, its plain form, ONNX (int8), netx (int8), stages (float32); golden spikes twice, membranes of 8 neurons.
    return 4 * integers + 4 * weights + 2 * spikes + 32 * len(graph.neurons) * graph.time_steps * tokens + 2**22


def _other_forms(graph: Graph, folder: Path) -> dict[str, str]:
    """Write what other tools read; gives {target: why it could not be}."""
    left_out = {}
    for target, place in FORMS.items():
        try:
            TARGETS[target].write(graph, folder / place)
        except InputError as error:
            left_out[target] = str(error)
    return left_out


def _energy(graph: Graph, texts: Texts, golden: Golden, folder: Path) -> None:
    """The counts of the golden texts, which `spikebert-report` reads; times are no part of a reproducible bundle."""
    result = replace(simulate(graph, golden.sentences), seconds=0.0, startup_seconds=0.0)
    lengths = [int(n) for n in golden.lengths]
    shown = Texts("golden texts", [f"text {i}" for i in range(len(lengths))], texts.labels)
    counts = describe(graph, result, shown, lengths, folder / MODEL, "fast", "spikebert-deploy bundle")
    write_run(folder / ENERGY, counts, graph, result, shown, lengths)


def _include(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def manifest(graph: Graph, golden: Golden, licence: str, left_out: dict[str, str]) -> dict[str, Any]:
    """What a program wants to know of the bundle, as plain JSON values."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "writer": f"spikebert {__version__}",
        "integer_semantics": nir.FORMAT_VERSION,
        "licence": licence,
        "graph_checksum": nir.checksum(graph),
        "time_steps": graph.time_steps,
        "max_tokens": graph.max_tokens,
        "labels": list(graph.labels),
        "logit_scale": float(graph.nodes[-1].arrays["scale"][0]),
        "layers": [
            {"name": n.name, "neurons": n.size, "decay": n.decay, "reset": n.reset, "input": n.inputs[0]}
            for n in graph.neurons
        ],
        "golden": {"texts": len(golden.lengths), "tokens": int(golden.lengths.sum())},
        "left_out": left_out,
    }

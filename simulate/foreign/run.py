"""A whole run of a NIR file of another tool: an array of spikes in, a table and a folder out."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from export.foreign.network import Network
from export.ir.npz import write_npz
from simulate.folder import RUN
from simulate.foreign import euler
from simulate.foreign.agreement import Agreement
from simulate.foreign.result import ForeignRun
from spikebert.core.errors import InputError, printable, reason_of
from spikebert.core.files import require_file, write_folder_atomically
from spikebert.core.versions import versions

FORMAT = "spikebert-foreign-run"
VERSION = 2
MANY_STEPS = 1000  # a time constant as long as this, in steps, is rarely meant
MOST_VALUES = 2**28  # of an input, and of all that is recorded
DT = 1e-4  # seconds: the time step that most tools have in mind when they write NIR


def load_input(path: str | os.PathLike[str], width: int) -> NDArray[np.float64]:
    """The input (T, B, D) of a .npy file that holds this or (T, D), one sample.

    Raises:
        InputError: no such file, or an array that does not fit.
    """
    path = require_file(path, "input")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that NumPy mends
            array = np.lib.format.open_memmap(path, mode="r")  # arrays alone: neither pickles nor archives
    except (ValueError, OSError, EOFError, SyntaxError, TokenError, TypeError, OverflowError) as error:
        reason = reason_of(error) or "it is empty"
        raise InputError(f"{path}: not a .npy array of numbers ({reason})") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: must be one .npy array of numbers, not of {array.dtype}")
    if array.ndim not in (2, 3) or array.shape[-1] != width or not array.size:
        raise InputError(f"{path}: has shape {array.shape}; must be (T, B, {width}) or (T, {width})")
    if array.size > MOST_VALUES:
        raise InputError(f"{path}: holds {array.size:,} values; {MOST_VALUES:,} are the most")
    values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: is not finite")
    return values.reshape(len(values), -1, width)


def simulate(network: Network, x: NDArray[np.float64], dt: float = DT, backend: str = "float") -> ForeignRun:
    """Run an input (T, B, D) in time steps of dt seconds, in floating point ("float") or in integers ("lava")."""
    recorded = sum(network.widths[name] for name in (*network.spiking, *network.outputs)) * x.shape[0] * x.shape[1]
    if recorded > MOST_VALUES:
        raise InputError(
            f"{x.shape[0]:,} steps of {x.shape[1]:,} samples give {recorded:,} values to record; {MOST_VALUES:,} are "
            "the most: give shorter input, or fewer samples"
        )
    started = time.monotonic()
    found = euler.run(network, x, dt)
    if backend == "float":
        return ForeignRun("float", found.spikes, found.outputs, None, (), 0.0, time.monotonic() - started)
    from simulate.foreign import lava

    return lava.run(network, x, dt, found.spikes)


def hint(network: Network, run: ForeignRun, dt: float) -> str | None:
    """What may be wrong where no neuron fired: most often the file counts time in other steps than `dt` seconds."""
    if not run.spikes or any(train.any() for train in run.spikes.values()):
        return None
    tau = network.shortest_time_constant
    if tau is not None and tau / dt >= MANY_STEPS:
        return (
            f"no neuron fired: the shortest time constant is {tau:g} s, {tau / dt:,.0f} steps of {dt:g} s; if the file "
            "was made for longer steps, give them as --dt"
        )
    if any(isinstance(node, (nir.IF, nir.I)) for node in network.nodes.values()):
        return (
            f"no neuron fired: an integrator adds r · x · {dt:g} s each step; if the file counts time in steps, give "
            "--dt 1"
        )
    return None


def describe(network: Network, run: ForeignRun, x: NDArray, dt: float, model: Path, source: str) -> dict[str, Any]:
    """The whole of counts.json."""
    steps, samples, _ = x.shape
    layers = []
    for name, train in run.spikes.items():
        layers.append(
            {
                "name": name,
                "kind": type(network.nodes[name]).__name__,
                "width": train.shape[2],
                "spikes": int(train.sum(dtype=np.int64)),
                "rate": float(train.mean()),
                **({} if run.agreement is None else _agreement(run.agreement[name])),
            }
        )
    outputs = [
        {
            "name": name,
            "from": list(network.inputs[name] + network.feedback.get(name, ())),
            "width": values.shape[2],
            "least": float(values.min()),
            "mean": float(values.mean()),
            "largest": float(values.max()),
        }
        for name, values in run.outputs.items()
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": printable(model.name),
        "input": printable(source),
        "backend": run.backend,
        "dt": dt,
        "steps": steps,
        "samples": samples,
        "input_events": int(np.count_nonzero(x)),
        "layers": layers,
        "outputs": outputs,
        "notes": list(run.notes),
        "startup_seconds": run.startup_seconds,
        "seconds": run.seconds,
        "versions": versions("spikebert", "numpy", "nir", "lava-nc"),
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    """As counts.json has it; null where there is no spike to take a share of."""
    return {
        "spikes_in_float": found.in_float,
        "common_spikes": found.common,
        "precision": found.precision,
        "recall": found.recall,
        "active": found.active,
    }


def write(out: Path, counts: dict[str, Any], run: ForeignRun) -> None:
    """Write `out/`, whole or not at all: counts.json, spikes.npz with an array (T, B, D) for each spiking node, and
    outputs.npz with one for each Output.
    """

    def fill(folder: Path) -> None:
        (folder / "counts.json").write_text(json.dumps(counts, indent=1, ensure_ascii=False), "utf-8")
        write_npz(folder / "spikes.npz", run.spikes)
        write_npz(folder / "outputs.npz", run.outputs)

    write_folder_atomically(out, RUN, fill)


def table(counts: dict[str, Any]) -> str:
    """The layers, then the Outputs, as lines of text."""
    compared = any("active" in layer for layer in counts["layers"])
    lines = []
    if counts["layers"]:
        lines.append(f"{'layer':<30}{'kind':<10}{'neurons':>8}{'spikes a sample':>17}{'firing rate':>13}")
        lines[0] += f"{'precision':>11}{'recall':>9}{'active':>9}" if compared else ""
    for layer in counts["layers"]:
        spikes = layer["spikes"] / counts["samples"]
        line = f"{layer['name']:<30}{layer['kind']:<10}{layer['width']:>8}{spikes:>17.1f}{layer['rate']:>13.4f}"
        if compared:
            line += f"{_share(layer['precision']):>11}{_share(layer['recall']):>9}{layer['active']:>9.4f}"
        lines.append(line)
    if compared:
        lines.append(
            "precision: the share of these spikes that float has; recall: of float's spikes, the share found here"
        )
    if counts["outputs"]:
        lines += ["", f"{'output':<30}{'from':<24}{'values':>8}{'least':>12}{'mean':>12}{'largest':>12}"]
    for output in counts["outputs"]:
        span = "".join(f"{output[key]:>12.5g}" for key in ("least", "mean", "largest"))
        lines.append(f"{output['name']:<30}{', '.join(output['from']):<24}{output['width']:>8}{span}")
    return "\n".join(lines).lstrip("\n")


def _share(value: float | None) -> str:
    """A share that rounds to 1 only if it is 1."""
    return "-" if value is None else f"{value if value == 1 else min(value, 0.9999):.4f}"

"""A whole run of a stock NIR file: an array of spikes in, a table and a folder out."""

from __future__ import annotations

import json
import os
import time
import warnings
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.foreign.network import Network
from simulate.foreign import euler
from spikebert.errors import InputError
from spikebert.files import require_file, write_folder_atomically

FORMAT = "spikebert-foreign-run"
DT = 1e-4  # seconds: the time step that most tools have in mind when they write NIR


@dataclass(frozen=True)
class ForeignRun:
    """What a simulation gave; on Lava also in how many of its spikes each layer agrees with the float one."""

    backend: str
    spikes: dict[str, NDArray[np.uint8]]  # (T, B, D) of each spiking node
    agreement: dict[str, float] | None
    startup_seconds: float
    seconds: float


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
        reason = " ".join(str(error).split()) or "it is empty"
        raise InputError(f"{path}: not a .npy array of numbers ({reason})") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: must be one .npy array of numbers, not of {array.dtype}")
    if array.ndim not in (2, 3) or array.shape[-1] != width or not array.size:
        raise InputError(f"{path}: has shape {array.shape}; must be (T, B, {width}) or (T, {width})")
    values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: is not finite")
    return values.reshape(len(values), -1, width)


def simulate(network: Network, x: NDArray[np.float64], dt: float = DT, backend: str = "float") -> ForeignRun:
    """Run an input (T, B, D) in time steps of dt seconds, in floating point ("float") or in integers ("lava")."""
    started = time.monotonic()
    expected = euler.run(network, x, dt).spikes
    if backend == "float":
        return ForeignRun("float", expected, None, 0.0, time.monotonic() - started)
    from simulate.foreign import lava

    return lava.run(network, x, dt, expected)


def describe(network: Network, run: ForeignRun, x: NDArray, dt: float, model: Path, source: str) -> dict[str, Any]:
    """The whole of counts.json."""
    steps, samples, _ = x.shape
    layers = []
    for name, train in run.spikes.items():
        layer = {
            "name": name,
            "kind": type(network.nodes[name]).__name__,
            "width": train.shape[2],
            "spikes": int(train.sum(dtype=np.int64)),
            "rate": float(train.mean()),
        }
        layers.append(layer if run.agreement is None else {**layer, "agreement": run.agreement[name]})
    return {
        "format": FORMAT,
        "version": 1,
        "model": model.name,
        "input": source,
        "backend": run.backend,
        "dt": dt,
        "steps": steps,
        "samples": samples,
        "input_events": int(np.count_nonzero(x)),
        "layers": layers,
        "startup_seconds": run.startup_seconds,
        "seconds": run.seconds,
        "versions": {name: version(name) for name in ("spikebert", "numpy", "nir", "lava-nc")},
    }


def write(out: Path, counts: dict[str, Any], run: ForeignRun) -> None:
    """Write `out/` with counts.json and spikes.npz, an array (T, B, D) for each layer: whole or not at all."""

    def fill(folder: Path) -> None:
        (folder / "counts.json").write_text(json.dumps(counts, indent=1, ensure_ascii=False), "utf-8")
        with zipfile.ZipFile(
            folder / "spikes.npz", "w", zipfile.ZIP_DEFLATED
        ) as archive:  # savez takes no layer "file"
            for name, train in run.spikes.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, train)

    write_folder_atomically(out, "counts.json", fill)


def table(counts: dict[str, Any]) -> str:
    """The layers as lines of text."""
    compared = any("agreement" in layer for layer in counts["layers"])
    lines = [f"{'layer':<30}{'kind':<10}{'neurons':>8}{'spikes a sample':>17}{'firing rate':>13}"]
    lines[0] += f"{'as in float':>13}" if compared else ""
    for layer in counts["layers"]:
        spikes = layer["spikes"] / counts["samples"]
        line = f"{layer['name']:<30}{layer['kind']:<10}{layer['width']:>8}{spikes:>17.1f}{layer['rate']:>13.4f}"
        lines.append(line + (f"{layer['agreement']:>13.4%}" if compared else ""))
    return "\n".join(lines)

"""NIR files of other tools against those tools' own spikes, as a Markdown table: `docs/foreign-nir.md` holds it.

    python benchmarks/foreign_nir.py

A layer's cell tells precision / recall (share of elements in which either fires): silence in both is no agreement.

snnTorch, Norse and SpikingJelly write the files of `interop/write_stock.py` in `.venv-interop` (`make interop`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.foreign.network import read
from simulate.foreign import euler, lava
from simulate.foreign.agreement import Agreement
from spikebert.core.errors import InputError, exit_cleanly

ROOT = Path(__file__).parents[1]
INTEROP = ROOT / ".venv-interop" / "bin" / "python"
HEADER = "| file | layers | dt | ours as the tool's, each layer | Lava's as our float's |\n|---|---|---|---|---|"


def main() -> None:
    if not INTEROP.exists():
        raise InputError("no .venv-interop here; `make interop` builds it")
    with tempfile.TemporaryDirectory() as folder:
        script = str(ROOT / "interop" / "write_stock.py")
        command = [str(INTEROP), script, folder, "snntorch", "norse", "spikingjelly"]
        subprocess.run(command, check=True, capture_output=True)
        print(HEADER)
        for file in sorted(Path(folder).glob("*.nir")):
            print(row(file))


def row(file: Path) -> str:
    network, record = read(file), np.load(file.with_suffix(".npz"))
    x, dt = record["input"].astype(float), float(record["dt"])
    ours = euler.run(network, x, dt).spikes
    kinds = ", ".join(type(network.nodes[name]).__name__ for name in network.spiking)
    same = [agreement(record[f"layer_{i}"], train) for i, train in enumerate(ours.values())]
    return f"| {file.stem} | {kinds} | {dt:g} | {', '.join(same)} | {on_lava(network, x, dt, ours)} |"


def on_lava(network, x: NDArray, dt: float, ours: dict[str, NDArray]) -> str:
    try:
        spikes = lava.run(network, x, dt, ours).spikes
    except InputError as error:
        return f"refused: {error}"
    return ", ".join(agreement(ours[name], spikes[name]) for name in spikes)


def agreement(expected: NDArray, found: NDArray) -> str:
    """Precision / recall (active), as docs/foreign-nir.md tells them."""
    shares = Agreement.of(expected.astype(np.uint8), found.astype(np.uint8))
    if shares.in_float == shares.common == shares.on_lava:
        return f"all ({shares.active:.1%})"
    precision, recall = ("–" if share is None else f"{share:.1%}" for share in (shares.precision, shares.recall))
    return f"{precision} / {recall} ({shares.active:.1%})"


if __name__ == "__main__":
    sys.exit(exit_cleanly("benchmarks/foreign_nir.py", main))

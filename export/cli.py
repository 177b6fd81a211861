"""spikebert-export: a trained model to the files that chips and other tools read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebert.errors import InputError, exit_cleanly
from spikebert.files import require_folder_of

PROGRAM = "spikebert-export"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog=PROGRAM, description="Lower a trained SpikeBERT to the integer graph of a chip.")
    p.add_argument("model", help="model.pt, or a model directory, of spikebert-train")
    p.add_argument("--to", choices=["nir"], default="nir", help="the format (default: %(default)s)")
    p.add_argument("-o", "--out", required=True, help="the file to write, such as model.nir")
    p.add_argument("--bits", type=int, default=8, help="weight bits, 2 to 8 (default: %(default)s)")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return exit_cleanly(PROGRAM, lambda: run(options))


def run(options: argparse.Namespace) -> None:
    require_folder_of(options.out, "-o")
    if not Path(options.model).exists():  # before torch is loaded
        raise InputError(f"{options.model}: no such model file or folder")
    from export import nir
    from export.lower.pipeline import lower
    from spikebert.checkpoint import load_model

    graph = lower(load_model(options.model), weight_bits=options.bits)
    nir.write(graph, options.out)
    print(f"{options.out}: {summary(graph, Path(options.out).stat().st_size)}")


def summary(graph, file_bytes: int) -> str:
    """One line that tells a person what was exported."""
    synapses = sum(n.weight.size for n in graph if hasattr(n, "weight"))
    neurons = sum(n.size for n in graph.neurons)
    return (
        f"{len(graph.nodes)} nodes, {synapses:,} synapses of {graph.metadata['weight_bits']} bits, "
        f"{neurons:,} neurons a token, T = {graph.time_steps}, up to {graph.max_tokens} tokens, "
        f"labels {', '.join(graph.labels)}; {file_bytes / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())

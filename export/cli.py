"""spikebert-export: a trained model to the files that chips and other tools read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebert.errors import InputError, exit_cleanly
from spikebert.files import require_folder_of, write_atomically

PROGRAM = "spikebert-export"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog=PROGRAM, description="Lower a trained SpikeBERT to the integer graph of a chip.")
    p.add_argument("model", help="model.pt, or a model directory, of spikebert-train")
    p.add_argument("--to", choices=["nir"], default="nir", help="the format (default: %(default)s)")
    p.add_argument("-o", "--out", required=True, help="the file to write, such as model.nir")
    p.add_argument("--bits", type=int, default=8, help="weight bits, 2 to 8 (default: %(default)s)")
    p.add_argument("--per-channel", action="store_true", help="give the weights of each output a power of two")
    p.add_argument(
        "--target",
        choices=["loihi2", "loihi1"],
        default="loihi2",
        help="loihi1 has no programmable neurons: refuses layer norms and the subtract reset (default: %(default)s)",
    )
    p.add_argument(
        "--calibrate", metavar="DATA", help="labelled text: compare spikes and accuracy with the float model"
    )
    p.add_argument("--limit", type=int, default=200, help="texts of --calibrate (default: %(default)s)")
    p.add_argument("--report", metavar="FILE", help="write the export report there, as JSON")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return exit_cleanly(PROGRAM, lambda: run(options))


def run(options: argparse.Namespace) -> None:
    require_folder_of(options.out, "-o")
    if options.report:
        require_folder_of(options.report, "--report")
    if options.limit < 1:
        raise InputError(f"--limit {options.limit}: must be at least 1")
    if not Path(options.model).exists():  # before torch is loaded
        raise InputError(f"{options.model}: no such model file or folder")
    from export import nir
    from export.lower.pipeline import lower
    from spikebert.checkpoint import load_model

    trained = load_model(options.model)
    graph = lower(trained, options.bits, options.per_channel, options.target)
    nir.write(graph, options.out)
    print(f"{options.out}: {summary(graph, Path(options.out).stat().st_size)}")
    if options.calibrate or options.report:
        _report(options, trained, graph)


def _report(options: argparse.Namespace, trained, graph) -> None:
    """Show the export report; with --report also write it."""
    import json

    from export.lower.report import report, table

    content = report(trained, graph, _calibration(options, trained) if options.calibrate else ())
    print(table(content))
    if options.report:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_atomically(Path(options.report), lambda temporary: temporary.write_text(text, "utf-8"))


def _calibration(options: argparse.Namespace, trained) -> list:
    """The labelled text of --calibrate as examples."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from spikebert.data import load_task, read_labelled
    from spikebert.packaged import TASKS
    from spikebert.pipeline import examples_of

    rows = load_task(options.calibrate).dev if options.calibrate in TASKS else read_labelled(options.calibrate)
    rows = rows[: options.limit]
    unknown = {row.label for row in rows} - set(trained.labels)
    if unknown:
        raise InputError(f"{options.calibrate}: the model does not know the label {sorted(unknown)[0]!r}")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(trained.tokenizer))
    return examples_of(rows, trained.labels, tokenizer, trained.model.config.max_tokens)


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

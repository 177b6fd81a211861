"""spikebert-export: a trained model to the files that chips and other tools read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.formats.targets import TARGETS, Target
from export.ir.chips import CHIPS, LOIHI1, LOIHI2
from export.ir.exit_option import add_exit_margin
from spikebert.core.commands import Command, script
from spikebert.core.errors import InputError
from spikebert.core.files import require_apart, require_folder_of, write_atomically
from spikebert.core.options import given, option
from spikebert.data.columns import add_columns, add_labels, columns_of, labels_of
from spikebert.model.hub import local

if TYPE_CHECKING:
    from export.ir.graph import Graph
    from spikebert.model.checkpoint import TrainedModel

PROGRAM = "spikebert-export"
HDF5 = b"\x89HDF\r\n\x1a\n"
INTEGERS = ("draw", "threshold_scale", "exit_margin", "same_shape", "licence")  # what only an integer graph has
LOWERING = ("bits", "per_channel", "compare", "report")  # the options of the way from the float model to integers


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Lower a trained SpikeBERT to the integer graph of a chip.",
        epilog="For example: spikebert export runs/tweets/model.pt -o model.nir",
    )
    p.add_argument(
        "model",
        help="model.pt or a model directory of spikebert-train, a model of the Hugging Face hub by its name "
        "(OWNER/NAME), a model.nir of this command, or a NIR file of another tool (with --to nir)",
    )
    p.add_argument(
        "--to",
        choices=list(TARGETS),
        default="nir",
        help="; ".join(f"{name}: {target.writes}" for name, target in TARGETS.items()) + " (default: %(default)s)",
    )
    p.add_argument("-o", "--out", help="the file or folder to write, such as model.nir (optional with --draw)")
    p.add_argument(
        "--draw", metavar="FILE", help="draw the network there (.svg, .png or .pdf), with its sizes and bits"
    )
    p.add_argument("--bits", type=int, help="weight bits, 2 to 8 (default: 8)")
    p.add_argument("--per-channel", action="store_true", help="give the weights of each output a power of two")
    p.add_argument(
        "--threshold-scale",
        type=float,
        metavar="FACTOR",
        help="factor of all thresholds: above 1 fewer spikes; `spikebert-simulate sweep` shows what that costs",
    )
    add_exit_margin(p)
    p.add_argument(
        "--chip",
        choices=CHIPS,
        default=LOIHI2,
        help="the chip to export for; loihi1 has no programmable neurons: refuses layer norms and the subtract reset "
        "(default: %(default)s)",
    )
    p.add_argument(
        "--compare", metavar="DATA", help="labelled text on which to compare spikes and accuracy with the float model"
    )
    add_columns(p)
    add_labels(p)
    p.add_argument(
        "--same-shape",
        metavar="RUN",
        help="the --out of a `spikebert-train teacher` whose BERT has the model's shape: the file notes its accuracy, "
        "and reports show it beside the energies",
    )
    p.add_argument(
        "--licence",
        metavar="NAME",
        help="licence of the model, such as Apache-2.0, which the file then notes",
    )
    p.add_argument("--limit", type=int, default=200, help="texts of --compare, the first (default: %(default)s)")
    p.add_argument("--report", metavar="FILE", help="write the export report there, as JSON")
    return p


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, COMMANDS, "export", arguments)


def run(options: argparse.Namespace) -> None:
    _require_outputs(options)
    options.model = str(local(options.model))
    if not Path(options.model).exists():  # before torch is loaded
        raise InputError(f"{options.model}: no such model file or folder")
    hdf5 = is_hdf5(options.model)
    foreign = hdf5 and _is_foreign(options.model)
    _require_apart(options, itself=options.to == "nir" and hdf5 and not foreign)
    if foreign:
        return _foreign(options)
    target = TARGETS[options.to]
    if target.floats:
        return _float(options, target)
    trained, graph = (None, _read(options)) if hdf5 else _lower(options)
    compared = _compared(options, trained) if trained and options.compare else []
    graph = _changed(options, graph)
    if options.chip == LOIHI1:
        from export.ir.stock import check_stock

        check_stock(graph)
    if options.out:
        target.write(graph, options.out)
        print(f"{options.out}: {summary(graph, size(Path(options.out)))}")
    if options.draw:
        from export.formats import draw

        draw.write(graph, options.draw)
        print(f"{options.draw}: a picture of {len(graph.nodes)} nodes")
    if trained and (options.compare or options.report):
        _report(options, trained, graph, compared)


def _require_outputs(options: argparse.Namespace) -> None:
    """An InputError where there is no output, one that cannot be written, or a --limit below 1."""
    if not (options.out or options.draw):
        raise InputError("nothing to write: give -o, or --draw")
    if options.out:
        TARGETS[options.to].require(options.out, "-o")
    if options.draw:
        from export.formats.draw import require_picture

        require_picture(options.draw)
    if options.report:
        require_folder_of(options.report, "--report")
    if options.limit < 1:
        raise InputError(f"--limit {options.limit}: must be at least 1")


def _changed(options: argparse.Namespace, graph: Graph) -> Graph:
    """The graph with the thresholds, the margin and the notes that the options ask for."""
    if options.threshold_scale is not None:
        from export.ir.thresholds import scale_thresholds

        graph = scale_thresholds(graph, options.threshold_scale)
    if options.exit_margin is not None:
        from export.ir.early_exit import with_margin

        graph = with_margin(graph, options.exit_margin)
    if options.same_shape is not None:
        from export.same_shape import with_same_shape

        graph = with_same_shape(graph, options.same_shape)
    if options.licence is not None:
        from export.ir.licence import with_licence

        graph = with_licence(graph, options.licence)
    return graph


def _require_apart(options: argparse.Namespace, itself: bool) -> None:
    """An InputError for an output that is an input or another output; `itself`: the model may be written over itself.

    A model.nir may be. Of a file of another tool some would be lost: its metadata, and its graphs in graphs.
    """
    written = {"-o": options.out, "--draw": options.draw, "--report": options.report}
    for flag, path in written.items():
        if path:
            others = [other for name, other in written.items() if name != flag]
            require_apart(path, flag, *others, options.compare, None if itself and flag == "-o" else options.model)


def _is_foreign(model: str) -> bool:
    from export.ir import nir

    return nir.is_foreign(model)


def _foreign(options: argparse.Namespace) -> None:
    """A NIR file of another tool, written again: checked, without graphs in graphs."""
    from export.foreign import network

    if options.to != "nir":
        raise InputError(f"{options.model}: a NIR file of another tool; --to {options.to} takes a SpikeBERT alone")
    unfit = given(options, *INTEGERS)
    if unfit or not options.out:
        flag = option(unfit[0] if unfit else "draw")
        raise InputError(f"{options.model}: a NIR file of another tool; {flag} takes a SpikeBERT alone")
    _refuse_lowering(options, "comes from another tool")
    loaded = network.read(options.model)
    network.write(loaded, options.out)
    neurons = sum(loaded.widths[name] for name in loaded.spiking)
    print(f"{options.out}: stock NIR, {len(loaded.nodes)} nodes, {neurons:,} spiking neurons")


def _float(options: argparse.Namespace, target: Target) -> None:
    """The trained float model itself, which no lowering touches."""
    if is_hdf5(options.model):
        raise InputError(f"{options.model}: holds integers alone; --to {options.to} needs the model.pt it was made of")
    unfit = given(options, *LOWERING, *INTEGERS)
    if unfit:
        raise InputError(f"--to {options.to} writes the float model; {option(unfit[0])} belongs to the integer graph")
    from spikebert.model.checkpoint import load_model

    trained = load_model(options.model)
    target.write(trained, options.out)
    config = trained.model.config
    print(
        f"{options.out}: the float model, {trained.model.num_parameters():,} parameters, T = {config.time_steps}, "
        f"up to {config.max_tokens} tokens, {predicted(trained.labels)}; {size(Path(options.out)) / 1e6:.1f} MB"
    )


def _read(options: argparse.Namespace) -> Graph:
    """The graph of an exported file, whose integers are what they are."""
    from export.ir import nir

    _refuse_lowering(options, "is quantised already")
    return nir.read(options.model)


def _refuse_lowering(options: argparse.Namespace, why: str) -> None:
    """An InputError for the options that only a float model can follow."""
    unfit = given(options, *LOWERING)
    if unfit:
        raise InputError(f"{options.model}: {why}; {option(unfit[0])} needs a model.pt")


def _lower(options: argparse.Namespace) -> tuple[TrainedModel, Graph]:
    """A trained model and its integer graph."""
    from export.lower.pipeline import lower
    from spikebert.model.checkpoint import load_model

    trained = load_model(options.model)
    return trained, lower(trained, 8 if options.bits is None else options.bits, options.per_channel, options.chip)


def _report(options: argparse.Namespace, trained, graph, compared: list) -> None:
    """Show the export report; with --report also write it."""
    import json

    from export.lower.report import report, table

    content = report(trained, graph, compared)
    print(table(content))
    if options.report:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_atomically(Path(options.report), lambda temporary: temporary.write_text(text, "utf-8"))


def _compared(options: argparse.Namespace, trained) -> list:
    """The labelled text of --compare as examples."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from spikebert.data.known_labels import in_words_of
    from spikebert.data.tasks import measured
    from spikebert.training.examples import examples_of

    called = labels_of(options)
    rows = measured(options.compare, columns_of(options), options.limit)
    names = [called.get(row.label, row.label) for row in rows]
    labels = in_words_of(names, trained.labels, trained.training, options.compare)
    rows = [replace(row, label=label) for row, label in zip(rows, labels, strict=True)]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(trained.tokenizer))
    config = trained.model.config
    return examples_of(rows, trained.labels, tokenizer, config.max_tokens, config.separator)


def is_hdf5(path: str) -> bool:
    """Whether the file is HDF5, as .nir files are."""
    if not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return file.read(len(HDF5)) == HDF5


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def predicted(labels: Sequence[str]) -> str:
    """What a model with these labels predicts."""
    return f"labels {', '.join(labels)}" if labels else "predicts a number"


def summary(graph: Graph, file_bytes: int) -> str:
    """One line that tells a person what was exported."""
    from export.ir.early_exit import in_logits
    from export.ir.graph import Linear

    bits = max((node.bits for node in graph if isinstance(node, Linear)), default=8)
    synapses = sum(n.arrays["weight"].size for n in graph if "weight" in n.arrays)
    neurons = sum(n.size for n in graph.neurons)
    margin = in_logits(graph)
    exits = "" if margin is None else f", early exit at {margin:.4g}"
    return (
        f"{len(graph.nodes)} nodes, {synapses:,} synapses of {bits} bits, "
        f"{neurons:,} neurons a token, T = {graph.time_steps}, up to {graph.max_tokens} tokens, "
        f"{predicted(graph.labels)}{exits}; {file_bytes / 1e6:.1f} MB"
    )


COMMANDS = {"export": Command(parser, run)}


if __name__ == "__main__":
    sys.exit(main())

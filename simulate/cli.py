"""spikebert-simulate: run an exported model, on exact integers or on Lava, and count its spikes."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simulate.interchange.forms import FORMS
from simulate.parsers import PROGRAM, ablate_parser, parser, sweep_parser, verify_parser
from spikebert.core.commands import Command, script
from spikebert.core.errors import InputError, printable
from spikebert.core.options import given, option
from spikebert.data.columns import columns_of, labels_of
from spikebert.data.metrics import ACCURACY
from spikebert.data.rows import joined

if TYPE_CHECKING:
    from simulate.result import Counting
    from simulate.run import Run
    from simulate.text import Texts


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, COMMANDS, "simulate", arguments)


def run(options: argparse.Namespace) -> None:
    from export.ir import nir

    if nir.is_foreign(options.model):
        run_foreign(options)
    else:
        run_model(options)


def _require_out(out: str | None, *read: str | None) -> None:
    """An InputError, before the simulation, if its results cannot be written or would replace what is `read`."""
    from simulate.folder import RUN
    from spikebert.core.files import require_apart, require_place

    if out:
        for name in RUN.files:
            require_apart(Path(out) / name, "--out", *read)
        require_place(out, RUN, "--out")


def run_foreign(options: argparse.Namespace) -> None:
    """A NIR file of another tool, on an array of input."""
    import math

    from export.foreign import network
    from simulate.foreign import run

    if not options.input:
        raise InputError(f"{options.model}: a NIR file of another tool; give it --input spikes.npy, not text")
    flags = (
        "limit",
        "truncate",
        "spikes",
        "to",
        "trace",
        "text_pair",
        "granularity",
        "workers",
        "dask",
        "exit_margin",
        "metric",
        "counts",
        "labels",
        "label_column",
        "text_column",
    )
    unfit = given(options, *flags) + (["format"] if options.format != "table" else [])
    if unfit or options.backend == "fast":
        raise InputError(f"{option(unfit[0]) if unfit else '--backend fast'} is for models of spikebert-export")
    dt = run.DT if options.dt is None else options.dt
    if not (dt > 0 and math.isfinite(dt)):
        raise InputError(f"--dt {dt}: must be a number of seconds above 0")
    _require_out(options.out, options.input)
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


def run_model(options: argparse.Namespace) -> None:
    """A model of spikebert-export, on text."""
    _check(options)
    _require_out(options.out, options.data)
    from export.ir import nir
    from export.ir.early_exit import with_margin
    from simulate.predictions import FORMATS
    from simulate.run import ModelFile, predict, run_texts
    from simulate.shards import shards_of

    graph = with_margin(nir.read(options.model), options.exit_margin)
    for form in options.to:
        FORMS[form].check(graph)
    if options.text_pair:
        if not nir.pairs(graph):
            raise InputError(f"--text-pair: {options.model} takes single texts; it was not trained on pairs")
        options.text = [joined(pair) for pair in zip(options.text, options.text_pair, strict=True)]
    shared = options.dask is not None or options.workers is not None
    if options.format != "table" and not options.out and options.backend != "lava" and not shared:
        parts = predict(graph, _texts(options), options.truncate, options.metric)
        for line in FORMATS[options.format].lines(graph, parts):
            sys.stdout.write(line)
        return
    with shards_of(options.out, kept=shared) as shards:
        found = run_texts(
            graph,
            ModelFile.of(Path(options.model)),
            _texts(options),
            options.backend or "fast",
            options.granularity or "block",
            options.spikes or any(FORMS[form].records for form in options.to),
            (1 if options.trace is None else options.trace) if options.out else 0,
            options.truncate,
            options.workers,
            options.dask,
            options.line,
            shards,
            options.metric,
            counting=_counting(options),
        )
        if options.out:
            found.save(options.out, options.to)
    _show(options, found)


def _counting(options: argparse.Namespace) -> Counting:
    """What is counted: what is kept or printed, unless --counts says otherwise."""
    if options.out:
        return "all"
    return options.counts or ("layers" if options.format == "table" else "none")


def _check(options: argparse.Namespace) -> None:
    """An InputError for options that do not go together."""
    if options.input or options.dt is not None or options.backend == "float":
        flag = "--input" if options.input else "--dt" if options.dt is not None else "--backend float"
        raise InputError(f"{flag} is for NIR files of other tools; {options.model} is a SpikeBERT, and takes text")
    if "-" in (options.text or []):
        raise InputError("--text -: texts from standard input are data, one a line: --data -")
    if options.limit is not None and not options.data:
        raise InputError("--limit is for --data: texts of the command line are all taken")
    if options.granularity and options.backend != "lava":
        raise InputError("--granularity is Lava's: give --backend lava, too")
    if options.spikes and not options.out:
        raise InputError("--spikes needs --out: a folder to write the spikes to")
    if options.to and not options.out:
        raise InputError("--to needs --out: a folder to write to")
    if options.out and options.counts not in (None, "all"):
        raise InputError(f"--counts {options.counts}: --out keeps counts.json, which holds all counts; leave one out")
    if options.trace == 0 and any(FORMS[form].traces for form in options.to):
        raise InputError("--to prosperity writes the text of --trace: give the number of one, from 1")
    if options.text_pair and len(options.text_pair) != len(options.text or []):
        raise InputError("--text-pair needs a --text for each: the first of the two texts")
    if options.trace is not None and not options.out:
        raise InputError("--trace needs --out: a folder to write the trace to")


def verify(options: argparse.Namespace) -> int:
    from export.ir import nir
    from export.ir.early_exit import with_margin
    from simulate import verification

    graph = with_margin(nir.read(options.model), options.exit_margin)
    texts = _texts(options)
    found = verification.verify(graph, texts, options.granularity, options.against, options.truncate)
    print(found)
    return 0 if found.equal else 1


def sweep(options: argparse.Namespace) -> None:
    """Print the points, and write them where asked to."""
    import json

    from export.ir import nir
    from simulate import sweep as sweeps
    from spikebert.core.files import require_apart, require_folder_of, write_atomically
    from spikebert.core.progress import Bar

    output = Path(options.out) if options.out else None
    if output:
        require_folder_of(output, "-o")
        require_apart(output, "-o", options.model, options.data)
        if output.suffix not in (".svg", ".pdf", ".png", ".json"):
            raise InputError(f"-o {output}: the suffix must be .svg, .pdf, .png or .json")
    graph = nir.read(options.model)
    sentences, measure = _labelled(options, graph)
    margins = options.margins
    if margins is None:
        margins = [] if graph.regression else [0.5, 1.0, 2.0, 3.0]
    with Bar(total=len(options.factors) * len(sentences), unit="text", disable=None, leave=False) as bar:
        points = sweeps.sweep(graph, sentences, measure, options.factors, margins, bar.update)
    print(sweeps.table(points, measure.metric))
    if output and output.suffix == ".json":
        text = json.dumps(sweeps.plain(points, measure.metric), indent=1)
        write_atomically(output, lambda path: path.write_text(text, "utf-8"))
    elif output:
        from simulate.report.panel import Plot
        from simulate.report.plotting import save

        plot = Plot(partial(sweeps.draw, points, measure.metric), f"{measure.metric.heading} against energy.")
        write_atomically(output, lambda path: save(plot, path, output.suffix[1:]))


def ablate(options: argparse.Namespace) -> None:
    """Print what each part is worth, and write it where asked to."""
    from export.ir import nir
    from simulate import ablate as ablation
    from spikebert.core.files import require_apart, require_folder_of, sha256, write_atomically
    from spikebert.core.options import require_seed
    from spikebert.core.progress import Bar

    require_seed(options.seed)
    output = Path(options.out) if options.out else None
    if output:
        require_folder_of(output, "-o")
        require_apart(output, "-o", options.model, options.data)
        if output.suffix != ".json":
            raise InputError(f"-o {output}: the suffix must be .json")
    graph, digest = nir.read(options.model), sha256(Path(options.model))
    sentences, measure = _labelled(options, graph)
    with Bar(total=1 + ablation.runs(graph), unit="run", disable=None, leave=False) as bar:
        found = ablation.ablate(graph, sentences, measure, options.seed, bar.update)
    print(ablation.table(found))
    if output:
        record = ablation.record_of(found, digest, printable(Path(options.data).name), options.seed)
        write_atomically(output, lambda path: path.write_text(record.text, "utf-8"))


def _labelled(options: argparse.Namespace, graph):
    """(token ids of each text, what measures the answers to them) of --data."""
    from simulate.text import encode_labelled

    return encode_labelled(graph, _texts(options), options.truncate, options.metric)


def _texts(options: argparse.Namespace) -> Texts:
    from simulate.text import Texts, read_data

    if getattr(options, "text", None):
        return Texts("command line", options.text, None)
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit}: must be at least 1")
    return read_data(options.data, columns_of(options), options.limit, labels_of(options))


def _beside(run: Run) -> str:
    """What is told beside the score of classes."""
    if run.graph.regression:
        return ""
    accuracy = "" if run.metric == ACCURACY else f", accuracy {run.accuracy:.4f}"
    return f"{accuracy}, {run.correct} right, majority class {run.majority:.4f}"


def _show(options: argparse.Namespace, run: Run) -> None:
    """Predictions of texts without labels, with their scores, or the accuracy; then spikes a layer, if counted."""
    from simulate.predictions import FORMATS, as_lines

    if options.format != "table":
        sys.stdout.writelines(FORMATS[options.format].lines(run.graph, [(run.result, run.texts)]))
        return
    texts, result = len(run.sentences), run.result
    if run.texts.labels is None:
        if options.text or not options.out:  # of many texts they stand in predictions.tsv
            print(as_lines(run.graph, result, run.texts))
        if not options.text:
            print(f"{texts} texts on {run.backend}, without labels")
    else:
        assert run.score is not None
        print(f"{texts} texts on {run.backend}: {run.score}{_beside(run)}")
    if options.counts != "none":
        print(f"\n{'layer':<34}{'neurons':>8}{'spikes a text':>15}{'firing rate':>13}")
        for layer in run.layers:
            print(f"{layer.name:<34}{layer.width:>8}{layer.spikes / texts:>15.1f}{layer.rate:>13.4f}")
    if result.steps is not None:
        print(f"\nsteps a text: {result.steps.mean():.2f} of {run.graph.time_steps}, by the early exit")
    print(f"\nstart-up {result.startup_seconds:.2f} s, simulation {result.seconds:.2f} s", end="")
    print(f"; counts and predictions in {options.out}" if options.out else "")


COMMANDS = {
    "simulate": Command(parser, run, tells_its_line=True, messages="stderr"),
    "verify": Command(verify_parser, verify, messages="stderr"),
    "sweep": Command(sweep_parser, sweep, messages="stderr"),
    "ablate": Command(ablate_parser, ablate, messages="stderr"),
}


if __name__ == "__main__":
    sys.exit(main())

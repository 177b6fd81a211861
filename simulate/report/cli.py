"""spikebert-report: what a simulated run did and what it would cost, as a page, as Markdown, as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spikebert.core.commands import Command, script
from spikebert.core.errors import InputError
from spikebert.core.files import write_atomically

if TYPE_CHECKING:
    from simulate.report.report import Report

PROGRAM = "spikebert-report"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Report a simulated run: accuracy, firing rates, synaptic operations, and their energy "
        "beside a BERT of the same shape. The folder of the run is all it reads.",
        epilog=f"'{PROGRAM} compare --help' tells how to put several runs side by side. For example: "
        "spikebert report run --mapping map -o report.html",
    )
    p.add_argument("run", help="the --out folder of spikebert-simulate")
    p.add_argument(
        "-o",
        "--out",
        action="append",
        required=True,
        metavar="FILE",
        help="the report as .html, .md or .json, by its suffix (may be given several times)",
    )
    p.add_argument(
        "--teacher",
        metavar="PATH",
        help="the folder or config.json of a BERT to price on the same texts (default: the teacher that the model's "
        "file notes)",
    )
    p.add_argument(
        "--exit-margin",
        metavar="M",
        help="margin of an early exit at which the run must have been simulated (never: without one)",
    )
    p.add_argument("--mapping", metavar="PATH", help="mapping.json of spikebert-deploy map, or its folder: the chips")
    p.add_argument(
        "--ablation",
        metavar="FILE",
        help="the .json of spikebert-simulate ablate: what each part of the model is worth",
    )
    p.add_argument(
        "--figure", metavar="NAME", help="write one figure alone, as .svg, .pdf or .png: energy, firing, ..."
    )
    return p


def compare_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} compare",
        description="Put simulated runs side by side, as Markdown or JSON.",
        epilog="For example: spikebert compare run-a run-b -o runs.md",
    )
    p.add_argument("runs", nargs="+", metavar="RUN", help="the --out folders of spikebert-simulate, two or more")
    p.add_argument("-o", "--out", metavar="FILE", help="a .md or .json file (default: print Markdown)")
    return p


def compare(options: argparse.Namespace) -> None:
    if len(options.runs) < 2:
        raise InputError("give two runs or more to compare")
    from simulate.report import comparison
    from simulate.report.write import require_document

    folders = [Path(folder) for folder in options.runs]
    output = require_document(options.out, (".md", ".json"), folders) if options.out else None
    table = comparison.table(folders)
    if output is None:
        print(comparison.as_markdown(table))
        return
    text = comparison.as_json(table) if output.suffix.lower() == ".json" else comparison.as_markdown(table) + "\n"
    write_atomically(output, lambda temporary: temporary.write_text(text, "utf-8"))
    print(f"{output}: {output.stat().st_size / 1000:,.0f} kB")


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, COMMANDS, "report", arguments)


def run(options: argparse.Namespace) -> None:
    from simulate.report.write import DOCUMENTS, FIGURES, require_document, write

    more = [Path(path) if path else None for path in (options.teacher, options.mapping, options.ablation)]
    sources = [Path(options.run), *more]
    outputs = [require_document(path, FIGURES if options.figure else DOCUMENTS, sources) for path in options.out]
    from simulate.report.report import read_report

    report = read_report(Path(options.run), *more)
    if options.exit_margin is not None:
        _require_margin(options.exit_margin, report)
    for path in outputs:
        write(report, path, options.figure)
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


def _require_margin(choice: str, report: Report) -> None:
    """An InputError if the run was simulated at another margin: its spikes would be others."""
    from export.ir.early_exit import number, units
    from export.ir.exit_option import NEVER

    run = report.content.run
    found, scale = run.model.exit_margin, run.model.logit_scale
    wanted = None if choice == NEVER else number(choice)
    if wanted is None and found is None:
        return
    if wanted is None or found is None or not scale or units(wanted, scale) != found:
        how = "without an early exit" if found is None else f"at a margin of {found * scale:.4g}"
        raise InputError(
            f"--exit-margin {choice}: the run in {run.folder} was simulated {how}; simulate it again with "
            f"spikebert-simulate {run.model.file} --exit-margin {choice} --out {run.folder}"
        )


COMMANDS = {"report": Command(parser, run), "compare": Command(compare_parser, compare)}


if __name__ == "__main__":
    sys.exit(main())

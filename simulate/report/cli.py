"""spikebert-report: what a simulated run did and what it would cost, as a page, as Markdown, as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spikebert.errors import InputError, exit_cleanly
from spikebert.files import write_atomically

if TYPE_CHECKING:
    from simulate.report.report import Report

PROGRAM = "spikebert-report"
DOCUMENTS = (".html", ".md", ".json")
FIGURES = (".svg", ".pdf", ".png")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Report a run of spikebert-simulate: accuracy, firing rates, synaptic operations, and their energy "
        "beside a BERT of the same shape. The folder of the run is all it reads.",
    )
    p.add_argument("run", help="the --out folder of spikebert-simulate")
    p.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        metavar="FILE",
        help="the report as .html, .md or .json, by its suffix (may be given several times)",
    )
    p.add_argument(
        "--figure", metavar="NAME", help="write one figure alone, as .svg, .pdf or .png: energy, firing, ..."
    )
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return exit_cleanly(PROGRAM, lambda: run(options))


def run(options: argparse.Namespace) -> None:
    outputs = [_output(path, FIGURES if options.figure else DOCUMENTS) for path in options.output]
    for path in outputs:
        if path.resolve() == (Path(options.run) / "counts.json").resolve():
            raise InputError(f"-o {path}: is what the report is made from; choose another name")
    from simulate.report.report import read_report

    report = read_report(Path(options.run))
    for path in outputs:
        write_atomically(path, _writer(report, path, options.figure))
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


def _output(path: str, suffixes: tuple[str, ...]) -> Path:
    output = Path(path)
    if output.suffix.lower() not in suffixes:
        hint = "; --figure NAME writes a figure" if output.suffix.lower() in FIGURES else ""
        raise InputError(f"-o {path}: the suffix must be one of {', '.join(suffixes)}{hint}")
    if output.is_dir():
        raise InputError(f"-o {path}: is a folder; give a file")
    if not output.parent.is_dir():
        raise InputError(f"-o {path}: there is no folder {output.parent}; create it first")
    return output


def _writer(report: Report, path: Path, figure: str | None) -> Callable[[Path], object]:
    """What fills the file `path`, given where to write."""
    suffix = path.suffix.lower()
    if figure:
        from simulate.report.plotting import save

        plot = report.figure(figure).plot
        assert plot is not None
        return lambda temporary: save(plot, temporary, suffix[1:])
    from simulate.report import data, markdown, page

    render = {".html": page.render, ".md": markdown.render, ".json": data.render}[suffix]
    return lambda temporary: temporary.write_text(render(report), "utf-8")


if __name__ == "__main__":
    sys.exit(main())

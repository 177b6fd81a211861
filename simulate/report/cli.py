"""spikebert-report: the firing rates and the energy of a simulated run, as HTML, Markdown or JSON."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from spikebert.errors import InputError, exit_cleanly

PROGRAM = "spikebert-report"
FORMS = (".html", ".md", ".json")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog=PROGRAM, description="Report accuracy, firing rates and energy of a simulated run.")
    p.add_argument("run", help="the --out folder of spikebert-simulate")
    p.add_argument(
        "-o", "--out", action="append", required=True, help="report.html, report.md or report.json; may be repeated"
    )
    return p


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    return exit_cleanly(PROGRAM, lambda: run(options, shlex.join([PROGRAM, *arguments])))


def run(options: argparse.Namespace, command: str) -> None:
    outputs = [Path(out) for out in options.out]
    for out in outputs:
        if out.suffix not in FORMS:
            raise InputError(f"-o {out}: the name must end with {', '.join(FORMS)}")
        if not out.absolute().parent.is_dir():
            raise InputError(f"-o {out}: its folder does not exist; create it first")
    from simulate.folder import read_counts
    from simulate.report.content import make_report

    counts = read_counts(Path(options.run))
    report = make_report(counts)
    for out in outputs:
        _write(out, _form(out.suffix, report, counts, command))
    for what, figure, remark in report.headlines:
        print(f"{what}: {figure} ({remark})")
    print(f"report in {', '.join(map(str, outputs))}")


def _form(suffix: str, report, counts: dict, command: str) -> str:
    from simulate.report import page

    if suffix == ".html":
        return page.html(report, counts, command)
    return page.markdown(report, command) if suffix == ".md" else page.as_json(report, command)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
